"""`veriward replay`: what is joined, graded again, and told of what changed. `desk` holds files and a server."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from veriward.cli.changes import MAX_CHANGES
from veriward.cli.main import app


class Store:
    """Stored results, and where they are replayed to."""

    def __init__(self, desk: Any, server: Any) -> None:
        self.desk, self.server = desk, server
        self.stored = desk.folder / "stored.jsonl"
        self.again = desk.folder / "again.jsonl"

    def keep(self, *lines: dict[str, Any] | bytes) -> None:
        raw = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines]
        self.stored.write_bytes(b"".join(one + b"\n" for one in raw))

    def replay(self, *flags: str, source: Path | None = None) -> Result:
        result: Result = self.desk.run("replay", source or self.stored, self.again, self.server, *flags)
        return result

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.again.read_bytes().splitlines()]

    @property
    def rejections(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in Path(f"{self.again}.rejected").read_bytes().splitlines()]


@pytest.fixture
def store(desk: Any, raised_server: Any) -> Store:
    raised_server.queue.forget()
    return Store(desk, raised_server)


def stored(line: dict[str, Any], *rewards: float | None) -> dict[str, Any]:
    results = [
        {"status": "invalid_task" if reward is None else "graded", "reward": reward, "verifier": "number", "version": 1}
        for reward in rewards
    ]
    return {**line, "results": results}


def test_a_thousand_rollouts_after_the_verifiers_version_was_raised(desk: Any, store: Store) -> None:
    """Version 1 wants `#### n`, version 2 takes the last word: what was wrong for want of the mark becomes right."""
    desk.write(*[desk.line(n, f"#### {n}", f"it is {n}" if n % 10 == 0 else f"#### {n + 1}") for n in range(500)])
    assert desk.grade().exit_code == 0
    told = store.replay("--rollouts", str(desk.source), source=desk.output)
    assert told.exit_code == 0, told.output
    assert "50 of 1,000 rewards changed" in told.output
    assert "1 → 2" in told.output
    assert "line 1 (row/0), response 1: 0 → 1" in told.output
    assert "line 491 (row/490), response 1: 0 → 1" in told.output
    assert [record["line"] for record in store.records] == list(range(1, 501))
    for key, version in (("before", 1), ("results", 2)):
        assert {one["version"] for record in store.records for one in record[key]} == {version}
    assert store.replay("--rollouts", str(desk.source), "--strict", source=desk.output).exit_code == 1


def test_a_thousand_rollouts_of_a_servers_audit_log(desk: Any, store: Store) -> None:
    """What the server wrote down itself is replayed as it is, after the verifier's version was raised."""
    audit = desk.folder / "audit.jsonl"
    audited = type(desk.server)(audit_file=audit)
    desk.write(*[desk.line(n, f"#### {n}", f"it is {n}" if n % 10 == 0 else f"#### {n + 1}") for n in range(500)])
    try:
        assert desk.run("grade", desk.source, desk.output, audited).exit_code == 0
    finally:
        audited.stop()  # its log is whole then
    told = store.replay("--strict", source=audit)
    assert told.exit_code == 1
    assert "50 of 1,000 rewards changed" in told.output
    assert "1 → 2" in told.output
    assert "(row/490), response 1: 0 → 1" in told.output
    assert not Path(f"{store.again}.rejected").exists()
    assert {one["version"] for record in store.records for one in record["before"]} == {1}


def test_the_same_verifier_changes_nothing(desk: Any) -> None:
    desk.write(*desk.lines(20))
    desk.grade()
    same = Store(desk, desk.server)
    told = same.replay("--rollouts", str(desk.source), "--strict", source=desk.output)
    assert told.exit_code == 0, told.output
    assert "0 of 40 rewards changed" in told.output


def test_lines_that_hold_all_need_no_other_file(desk: Any, store: Store) -> None:
    store.keep(stored(desk.line(7, "so 7", "#### 8", step=3), 0.0, 1.0))
    told = store.replay()
    assert told.exit_code == 0, told.output
    (record,) = store.records
    assert [one["reward"] for one in record["results"]] == [1.0, 0.0]
    assert [one["reward"] for one in record["before"]] == [0.0, 1.0]
    assert record["step"] == 3
    assert "2 of 2 rewards changed" in told.output


def test_nulls_that_came_or_went_are_counted_apart(desk: Any, store: Store) -> None:
    nonsense = {**desk.line(7, "so 7"), "task": {"verifier": "nonsense"}}
    store.keep(stored(desk.line(7, "so 7"), None), stored(nonsense, 1.0), stored(nonsense, None))
    told = store.replay()
    assert "line 1 (row/7), response 0: null → 1" in told.output
    assert "line 2 (row/7), response 0: 1 → null (invalid_task)" in told.output
    assert "2 of 3 rewards changed" in told.output


def test_no_more_changes_are_told_one_by_one_than_the_bound(desk: Any, store: Store) -> None:
    store.keep(*[stored(desk.line(n, f"so {n}"), 0.0) for n in range(MAX_CHANGES + 1)])
    told = store.replay().output
    assert f"(row/{MAX_CHANGES - 1})" in told
    assert f"(row/{MAX_CHANGES})" not in told
    assert "… and 1 more" in told


def test_lines_added_by_a_resumed_run_find_their_own(desk: Any, store: Store) -> None:
    """A resumed run of `grade` puts its lines last; blank lines of the input count."""
    lines = [json.dumps(desk.line(number, f"#### {number}")).encode() for number in range(3)]
    desk.write(b"", lines[0], b"", lines[1], lines[2])
    desk.grade()
    first, *rest = desk.output.read_bytes().splitlines(keepends=True)
    desk.output.write_bytes(b"".join(rest) + first)
    assert store.replay("--rollouts", str(desk.source), source=desk.output).exit_code == 0
    assert [record["id"] for record in store.records] == ["row/1", "row/2", "row/0"]
    assert all(record["results"][0]["reward"] == 1.0 for record in store.records)


def test_an_interrupted_replay_goes_on(desk: Any, store: Store) -> None:
    store.keep(*[stored(desk.line(n, f"so {n}"), 0.0) for n in range(10)])
    store.replay()
    whole = store.again.read_bytes()
    store.again.write_bytes(b"".join(whole.splitlines(keepends=True)[:4]) + b'{"line": 5, "torn')
    told = store.replay()
    assert store.again.read_bytes() == whole
    assert "10 of 10 rewards changed" in told.output


LINE = {"id": "x", "task": {"verifier": "number", "answer": "7"}, "responses": ["#### 7"]}
BAD = {
    "no results": (LINE, "no list of results"),
    "results of another shape": ({**LINE, "results": [1]}, "no list of results"),
    "a result too many": (stored(LINE, 1.0, 1.0), "2 results for 1 responses"),
    "a reward that is a text": (
        {**LINE, "results": [{"status": "graded", "reward": "1"}]},
        "neither a number nor null",
    ),
    "no task": ({"line": 1, "results": [{"status": "graded", "reward": 1.0}]}, "--rollouts"),
    "no responses": (stored({"task": {"verifier": "number"}}, 1.0), "responses"),
    "not JSON": (b"{", "not JSON"),
}


@pytest.mark.parametrize(("line", "error"), BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_named_and_costs_no_other(store: Store, line: dict[str, Any] | bytes, error: str) -> None:
    store.keep(line, stored(LINE, 1.0))
    told = store.replay()
    assert told.exit_code == 0, told.output
    assert [record["line"] for record in store.records] == [2]
    (rejected,) = store.rejections
    assert rejected["line"] == 1
    assert error in rejected["error"]
    assert store.replay("--strict").exit_code == 1


NOT_JOINED = {
    "a line that the input lacks": ({"line": 9}, "has no line 9"),
    "a line that is no number": ({"line": "1"}, "has no line '1'"),
    "a line that changed since": ({"line_hash": "0" * 16}, "is not the one that was graded"),
}


@pytest.mark.parametrize(("changed", "error"), NOT_JOINED.values(), ids=NOT_JOINED.keys())
def test_results_of_other_rollouts_are_not_joined(desk: Any, store: Store, changed: dict[str, Any], error: str) -> None:
    desk.write(desk.line(1))
    desk.grade()
    store.keep({**desk.records[0], **changed})
    store.replay("--rollouts", str(desk.source))
    (rejected,) = store.rejections
    assert error in rejected["error"]


def test_wrong_usage_is_one_line(tmp_path: Path) -> None:
    stored_file = tmp_path / "stored.jsonl"
    stored_file.write_text("{}\n")
    result = CliRunner().invoke(app, ["replay", str(stored_file), "-o", str(stored_file)])
    assert result.exit_code == 2
    missing = ["replay", str(stored_file), "-o", str(tmp_path / "out"), "--rollouts", str(tmp_path / "none")]
    result = CliRunner().invoke(app, missing)
    assert result.exit_code == 2
    assert "is not a file" in result.output
