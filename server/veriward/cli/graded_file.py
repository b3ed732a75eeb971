"""The output of `veriward grade`: whole lines, only ever appended, so that an interrupted run can be taken up again.

Each record is `{"line", "id", "source", "results", "line_hash", …kept keys}`, in the order of the input; lines that a
resumed run had to add come after the others. A file that something else wrote is never touched.
"""

import fcntl
import json
import os
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

from veriward.cli.exits import Exit, Stop
from veriward.cli.rollout_lines import Line, line_hash, raw_lines

FIRST_BYTES = b'{"line": '  # how each of our records begins, which tells our files from others
UNSETTLED = {"error", "overloaded", "cancelled"}  # they say nothing of the rollout: a resumed run grades it again

Record = dict[str, Any]


class GradedFile:
    """An output file, open and locked. `done(number)` says whether that line of the input is graded."""

    def __init__(self, file: BinaryIO, done: bytearray, again: int) -> None:
        self._file = file
        self._done = done
        self.kept = done.count(1)
        self.again = again

    @classmethod
    def open(cls, path: Path, source: Path, *, fresh: bool, seen: Callable[[Record], None]) -> Self:
        """Begin `path`, or take it up where it was left, telling `seen` of every record that stays.

        Raises `Stop` where another process is writing it, where something else wrote it, or where a line of `source`
        has changed since it was graded.
        """
        file = _locked(path)
        if fresh or not os.fstat(file.fileno()).st_size:
            file.truncate(0)
            return cls(file, bytearray(), 0)
        renewed = path.with_name(path.name + ".resuming")
        try:
            done, again = _keep_settled(file, path, source, renewed, seen)
        except BaseException:
            renewed.unlink(missing_ok=True)
            raise
        locked = _locked(renewed)
        locked.seek(0, os.SEEK_END)
        renewed.replace(path)
        file.close()
        return cls(locked, done, again)

    def done(self, number: int) -> bool:
        return number < len(self._done) and bool(self._done[number])

    def append(self, line: Line, results: list[Record]) -> Record:
        """Write the record of one line, whole."""
        record: Record = {
            "line": line.number,
            "id": line.item.get("id", ""),
            "source": line.item.get("source", ""),
            "results": results,
            "line_hash": line.hash,
            **line.kept,
        }
        self._file.write(encoded(record))
        return record

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def encoded(record: Record) -> bytes:
    """One line of JSON in UTF-8; escapes only where a lone surrogate leaves no other way."""
    try:
        return json.dumps(record, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(record).encode() + b"\n"


def _locked(path: Path) -> BinaryIO:
    file = path.open("a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Stop(f"another process is writing {path}; wait for it or name another output", Exit.IO) from None
    file.seek(0)
    return file


def _keep_settled(
    file: BinaryIO, path: Path, source: Path, renewed: Path, seen: Callable[[Record], None]
) -> tuple[bytearray, int]:
    """Copy the records that stay to `renewed`. Returns a 1 per line that is done, and how many are to be redone."""
    hashes = _hashes(source)
    done = bytearray(len(hashes))
    again = 0
    with renewed.open("wb") as kept:
        for raw, record in _records(file, path):
            number = record["line"]
            if not 0 < number < len(hashes) or hashes[number] != int(record["line_hash"], 16):
                raise Stop(
                    f"line {number} of {source} is not the one that was graded in {path}; "
                    "name another output, or start over with --fresh",
                    Exit.USAGE,
                )
            if any(result["status"] in UNSETTLED for result in record["results"]):
                again += 1
            elif not done[number]:
                done[number] = 1
                kept.write(raw)
                seen(record)
    return done, again


def _hashes(source: Path) -> "array[int]":
    """The hash of each line of the input, by its number: 8 bytes a line, whatever the line's length."""
    hashes = array("Q", [0])
    for number, raw, _ in raw_lines(source):
        hashes.extend([0] * (number - len(hashes)))
        hashes.append(int(line_hash(raw), 16))
    return hashes


def _records(file: BinaryIO, path: Path) -> Iterator[tuple[bytes, Record]]:
    """Every whole record, raw and parsed; a torn last line is left out."""
    for number, raw in enumerate(file, start=1):
        torn = not raw.endswith(b"\n")
        ours = raw.startswith(FIRST_BYTES) or (torn and FIRST_BYTES.startswith(raw))
        record = _record(raw) if ours and not torn else None
        if not ours or (record is None and not torn):
            raise Stop(
                f"line {number} of {path} was not written by `veriward grade`; name another output, "
                "or give the file up with --fresh",
                Exit.USAGE,
            )
        if record is not None:
            yield raw, record


def _record(raw: bytes) -> Record | None:
    try:
        record = json.loads(raw)
        int(record["line_hash"], 16)
        shaped = isinstance(record["line"], int) and all("status" in result for result in record["results"])
    except (ValueError, KeyError, TypeError):
        return None
    return record if shaped else None
