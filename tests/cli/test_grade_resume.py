"""A run of `veriward grade` that was interrupted, and what the next one makes of it."""

import fcntl
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

Lines = Callable[[Any], list[dict[str, Any]]]
FAULT = "a fault of the worker"  # the server's queue gives `error` the first time it meets this


def test_what_is_graded_is_not_graded_again(desk: Any) -> None:
    desk.write(*desk.lines(10))
    desk.grade()
    before = desk.output.read_bytes()
    told = desk.grade()
    assert told.exit_code == 0
    assert desk.output.read_bytes() == before
    assert desk.server.queue.judged == 20
    assert "10 lines were graded by an earlier run" in told.output
    assert "20 rollouts in 10 lines" in told.output


def test_fresh_grades_everything_again(desk: Any) -> None:
    desk.write(*desk.lines(2))
    desk.grade()
    desk.grade("--fresh")
    assert desk.server.queue.judged == 8
    assert desk.graded_lines == [1, 2]


CUTS = {
    "in the middle of a record": 40,
    "after the first byte of a record": 1,
    "before a record's line end": -1,
    "between two records": 0,
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
def test_a_torn_last_line_is_dropped_and_its_line_graded(desk: Any, cut: int) -> None:
    desk.write(*desk.lines(6))
    desk.grade()
    whole = desk.output.read_bytes().splitlines(keepends=True)
    desk.output.write_bytes(b"".join(whole[:3]) + whole[3][:cut])
    desk.server.queue.judged = 0
    assert desk.grade().exit_code == 0
    assert desk.graded_lines == [1, 2, 3, 4, 5, 6]
    assert desk.output.read_bytes().splitlines(keepends=True)[:3] == whole[:3]
    assert desk.server.queue.judged == 6


def test_lines_missing_in_the_middle_are_added_at_the_end(desk: Any) -> None:
    desk.write(*desk.lines(4))
    desk.grade()
    whole = desk.output.read_bytes().splitlines(keepends=True)
    desk.output.write_bytes(whole[0] + whole[3])
    desk.grade()
    assert desk.graded_lines == [1, 4, 2, 3]


def test_what_a_fault_of_ours_left_ungraded_is_graded_by_the_next_run(desk: Any) -> None:
    desk.write(desk.line(1), desk.line(2, f"{FAULT}\n#### 2"), desk.line(3))
    desk.grade()
    assert [record["results"][0]["status"] for record in desk.records] == ["graded", "error", "graded"]
    told = desk.grade("--strict")
    assert told.exit_code == 0
    assert "1 were graded again" in told.output
    assert [results[0] for results in desk.rewards] == [1.0, 1.0, 1.0]


def test_a_bad_line_that_was_mended_is_graded(desk: Any) -> None:
    desk.write(desk.line(1), b'{"task"', desk.line(3))
    desk.grade()
    assert [rejection["line"] for rejection in desk.rejections] == [2]
    desk.write(desk.line(1), desk.line(2), desk.line(3))
    desk.grade()
    assert desk.graded_lines == [1, 3, 2]
    assert not desk.rejected.exists()


def test_a_file_that_grew_is_gone_on_with(desk: Any) -> None:
    desk.write(*desk.lines(1))
    desk.grade()
    desk.write(*desk.lines(3))
    desk.grade()
    assert desk.graded_lines == [1, 2, 3]


FOREIGN = {
    "a text": b"my notes\n",
    "a text without a line end": b"my notes",
    "JSON of another program": b'{"a": 1}\n',
    "a record without results": b'{"line": 1, "line_hash": "00"}\n',
    "a record whose hash is none": b'{"line": 1, "line_hash": "xyz", "results": []}\n',
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_file_of_something_else_is_not_touched(desk: Any, content: bytes) -> None:
    desk.write(*desk.lines(1))
    desk.output.write_bytes(content)
    told = desk.grade()
    assert told.exit_code == 2
    assert "was not written by `veriward grade`" in told.output
    assert desk.output.read_bytes() == content
    assert {path.name for path in desk.folder.iterdir()} == {"in.jsonl", "out.jsonl"}


CHANGED: dict[str, Lines] = {
    "a changed line": lambda desk: [desk.line(1), desk.line(3)],
    "a line less": lambda desk: [desk.line(1)],
    "a line put in front": lambda desk: [desk.line(0), desk.line(1), desk.line(2)],
}


@pytest.mark.parametrize("lines", CHANGED.values(), ids=CHANGED.keys())
def test_results_of_another_input_are_not_mixed_with_those_of_this(desk: Any, lines: Lines) -> None:
    desk.write(desk.line(1), desk.line(2))
    desk.grade()
    before = desk.output.read_bytes()
    desk.write(*lines(desk))
    told = desk.grade()
    assert told.exit_code == 2
    assert "is not the one that was graded" in told.output
    assert desk.output.read_bytes() == before


def test_two_runs_do_not_write_one_file(desk: Any) -> None:
    desk.write(*desk.lines(1))
    with desk.output.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        told = desk.grade()
    assert told.exit_code == 74
    assert "another process is writing" in told.output


def test_a_server_that_is_not_there_loses_nothing(desk: Any) -> None:
    desk.write(*desk.lines(2))
    told = desk.grade("--server", "http://127.0.0.1:9", "--patience", "0")
    assert told.exit_code == 69
    assert "no Veriward server answered at http://127.0.0.1:9" in told.output
    assert desk.grade().exit_code == 0
    assert desk.server.queue.judged == 4


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_leaves_whole_lines_and_the_next_run_does_the_rest(desk: Any, number: signal.Signals) -> None:
    desk.write(*desk.lines(2_000))
    command = [sys.executable, "-m", "veriward.cli.main", "grade", str(desk.source), "-o", str(desk.output)]
    command += ["--server", desk.server.url, "--batch", "2", "--in-flight", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while desk.server.queue.judged < 200 and process.poll() is None:
            pass
        process.send_signal(number)
        _, told = process.communicate()
    if number is signal.SIGKILL:
        assert process.returncode == -number
    else:
        assert process.returncode == 130
        assert "give the same command again to go on" in told
        assert all(json.loads(text) for text in desk.output.read_bytes().splitlines())
    assert desk.grade().exit_code == 0
    assert sorted(desk.graded_lines) == list(range(1, 2_001))
