"""Shows how far a long command has come: a bar on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

LINE_EVERY_SECONDS = 10.0  # where stderr is a file or a pipe


class FileProgress:
    """Progress through a file of `size_bytes`: the share read, how many `things`, their rate, the time left.

    Where it is not bytes of a file that are counted, `of` says what.
    """

    def __init__(self, size_bytes: int, verb: str, things: str, of: str = "the file") -> None:
        console = Console(stderr=True)
        self._live = console.is_terminal
        self._size_bytes = max(1, size_bytes)
        self._count = 0
        self._things = things
        self._of = of
        self._began = self._told = time.monotonic()
        self._bar = Progress(
            TextColumn(verb),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn(f"{{task.fields[count]:,}} {things}, {{task.fields[rate]:,.0f}}/s"),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=not self._live,
        )
        self._task = self._bar.add_task(verb, total=self._size_bytes, count=0, rate=0.0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, offset: int, count: int) -> None:
        """The file is done up to `offset`, with so many more things."""
        now = time.monotonic()
        self._count += count
        rate = self._count / max(1e-9, now - self._began)
        if self._live:
            self._bar.update(self._task, completed=offset, count=self._count, rate=rate)
        elif now - self._told >= LINE_EVERY_SECONDS:
            self._told = now
            share = offset / self._size_bytes
            self._bar.console.print(f"{share:.0%} of {self._of}, {self._count:,} {self._things}, {rate:,.0f}/s")
