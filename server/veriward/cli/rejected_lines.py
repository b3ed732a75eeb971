"""Lines that a command could not use: all of them in `OUT.rejected`, the first of them for its summary."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from veriward.cli.rollout_lines import BadLine

MAX_LISTED = 10


class RejectedLines:
    """Counts and writes. The file of an earlier run is removed; there is one only where a line is bad."""

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(output.name + ".rejected")
        self.count = 0
        self._first: list[BadLine] = []
        self._file: BinaryIO | None = None
        self.path.unlink(missing_ok=True)

    def add(self, bad: BadLine) -> None:
        if self._file is None:
            self._file = self.path.open("wb")
        record = {"line": bad.number, "error": bad.error, "line_hash": bad.hash, "excerpt": bad.excerpt}
        self._file.write(json.dumps(record).encode() + b"\n")
        self.count += 1
        if len(self._first) < MAX_LISTED:
            self._first.append(bad)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def sentences(self) -> Iterator[str]:
        """What a summary says of them."""
        if self.count:
            yield f"{self.count:,} bad lines, listed in {self.path}:"
        yield from (f"  line {bad.number}: {bad.error}" for bad in self._first)
        if self.count > len(self._first):
            yield f"  … and {self.count - len(self._first):,} more"
