"""The session keeper's side of a zygote: as many children as there are sessions, and branches that no zygote forked.

A branch has a number and a cgroup of its own, taken from the same stock as those of the zygote's children, but it is
waited for by the session that it was forked from.
"""

import array
import contextlib
import os
import signal
import socket
from collections.abc import Collection, Sequence

from veriward.sandbox import cgroups, zygote
from veriward.sandbox.conversation import CREDENTIALS, CREDENTIALS_SPACE, MAX_MESSAGE_BYTES, Child
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.execution import Limits
from veriward.sandbox.nursery import Nursery, ZygoteDied
from veriward.sandbox.readiness import is_readable
from veriward.sandbox.session import TooManySessions
from veriward.sandbox.warmup import Warmup

_FURNISH_SECONDS = 5.0
_CELLS = 100_000  # of a session: its kernel limit on CPU time is that of so many, the keeper sees to each
_HELLO_SPACE = CREDENTIALS_SPACE + socket.CMSG_SPACE(array.array("i").itemsize)


class SessionChild(Child):
    """A process of a session: forked by a zygote, with a gate of its own, or by another such process."""

    gate = -1
    """The listener of its filter, until somebody takes it over."""

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def slot(self) -> cgroups.Slot | None:
        return self._slot

    def await_hello(self, seconds: float) -> None:
        if not is_readable(self.sock.fileno(), seconds):
            raise SandboxError(f"a child was not confined within {seconds:g} s")
        self.take_hello()

    def take_hello(self) -> None:
        """What it says first, which is there to be read. Raises `SandboxError` if that is no hello."""
        message, control, _, _ = self.sock.recvmsg(MAX_MESSAGE_BYTES, _HELLO_SPACE, socket.MSG_CMSG_CLOEXEC)
        for level, kind, data in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                (self.gate,) = array.array("i", data[:4])
            elif level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                self._pid = CREDENTIALS.unpack(data)[0]
        if message != b"H" or not self._pid:
            raise SandboxError(f"a child could not be confined: {message[1:].decode(errors='replace') or 'it ended'}")
        try:
            self.pidfd = os.pidfd_open(self._pid)
        except OSError as fault:
            raise SandboxError("a child died before it was given anything") from fault
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)

    def has_ended(self) -> bool:
        return is_readable(self.pidfd)

    def signal(self, number: int) -> None:
        with contextlib.suppress(OSError):  # it is gone
            signal.pidfd_send_signal(self.pidfd, number)

    def threads(self) -> int:
        """Of its own; 0 once it has ended."""
        try:
            with open(f"/proc/{self._pid}/status", "rb") as file:
                return next((int(line.split()[1]) for line in file if line.startswith(b"Threads:")), 0)
        except OSError:
            return 0

    def has_company(self) -> bool:
        """Whether processes run beside it in its cgroup, or below it where there is none. Its threads are none."""
        return self._slot.tasks() > self.threads() if self._slot is not None else self._has_descendants()

    def close(self) -> None:
        super().close()
        if self.gate >= 0:
            os.close(self.gate)
            self.gate = -1


class SessionNursery(Nursery):
    """Grows as it is asked to, up to `most` processes."""

    _child_type = SessionChild

    def __init__(self, most: int, without: Collection[str] = (), warmup: Warmup | None = None) -> None:
        self._most = most
        super().__init__(without, warmup=warmup)

    @property
    def has_room(self) -> bool:
        return bool(self._free or self._spares) or len(self._slots) < self._most

    @property
    def uncounted_processes(self) -> int:
        return 0 if self.own_users or self._slots[0] is not None else self._most

    def new(self, limits: Limits, files: dict[str, bytes]) -> SessionChild:
        """A confined process for a session. Raises `SandboxError`."""
        child = self.take(limits, _CELLS, files)
        assert isinstance(child, SessionChild)
        return child

    def branch(self, limits: Limits) -> tuple[SessionChild, socket.socket]:
        """A number and a cgroup for a process that is yet to be forked, and the socket to give it."""
        if not self._free:
            self._grow()
        number = self._free.popleft()
        slot = self._slots[number]
        if slot is not None:
            slot.reset()
            slot.limit(limits.memory_bytes, limits.processes)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        child = SessionChild(number, ours, slot)
        self._running.add(child)
        return child, theirs

    def end_branch(self, child: SessionChild) -> None:
        """Take back the number of a branch that has ended, or never began; its memory is already given up."""
        child.ended(-signal.SIGKILL, 0.0, 0)
        self._running.discard(child)
        self._free.append(child.number)

    def furnish(self, branches: Sequence[SessionChild], stem: SessionChild) -> None:
        """Have the branches' user mapped, their boxes and /proc mounted. Raises `SandboxError`."""
        descriptors = array.array("i", [stem.pidfd, *(branch.pidfd for branch in branches)])
        try:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
            self.control.sendmsg([zygote.COMMAND.pack(zygote.FURNISH, zygote.NONE)], rights)
        except OSError as fault:
            raise ZygoteDied(f"the zygote went away: {fault}") from fault
        status, _, _ = zygote.STATUS.unpack(self._reply(_FURNISH_SECONDS))
        if status:
            raise SandboxError(f"a branch's box could not be mounted (status {os.waitstatus_to_exitcode(status)})")

    def _exec(self, *words: str) -> dict[str, object]:
        return super()._exec("sessions", *words)

    def _wants_spare(self) -> bool:
        if not self._free and len(self._slots) < self._most:
            self._grow()
        return super()._wants_spare()

    def _grow(self) -> None:
        number = len(self._slots)
        if number >= self._most:
            raise TooManySessions("forks of sessions that are kept for their forks leave no room for more")
        if self._slots[0] is None:
            self._slots.append(None)
        else:
            slots = cgroups.make_slots(1, self.without, reclaim=False)
            if not slots:
                raise SandboxError("no cgroup can be made for another session")
            self._slots += slots
        self._free.append(number)
