"""The gate in a session's system-call filter: `unshare` is asked of the keeper, which says no but for its own forks.

Whoever asks is stopped until it is answered. The one argument that counts travels in a register, so nothing can be
changed between the look at it and the leave.
"""

import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass

from veriward.sandbox.seccomp import BRANCH_NAMESPACES

_ASKED = struct.Struct("=QIIiIQ6Q")  # struct seccomp_notif: id, pid, flags, number, architecture, ip, arguments
_ANSWER = struct.Struct("=QqiI")  # struct seccomp_notif_resp: id, value, error, flags
_RECEIVE = 0xC050_2100  # SECCOMP_IOCTL_NOTIF_RECV
_SEND = 0xC018_2101  # SECCOMP_IOCTL_NOTIF_SEND
_CONTINUE = 1


@dataclass(slots=True)
class Leave:
    """For children of the process `parent` to have their namespaces, one for each of `marks`, which they ask with.

    `enter(mark, pid)` is called before each has.
    """

    parent: int
    marks: set[int]
    enter: Callable[[int, int], None]


class Gate:
    """One for a session and all its branches, which share a filter. Close it when none is left."""

    def __init__(self, listener: int) -> None:
        self.listener = listener
        self.leave: Leave | None = None

    def answer(self) -> None:
        """Answer one question. Call when `listener` is readable."""
        asked = bytearray(_ASKED.size)
        try:
            fcntl.ioctl(self.listener, _RECEIVE, asked)
        except OSError:
            return  # whoever asked has been killed
        number, pid, _, _, _, _, flags, mark, *_ = _ASKED.unpack(asked)
        allowed = flags == BRANCH_NAMESPACES and self._admit(pid, mark)
        answer = _ANSWER.pack(number, 0, 0 if allowed else -errno.EPERM, _CONTINUE if allowed else 0)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self.listener, _SEND, answer)

    def close(self) -> None:
        os.close(self.listener)

    def _admit(self, pid: int, mark: int) -> bool:
        leave = self.leave
        if leave is None or mark not in leave.marks or _parent(pid) != leave.parent:
            return False
        leave.marks.remove(mark)
        try:
            leave.enter(mark, pid)
        except OSError:
            return False
        return True


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0
