"""Shows how far a long command has come: a bar on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

LINE_EVERY_SECONDS = 10.0  # where stderr is a file or a pipe


class GradeProgress:
    """Progress through a file of `size_bytes`: the share read, rollouts graded, their rate, the time left."""

    def __init__(self, size_bytes: int) -> None:
        console = Console(stderr=True)
        self._live = console.is_terminal
        self._size_bytes = max(1, size_bytes)
        self._rollouts = 0
        self._began = self._told = time.monotonic()
        self._bar = Progress(
            TextColumn("grading"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rollouts]:,} rollouts, {task.fields[rate]:,.0f}/s"),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=not self._live,
        )
        self._task = self._bar.add_task("grading", total=self._size_bytes, rollouts=0, rate=0.0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, offset: int, rollouts: int) -> None:
        """The file is done up to `offset`, with `rollouts` more of them."""
        now = time.monotonic()
        self._rollouts += rollouts
        rate = self._rollouts / max(1e-9, now - self._began)
        if self._live:
            self._bar.update(self._task, completed=offset, rollouts=self._rollouts, rate=rate)
        elif now - self._told >= LINE_EVERY_SECONDS:
            self._told = now
            share = offset / self._size_bytes
            self._bar.console.print(f"{share:.0%} of the file, {self._rollouts:,} rollouts, {rate:,.0f}/s")
