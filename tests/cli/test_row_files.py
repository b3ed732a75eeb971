"""`veriward grade --rows`: files of published rows, JSONL or parquet, graded as they are."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

from veriward.cli import table_files
from veriward.cli.main import app
from veriward.cli.rollout_lines import raw_lines
from veriward.cli.row_lines import row_lines
from veriward.verifiers.rows import known_sets

GSM8K = {"question": "How much?", "answer": "3 + 4\n#### 7", "completions": ["so it is 7", "so 8"]}
VERL = {
    "data_source": "math_dapo",
    "prompt": [{"role": "user", "content": "?"}],
    "ability": "math",
    "reward_model": {"style": "rule", "ground_truth": "34"},
    "extra_info": {"split": "train", "index": 3},
    "completions": ["\\boxed{34}"],
}


def parquet(path: Path, *rows: dict[str, Any]) -> Path:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    return path


def lines(path: Path, set_name: str | None = None, column: str = "completions") -> list[Any]:
    return list(row_lines(path, lambda number: False, set_name, column))


def grade(source: Path, *flags: str) -> Result:
    arguments = ["grade", str(source), "-o", str(source.with_suffix(".out")), *flags]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_a_parquet_files_rows_become_items(tmp_path: Path) -> None:
    (line,) = lines(parquet(tmp_path / "a.parquet", GSM8K), "gsm8k")
    assert line.item["task"] == {"verifier": "math", "answer": "7"}
    assert line.item["responses"] == ["so it is 7", "so 8"]
    assert line.number == 1
    assert line.end == (tmp_path / "a.parquet").stat().st_size


def test_verls_rows_go_by_their_data_source(tmp_path: Path) -> None:
    (line,) = lines(parquet(tmp_path / "a.parquet", VERL))
    assert line.item["source"] == "math_dapo"
    assert line.item["task"] == {"verifier": "math", "answer": "34"}


def test_jsonl_is_read_the_same_way(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text(json.dumps(GSM8K))
    assert lines(source)[0].item == lines(parquet(tmp_path / "a.parquet", GSM8K))[0].item


def test_a_list_of_messages_is_one_response(tmp_path: Path) -> None:
    messages = [{"role": "assistant", "content": "so 7"}]
    (line,) = lines(parquet(tmp_path / "a.parquet", {**GSM8K, "completions": messages}))
    assert line.item["responses"] == [messages]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        pytest.param({**GSM8K, "completions": None}, "no responses in the column", id="no responses"),
        pytest.param({"text": "?", "completions": ["7"]}, "no set publishes the columns", id="columns of no set"),
        pytest.param({**VERL, "data_source": "ours/none"}, "no set is known whose data_source", id="an unknown source"),
        pytest.param({**GSM8K, "answer": "7 ####"}, "answer", id="a row that is not as published"),
    ],
)
def test_a_row_of_which_no_item_can_be_made_is_a_bad_line(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    (line,) = lines(parquet(tmp_path / "a.parquet", row))
    assert told in line.error


def test_a_large_file_is_read_in_batches_and_keeps_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "BATCH_ROWS", 3)
    path = parquet(tmp_path / "a.parquet", *[{"n": at} for at in range(10)])
    told = list(raw_lines(path))
    assert [number for number, _, _ in told] == list(range(1, 11))
    assert [json.loads(raw)["n"] for _, raw, _ in told] == list(range(10))
    assert [end for _, _, end in told] == sorted(end for _, _, end in told)


def test_what_json_has_no_form_for_is_written_as_text(tmp_path: Path) -> None:
    row = {"a": b"\xff\x00", "b": date(2026, 11, 20), "c": Decimal("1.50"), "d": [float("nan"), 1.5], "e": None}
    ((_, raw, _),) = raw_lines(parquet(tmp_path / "a.parquet", row))
    assert json.loads(raw) == {"a": "/wA=", "b": "2026-11-20", "c": "1.50", "d": [None, 1.5], "e": None}


def test_an_unknown_set_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    told = grade(parquet(tmp_path / "a.parquet", GSM8K), "--rows", "gms8k")
    assert told.exit_code == 2
    assert "no set is called 'gms8k'" in told.output
    assert all(name in told.output for name in known_sets())


def test_what_is_no_parquet_is_told(tmp_path: Path) -> None:
    source = tmp_path / "a.parquet"
    source.write_bytes(b"PAR1 but no more")
    told = grade(source, "--rows", "auto")
    assert told.exit_code == 2
    assert "a.parquet" in told.output
    assert "Traceback" not in told.output


def test_items_in_parquet_are_graded_without_a_set(desk: Any) -> None:
    source = parquet(desk.folder / "items.parquet", *desk.lines(3))
    told = desk.run("grade", source, desk.output, desk.server)
    assert told.exit_code == 0, told.output
    assert desk.rewards == [[1.0, 0.0]] * 3
    assert desk.run("grade", source, desk.output, desk.server).exit_code == 0  # taken up again: nothing is left
    assert desk.graded_lines == [1, 2, 3]
