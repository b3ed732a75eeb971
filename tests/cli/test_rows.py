"""`veriward rows` over a file: items that `veriward grade` takes, and what is told of the others."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from veriward.cli import rows_run
from veriward.cli.main import app

GSM8K = {"question": "How much?", "answer": "#### 7"}
VERL = {"data_source": "math_dapo", "prompt": "?", "reward_model": {"ground_truth": "34"}, "extra_info": {"index": 3}}


class Folder:
    """An input, an output, and the command."""

    def __init__(self, folder: Path) -> None:
        self.source, self.output = folder / "in.jsonl", folder / "out.jsonl"
        self.rejected = folder / "out.jsonl.rejected"

    def rows(self, *rows: dict[str, Any] | bytes, flags: tuple[str, ...] = ()) -> Result:
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        self.source.write_bytes(b"\n".join(lines) + b"\n")
        return CliRunner().invoke(app, ["rows", str(self.source), "-o", str(self.output), *flags])

    @property
    def items(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.read_bytes().splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_rows_of_several_sets_become_items_in_their_order(folder: Folder) -> None:
    told = folder.rows({**GSM8K, "responses": ["so 7", "so 8"]}, VERL)
    assert told.exit_code == 0, told.output
    first, second = folder.items
    assert first["task"] == {"verifier": "math", "answer": "7"}
    assert first["responses"] == ["so 7", "so 8"]
    assert second["id"] == "math_dapo/3"
    assert "responses" not in second
    assert "2 items" in told.output
    assert "gsm8k: 1 for math" in told.output


def test_one_response_in_a_column_of_another_name(folder: Folder) -> None:
    folder.rows({**GSM8K, "completion": "so 7"}, flags=("--responses", "completion"))
    assert folder.items[0]["responses"] == ["so 7"]


def test_the_set_may_be_named(folder: Folder) -> None:
    told = folder.rows({**GSM8K, "supporting_facts": {}}, flags=("--set", "gsm8k"))
    assert told.exit_code == 0
    assert folder.items[0]["source"] == "gsm8k"


BAD = {
    "not JSON": (b"{", "not JSON"),
    "no object": (b"[]", "not a JSON object"),
    "columns of no set": (b'{"foo": 1, "bar": 2}', "foo, bar"),
    "a column that is not as published": (b'{"question": "?", "answer": "####"}', "answer: "),
}


@pytest.mark.parametrize(("raw", "error"), BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_named_and_costs_no_other(folder: Folder, raw: bytes, error: str) -> None:
    told = folder.rows(GSM8K, raw, GSM8K)
    assert told.exit_code == 0
    assert len(folder.items) == 2
    (rejected,) = map(json.loads, folder.rejected.read_text().splitlines())
    assert rejected["line"] == 2
    assert error in rejected["error"]
    assert "line 2: " in told.output
    assert folder.rows(GSM8K, raw, flags=("--strict",)).exit_code == 1


def test_an_item_past_what_can_be_graded_is_a_bad_line(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.rows(GSM8K)
    monkeypatch.setattr(rows_run, "MAX_LINE_BYTES", len(folder.output.read_bytes()))
    folder.rows(GSM8K, {**GSM8K, "question": "How much??"})
    assert len(folder.items) == 1
    assert "that can be graded" in folder.rejected.read_text()


USAGE = {
    "a set that nobody knows": (("--set", "gms8k"), "known: apps"),
    "no input": ((), "is not a file"),
}


@pytest.mark.parametrize(("flags", "told"), USAGE.values(), ids=USAGE.keys())
def test_wrong_usage_is_one_line(tmp_path: Path, flags: tuple[str, ...], told: str) -> None:
    result = CliRunner().invoke(app, ["rows", str(tmp_path / "none"), "-o", str(tmp_path / "out"), *flags])
    assert result.exit_code == 2
    assert told in result.output
