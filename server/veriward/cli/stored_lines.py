"""Reads stored results with what they were given for: each is a `Line` to grade again, or a `BadLine`.

A stored line carries `task`, `responses` and `results`; or it is of the output of `veriward grade`, and its task and
responses are those of the same line of the file that was graded. The results of then become the key `before`.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from veriward.cli.exits import Exit, Stop
from veriward.cli.rollout_lines import (
    MAX_LINE_BYTES,
    WRITTEN_KEYS,
    BadLine,
    Line,
    Unfit,
    bad_line,
    json_object,
    line_hash,
    line_of,
    raw_lines,
)
from veriward.cli.table_files import is_table

KEPT_OF_RESULTS = ("status", "reward", "outcome", "verifier", "version")


def stored_lines(path: Path, skip: Callable[[int], bool], rollouts: "Rollouts | None") -> Iterator[Line | BadLine]:
    """Every line of the file that is not blank and whose number is not to be skipped."""
    for number, raw, end in raw_lines(path):
        if skip(number):
            continue
        try:
            stored = json_object(raw)
            before = _before(stored.get("results"))
            given = raw if "task" in stored else _given(stored, rollouts)
            fields = {**stored, **json_object(given), "before": before}
            line = line_of(number, line_hash(raw), end, _without(fields, WRITTEN_KEYS), given)
            if line.rollouts != len(before):
                raise Unfit(f"{len(before)} results for {line.rollouts} responses")
            yield line
        except Unfit as unfit:
            yield bad_line(number, raw, end, str(unfit))


class Rollouts:
    """The file that was graded, its lines found by their number: 8 bytes a line are held."""

    def __init__(self, path: Path) -> None:
        if is_table(path):
            raise Stop(f"{path}: --rollouts takes JSONL; store the results with their tasks instead", Exit.USAGE)
        self._path = path
        self._starts = array("Q", [0])
        end_before = 0
        for number, _, end in raw_lines(path):
            self._starts.extend([end_before] * (number + 1 - len(self._starts)))
            end_before = end

    def line(self, number: Any, digest: Any) -> bytes:
        """That line. Raises `Unfit` where it is not the one that was graded."""
        if not isinstance(number, int) or not 0 < number < len(self._starts):
            raise Unfit(f"{self._path} has no line {number!r}")
        with self._path.open("rb") as file:
            file.seek(self._starts[number])
            raw = b""
            while not raw and (line := file.readline(MAX_LINE_BYTES + 2)):
                raw = line.removeprefix(b"\xef\xbb\xbf").strip()
        if line_hash(raw) != digest:
            raise Unfit(f"line {number} of {self._path} is not the one that was graded")
        return raw


def _given(stored: dict[str, Any], rollouts: Rollouts | None) -> bytes:
    """The line that the results are of."""
    if rollouts is None:
        raise Unfit("has no task; name the file that was graded with --rollouts")
    return rollouts.line(stored.get("line"), stored.get("line_hash"))


def _without(fields: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in keys}


def _before(results: Any) -> list[dict[str, Any]]:
    if not isinstance(results, list) or not all(isinstance(one, dict) and "status" in one for one in results):
        raise Unfit("`results` is no list of results")
    for one in results:
        reward = one.get("reward")
        if reward is not None and (isinstance(reward, bool) or not isinstance(reward, int | float)):
            raise Unfit("a reward in `results` is neither a number nor null")
    return [{key: one[key] for key in KEPT_OF_RESULTS if key in one} | {"reward": one.get("reward")} for one in results]
