"""One shared page per grader: what it judges now and since when, readable by the worker without a message."""

import mmap
import os
import time

_PAGE_BYTES = 4096
IDLE = -1
_ORDINAL, _WALL, _CPU, _IN_SANDBOX = range(4)


class Page:
    """Written by the grader before each response, read by the worker's watchdog and after a death.

    `ordinal` counts the responses of the batch from 0. `wall_ns` and `cpu_ns` are the clocks at its start; time spent
    waiting for the sandbox is pushed out of the wall clock, and while it lasts `in_sandbox` is 1. Each is one machine
    word, and the ordinal is written last: a reader may see new clocks with an old ordinal, never the reverse.
    """

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, _PAGE_BYTES)
        self._words = memoryview(self._map).cast("q")

    @staticmethod
    def create() -> tuple["Page", int]:
        """A fresh page and the descriptor to hand to the grader."""
        fd = os.memfd_create("veriward-grader", os.MFD_CLOEXEC)
        os.ftruncate(fd, _PAGE_BYTES)
        page = Page(fd)
        page.idle()
        return page, fd

    def idle(self) -> None:
        self._words[_ORDINAL] = IDLE

    def begin(self, ordinal: int) -> None:
        words = self._words
        words[_IN_SANDBOX] = 0
        words[_CPU] = time.process_time_ns()
        words[_WALL] = time.monotonic_ns()
        words[_ORDINAL] = ordinal

    def enter_sandbox(self) -> int:
        self._words[_IN_SANDBOX] = 1
        return time.monotonic_ns()

    def leave_sandbox(self, entered_ns: int) -> None:
        self._words[_WALL] += time.monotonic_ns() - entered_ns
        self._words[_IN_SANDBOX] = 0

    def read(self) -> tuple[int, int, int, bool]:
        """(ordinal or `IDLE`, wall_ns, cpu_ns, in_sandbox)."""
        words = self._words
        ordinal = words[_ORDINAL]
        return ordinal, words[_WALL], words[_CPU], bool(words[_IN_SANDBOX])

    def close(self) -> None:
        self._words.release()
        self._map.close()
