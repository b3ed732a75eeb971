"""One run of `veriward grade`: what is read, sent, written, rejected and counted."""

import json
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from veriward.cli.graded_file import GradedFile
from veriward.cli.grading import Refused, Results, Send, batches, grade_in_order
from veriward.cli.progress import GradeProgress
from veriward.cli.rollout_lines import BadLine, Line, rollout_lines
from veriward.cli.tally import Tally

MAX_LISTED = 10  # bad lines kept for the summary; all are in the file of rejected ones


class GradeRun:
    """Open for one run. `tally` counts everything in the output, what an earlier run graded included.

    Raises `Stop` where the output cannot be taken up.
    """

    def __init__(self, source: Path, output: Path, *, fresh: bool, batch: int) -> None:
        self.source = source
        self.output = output
        self.rejected_path = output.with_name(output.name + ".rejected")
        self.rejected = 0
        self.first_rejected: list[BadLine] = []
        self.tally = Tally()
        self._graded = GradedFile.open(output, source, fresh=fresh, seen=self.tally.add)
        self.graded_rollouts = 0  # by this run, in `seconds`
        self.seconds = 0.0
        self.kept_lines = self._graded.kept
        self.again_lines = self._graded.again
        self.rejected_path.unlink(missing_ok=True)
        self._rejected_file: BinaryIO | None = None
        self._batches = batches(self._lines(), batch)
        self._first = next(self._batches, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._graded.close()
        if self._rejected_file is not None:
            self._rejected_file.close()

    @property
    def has_work(self) -> bool:
        """Whether any line is left to grade."""
        return self._first is not None

    @property
    def remarkable(self) -> bool:
        """Whether something did not go as a clean file goes: `--strict` fails on it."""
        return bool(self.rejected or self.tally.unexpectedly_ungraded or self.tally.disagreed or not self.tally.lines)

    async def grade(self, send: Send, *, in_flight: int) -> None:
        """Grade what is left. Cancelled or failed, it leaves whole lines and counts that are right."""
        if self._first is None:
            return
        began = time.monotonic()
        with GradeProgress(self.source.stat().st_size) as progress:

            def deliver(line: Line, results: Results | Refused) -> None:
                if isinstance(results, Refused):
                    self._reject(BadLine(line.number, line.hash, str(results), "", line.end))
                else:
                    self.tally.add(self._graded.append(line, results))
                    self.graded_rollouts += len(results)
                progress.advance(line.end, line.rollouts)

            try:
                await grade_in_order(chain([self._first], self._batches), send, deliver, in_flight=in_flight)
            finally:
                self._graded.flush()
                self.seconds = time.monotonic() - began

    def _lines(self) -> Iterator[Line]:
        """The lines that are fit and not yet graded."""
        for line in rollout_lines(self.source, skip=self._graded.done):
            if isinstance(line, BadLine):
                self._reject(line)
            else:
                yield line

    def _reject(self, bad: BadLine) -> None:
        if self._rejected_file is None:
            self._rejected_file = self.rejected_path.open("wb")
        record = {"line": bad.number, "error": bad.error, "line_hash": bad.hash, "excerpt": bad.excerpt}
        self._rejected_file.write(json.dumps(record).encode() + b"\n")
        self.rejected += 1
        if len(self.first_rejected) < MAX_LISTED:
            self.first_rejected.append(bad)
