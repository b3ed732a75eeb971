"""`veriward generate`: the plan is the seed's alone, mistakes are told, and what is made can be graded."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from veriward.cli.exits import Stop
from veriward.cli.generate_plan import MAX_NAMES, Plan, plan_of
from veriward.cli.generate_run import GenerateRun
from veriward.cli.main import app
from veriward.cli.picture_files import PictureFolder
from veriward.cli.server_process import server_process
from veriward.cli.task_files import BATCH_ROWS, TaskFile
from veriward.client import Client
from veriward.verifiers.generators import generators, sample

MIX = ["logic.dyck_language", "logic.countdown=3"]
ROW = {"id": "a/0/0", "source": "a", "difficulty": 0.5, "prompt": "?", "task": {"verifier": "a"}, "reference": "é"}


def plan(names: list[str] = MIX, count: int = 400, seed: int = 7, difficulty: str = "0.2-0.8") -> Plan:
    return plan_of(names, count, seed, difficulty, "{}", check=True)


def test_the_plan_is_a_function_of_the_seed() -> None:
    assert list(plan()) == list(plan())
    assert list(plan()) != list(plan(seed=8))


def test_a_longer_plan_begins_as_a_shorter_one() -> None:
    assert list(plan(count=500))[:400] == list(plan())


def test_weights_and_the_range_are_kept_to_and_no_task_is_planned_twice() -> None:
    planned = list(plan())
    counts = Counter(one.name for one in planned)
    assert 80 <= counts["logic.dyck_language"] <= 120  # of 400, one in four
    assert all(0.2 <= one.difficulty <= 0.8 for one in planned)
    assert len({(one.name, one.index) for one in planned}) == 400


REFUSED = {
    "a name that is not known": (["logic.sudok"], "0.5", "{}", "did you mean logic.sudoku"),
    "a name twice": (["logic.sudoku", "logic.sudoku=2"], "0.5", "{}", "twice"),
    "a weight of nothing": (["logic.sudoku=0"], "0.5", "{}", "weight"),
    "a weight that is no number": (["logic.sudoku=x"], "0.5", "{}", "weight"),
    "more names than the bound": ([f"a{at}" for at in range(MAX_NAMES + 1)], "0.5", "{}", "more than"),
    "a difficulty past 1": (MIX, "1.1", "{}", "--difficulty"),
    "a range upside down": (MIX, "0.8-0.2", "{}", "--difficulty"),
    "a difficulty that is no number": (MIX, "hard", "{}", "--difficulty"),
    "parameters that are no JSON": (MIX, "0.5", "{", "not JSON"),
    "parameters that are no object": (MIX, "0.5", "[1]", "object"),
    "a parameter that a generator has not": (MIX, "0.5", '{"kinds": 2}', "logic.countdown: kinds"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_no_file_can_be_made_of_is_told(sentence: str) -> None:
    names, difficulty, parameters, told = REFUSED[sentence]
    with pytest.raises(Stop, match=told):
        plan_of(names, 10, 0, difficulty, parameters, check=True)


@pytest.mark.parametrize("name", ["tasks.jsonl", "tasks.parquet"])
def test_a_file_is_there_only_when_it_is_whole(tmp_path: Path, name: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    with TaskFile(tmp_path / name) as file:
        for _ in range(BATCH_ROWS + 1):
            file.write(ROW)
        assert not (tmp_path / name).exists()
    assert list(tmp_path.iterdir()) == []


def test_parquet_is_read_back_with_its_tasks(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from veriward.cli.table_files import table_lines

    with TaskFile(tmp_path / "tasks.parquet") as file:
        for _ in range(BATCH_ROWS + 1):
            file.write(ROW)
        file.finish()
    lines = [json.loads(line) for _, line, _ in table_lines(tmp_path / "tasks.parquet")]
    assert lines == [ROW] * (BATCH_ROWS + 1)


def test_rows_keep_the_order_of_the_plan_whoever_is_first(tmp_path: Path) -> None:
    run = GenerateRun(plan(count=50), tmp_path / "tasks.jsonl", 1)
    turn = 0

    async def make(planned: Any) -> dict[str, Any]:
        nonlocal turn
        turn += 1
        for _ in range(turn * 7 % 5):  # some are there before those asked for earlier
            await asyncio.sleep(0)
        return {"id": f"{planned.name}/{planned.index}", "prompt": "", "task": {}}

    asyncio.run(run._write(make, 8))
    told = [json.loads(line)["id"] for line in (tmp_path / "tasks.jsonl").read_text().splitlines()]
    assert told == [f"{one.name}/{one.index}" for one in plan(count=50)]


def generate(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["generate", *arguments])


def test_without_names_it_lists_what_there_is() -> None:
    told = generate()
    assert told.exit_code == 0
    assert all(name in told.output for name in generators() if name.startswith("logic."))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["logic.sudoku"], "-o"),
        (["logic.sudoku", "-o", "x", "--hide-answers"], "--server"),
        (["logic.sudoku", "-o", "x", "--hide-answers", "--server", "http://x", "--pictures", "y"], "--pictures"),
    ],
    ids=["no file", "answers hidden by nobody", "pictures of what the server keeps"],
)
def test_wrong_usage_is_told_in_a_line(arguments: list[str], told: str) -> None:
    result = generate(*arguments)
    assert result.exit_code == 2
    assert told in result.output


def test_grid_puzzles_are_drawn_as_they_are_made(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    folder = PictureFolder(tmp_path / "drawn", "svg")
    run = GenerateRun(plan(["logic.maze", "logic.countdown"], count=6), tmp_path / "tasks.jsonl", 1, folder)

    async def make(planned: Any) -> dict[str, Any]:
        return sample(generators()[planned.name], 7, planned.index, planned.difficulty)

    asyncio.run(run._write(make, 1))
    ids = [json.loads(line)["id"] for line in (tmp_path / "tasks.jsonl").read_text().splitlines()]
    names = {one.replace("/", "_") + ".svg" for one in ids if one.startswith("logic.maze")}
    assert {file.name for file in (tmp_path / "drawn").iterdir()} == names
    assert folder.drawn == len(names) > 0


@pytest.mark.fleet
def test_a_mix_is_made_here_and_on_a_server_alike_and_graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reference is paid 1 and every corrupted one 0, as tasks and as refs."""
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    mix = [
        *MIX,
        "logic.web_of_lies",
        "logic.knights_knaves",
        "--count",
        "120",
        "--seed",
        "3",
        "--difficulty",
        "0.1-0.6",
    ]
    assert generate(*mix, "-o", str(here), "--processes", "2").exit_code == 0
    rows = [json.loads(line) for line in here.read_text().splitlines()]
    first = next(row for row in rows if row["id"] == "logic.countdown/3/0")
    assert first["task"] == sample(generators()["logic.countdown"], 3, 0, first["difficulty"])["task"]
    with server_process() as server:
        monkeypatch.setenv("VERIWARD_API_KEY", server.api_key)
        told = generate(*mix, "-o", str(there), "--server", server.url, "--hide-answers")
        assert told.exit_code == 0, told.output
        hidden = [json.loads(line) for line in there.read_text().splitlines()]
        assert [row["prompt"] for row in hidden] == [row["prompt"] for row in rows]
        assert {tuple(row["task"]) for row in hidden} == {("ref",)}
        responses = [[row["reference"], row["prompt"], row["reference"][: len(row["reference"]) // 2]] for row in rows]
        for tasks in (rows, hidden):
            items = [
                {"task": row["task"], "responses": told} for row, told in zip(tasks, responses, strict=True)
            ]  # fmt: skip
            with Client(server.url, api_key=server.api_key) as client:
                graded = client.grade(items, deadline_seconds=100)
            rewards = [[result.reward for result in item.results] for item in graded.items]
            assert rewards == [[1.0, 0.0, 0.0]] * 120
