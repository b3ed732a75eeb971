"""One run of `veriward grade`: what is read, sent, written, rejected and counted."""

import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from veriward.cli.graded_file import GradedFile
from veriward.cli.grading import Refused, Results, Send, batches, grade_in_order
from veriward.cli.progress import FileProgress
from veriward.cli.rejected_lines import RejectedLines
from veriward.cli.rollout_lines import BadLine, Line, rollout_lines
from veriward.cli.tally import Tally

Read = Callable[[Path, Callable[[int], bool]], Iterator[Line | BadLine]]
"""The lines of a file whose number is not to be skipped, in order."""


class GradeRun:
    """Open for one run. `tally` counts everything in the output, what an earlier run graded included.

    Raises `Stop` where the output cannot be taken up.
    """

    def __init__(
        self,
        source: Path,
        output: Path,
        *,
        fresh: bool,
        batch: int,
        read: Read = rollout_lines,
        tally: Tally | None = None,
    ) -> None:
        self.source = source
        self.output = output
        self._read = read
        self.tally = Tally() if tally is None else tally
        self._graded = GradedFile.open(output, source, fresh=fresh, seen=self.tally.add)
        self.graded_rollouts = 0  # by this run, in `seconds`
        self.seconds = 0.0
        self.kept_lines = self._graded.kept
        self.again_lines = self._graded.again
        self.rejected = RejectedLines(output)
        self._batches = batches(self._lines(), batch)
        self._first = next(self._batches, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._graded.close()
        self.rejected.close()

    @property
    def has_work(self) -> bool:
        """Whether any line is left to grade."""
        return self._first is not None

    @property
    def remarkable(self) -> bool:
        """Whether something did not go as a clean file goes: `--strict` fails on it."""
        return bool(
            self.rejected.count or self.tally.unexpectedly_ungraded or self.tally.disagreed or not self.tally.lines
        )

    async def grade(self, send: Send, *, in_flight: int) -> None:
        """Grade what is left. Cancelled or failed, it leaves whole lines and counts that are right."""
        if self._first is None:
            return
        began = time.monotonic()
        with FileProgress(self.source.stat().st_size, "grading", "rollouts") as progress:

            def deliver(line: Line, results: Results | Refused) -> None:
                if isinstance(results, Refused):
                    self.rejected.add(BadLine(line.number, line.hash, str(results), "", line.end))
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
        for line in self._read(self.source, self._graded.done):
            if isinstance(line, BadLine):
                self.rejected.add(line)
            else:
                yield line
