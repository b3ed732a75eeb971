"""One shared page per grader: what it judges now and since when, readable by the worker without a message."""

import mmap
import os
import struct
import time

_PAGE_BYTES = 4096
_STATE = struct.Struct("<qqqq")
IDLE = -1


class Page:
    """Written by the grader before each response, read by the worker's watchdog and after a death.

    `ordinal` counts the responses of the batch from 0. `wall_ns` and `cpu_ns` are the clocks at its start; time spent
    waiting for the sandbox is pushed out of the wall clock, and while it lasts `in_sandbox` is 1.
    """

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, _PAGE_BYTES)

    @staticmethod
    def create() -> tuple["Page", int]:
        """A fresh page and the descriptor to hand to the grader."""
        fd = os.memfd_create("veriward-grader", os.MFD_CLOEXEC)
        os.ftruncate(fd, _PAGE_BYTES)
        page = Page(fd)
        page.idle()
        return page, fd

    def idle(self) -> None:
        _STATE.pack_into(self._map, 0, IDLE, 0, 0, 0)

    def begin(self, ordinal: int) -> None:
        _STATE.pack_into(self._map, 0, ordinal, time.monotonic_ns(), time.process_time_ns(), 0)

    def enter_sandbox(self) -> int:
        ordinal, wall_ns, cpu_ns, _ = _STATE.unpack_from(self._map)
        _STATE.pack_into(self._map, 0, ordinal, wall_ns, cpu_ns, 1)
        return time.monotonic_ns()

    def leave_sandbox(self, entered_ns: int) -> None:
        ordinal, wall_ns, cpu_ns, _ = _STATE.unpack_from(self._map)
        _STATE.pack_into(self._map, 0, ordinal, wall_ns + time.monotonic_ns() - entered_ns, cpu_ns, 0)

    def read(self) -> tuple[int, int, int, bool]:
        """(ordinal or `IDLE`, wall_ns, cpu_ns, in_sandbox)."""
        ordinal, wall_ns, cpu_ns, in_sandbox = _STATE.unpack_from(self._map)
        return ordinal, wall_ns, cpu_ns, bool(in_sandbox)

    def close(self) -> None:
        self._map.close()
