"""`veriward check --tasks`: what a user's own tasks are tried with, and what is told of those that fail."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from veriward.cli.main import app
from veriward.cli.rollout_lines import Line
from veriward.cli.trust_lines import GIVEN, TRIALS, TaskLines
from veriward.verifiers import verifiers

MATH = {"verifier": "math", "answer": "72"}


@pytest.fixture(scope="module")
def judge(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A server with real verifiers that run no programs."""
    running_server = type(request.getfixturevalue("server"))
    running = running_server({name: one for name, one in verifiers().items() if not one.runs_programs})
    yield running
    running.stop()


def write(folder: Path, *lines: dict[str, Any] | bytes) -> Path:
    path = folder / "tasks.jsonl"
    path.write_bytes(b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines))
    return path


def check(path: Path, server: Any, *flags: str) -> Result:
    arguments = ["check", "--tasks", str(path), "--server", server.url, *flags]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def report(path: Path, server: Any, *flags: str) -> Any:
    return json.loads(check(path, server, "--json", *flags).stdout)


def test_good_tasks_hold(tmp_path: Path, judge: Any) -> None:
    tasks = write(
        tmp_path,
        {"id": "a", "task": MATH, "prompt": "What is 70 + 2?"},
        {"id": "b", "task": {"verifier": "choice", "answer": "B", "options": {"A": "Lyon", "B": "Paris"}}},
        {"id": "c", "task": {"verifier": "short_answer", "gold": ["Paris", "City of Paris"]}},
        {"id": "d", "task": {"verifier": "math", "answer": "\\frac{1}{2}"}, "gold_response": "so it is \\boxed{0.5}"},
        {"id": "e", "task": {"verifier": "table", "gold": ["Rome", "Bonn"]}},
        {"id": "f", "task": {"verifier": "arc", "gold": [[0, 1], [1, 0]]}},
    )
    told = report(tasks, judge)
    assert told["holds"], told["findings"]
    assert (told["tasks"], told["proven"], told["unproven"]) == (6, 6, 0)
    assert check(tasks, judge).exit_code == 0


FAILING = {
    "a gold answer that cannot be read": ({"verifier": "math", "answer": "\\frac{"}, {}, "task"),
    "a response given as right that is not": (MATH, {"gold_response": "so \\boxed{71}"}, "given gold"),
    "one of several given responses is not right": (MATH, {"gold_response": ["\\boxed{72}", "no idea"]}, "given gold"),
    "a prompt that gives the answer away": (MATH, {"prompt": "It is \\boxed{72}. What is it?"}, "echo of the prompt"),
    "an instruction that any text follows": (
        {"verifier": "instruction", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]},
        {},
        "random",
    ),
    "a task for which any prose is right": ({"verifier": "refusal", "gold": "compliance"}, {}, "random"),
    "a task of no known verifier": ({"verifier": "maths", "answer": "72"}, {}, "task"),
}


@pytest.mark.parametrize(("task", "beside", "fails"), FAILING.values(), ids=FAILING.keys())
def test_a_task_that_fails_is_told(
    tmp_path: Path, judge: Any, task: dict[str, Any], beside: dict[str, Any], fails: str
) -> None:
    tasks = write(tmp_path, {"id": "bad", "task": task, **beside}, {"task": MATH})
    told = report(tasks, judge)
    assert not told["holds"]
    assert fails in {finding["check"] for finding in told["findings"]}, told
    assert {finding["id"] for finding in told["findings"]} == {"bad"}
    assert check(tasks, judge).exit_code == 1


def test_the_table_tells_line_check_and_reason(tmp_path: Path, judge: Any) -> None:
    tasks = write(tmp_path, {"task": MATH}, {"id": "broken", "task": {"verifier": "math", "answer": "\\frac{"}})
    told = check(tasks, judge).output
    assert "broken" in told
    assert "invalid_task" in told
    assert "2 tasks; 1 golds paid in full" in told


LINES = {
    "a task within a line": ({"task": MATH}, "math"),
    "a task's own fields": (MATH, "math"),
    "a task's own fields, one of which is a task": (
        {"verifier": "calibration", "task": {"verifier": "math", "answer": "72"}},
        "calibration",
    ),
    "a task that names no verifier": ({"answer": "72"}, "math"),
    "a task that asks for a recipe": ({"task": {"recipe": "math_boxed", "answer": "72"}}, "math"),
    "a recipe's own fields, one of which is a task": ({"recipe": "r1_any", "task": MATH}, "all_of"),
}


@pytest.mark.parametrize(("line", "verifier"), LINES.values(), ids=LINES.keys())
def test_a_line_may_be_written_in_several_ways(tmp_path: Path, line: dict[str, Any], verifier: str) -> None:
    (read,) = TaskLines(write(tmp_path, line), verifier, False, None)
    assert isinstance(read, Line), read
    assert read.item["task"]["verifier"] == verifier


BAD_LINES = {
    "what is no JSON": (b"{", "not JSON"),
    "a task by reference": ({"task": {"ref": "sha256:00"}}, "reference"),
    "a task for another verifier": ({"task": {"verifier": "sql"}}, "not for 'math'"),
    "a task that is no object": ({"task": 7}, "no object"),
    "a recipe that is not known": ({"task": {"recipe": "mathh"}}, "is no recipe"),
    "a right response that is no text": ({"task": MATH, "gold_response": 72}, "gold_response"),
}


@pytest.mark.parametrize(("line", "told"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_line_of_no_task_is_a_bad_line(tmp_path: Path, judge: Any, line: Any, told: str) -> None:
    tasks = write(tmp_path, line, {"task": MATH})
    found = report(tasks, judge, "--verifier", "math")
    assert (found["bad_lines"], found["tasks"]) == (1, 1)
    assert told in found["findings"][0]["reason"]
    assert check(tasks, judge, "--verifier", "math").exit_code == 1


def test_published_rows_are_tried_as_they_are(tmp_path: Path, judge: Any) -> None:
    tasks = write(tmp_path, {"question": "How much?", "answer": "3 + 4 = 7\n#### 7"})
    told = report(tasks, judge, "--rows", "gsm8k")
    assert told["holds"], told
    assert told["checks"]["echo of the prompt"] == {"tasks": 1, "failed": 0}


def test_answers_of_other_tasks_are_listed_beside_a_tasks_own(tmp_path: Path) -> None:
    lines = [{"task": {"verifier": "math", "answer": str(n)}} for n in (11, 12, 13)]
    _, second, _ = TaskLines(write(tmp_path, *lines), None, False, None)
    assert isinstance(second, Line)
    listed = [trial.response for trial in second.kept[TRIALS] if trial.kind == "every answer"]
    assert "11, 12, 13" in listed[0]


def test_a_task_without_an_answer_is_tried_and_counted_as_unproven(tmp_path: Path, judge: Any) -> None:
    task = {
        "verifier": "instruction",
        "instruction_id_list": ["keywords:existence"],
        "kwargs": [{"keywords": ["kiwi"]}],
    }
    told = report(write(tmp_path, {"task": task}), judge)
    assert (told["holds"], told["proven"], told["unproven"]) == (True, 0, 1)
    told = report(write(tmp_path, {"task": task, "gold_response": "A kiwi is a fruit."}), judge)
    assert (told["holds"], told["proven"], told["unproven"]) == (True, 1, 0)
    assert GIVEN in told["checks"]


def test_a_file_without_tasks_proves_nothing(tmp_path: Path, judge: Any) -> None:
    assert check(write(tmp_path), judge).exit_code == 1


USAGE = {
    "no file": (["check", "--tasks", "/nowhere.jsonl"], "is not a file"),
    "two verifiers": (["check", "--tasks", __file__, "--verifier", "a", "--verifier", "b"], "one --verifier"),
    "an unknown set": (["check", "--tasks", __file__, "--rows", "gms8k"], "known: "),
    "an option of --tasks without it": (["check", "--json"], "goes with --tasks"),
}


@pytest.mark.parametrize(("arguments", "told"), USAGE.values(), ids=USAGE.keys())
def test_wrong_usage_is_one_line(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert told in result.output
