"""The keeper's side of the zygote: spare children at hand, ended children waited for, a dead zygote replaced."""

import array
import contextlib
import json
import os
import socket
import subprocess
import time
from collections import deque
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from veriward.sandbox import cgroups, jail, kernel, launch, zygote
from veriward.sandbox.conversation import CREDENTIALS, CREDENTIALS_SPACE, Child
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.execution import Limits
from veriward.sandbox.profiles import STD, holders, known
from veriward.sandbox.readiness import is_readable
from veriward.sandbox.warmup import Warmup

if TYPE_CHECKING:
    from veriward.sandbox.languages import Language

SPARES = 2
_SLOTS = SPARES + 2  # a judged execution runs two children at once
_START_SECONDS = 20.0
_REAP_SECONDS = 5.0  # a child that is still not dead then is stuck in the kernel: its zygote is given up
_POLL_SECONDS = 0.001
MAX_FORKS = 20_000  # of one zygote: whatever gathers in it, a reference or a fragment, starts anew
MAX_GROWTH_BYTES = 16 << 20  # of one zygote: each megabyte makes every fork dearer
_LOOK_FORKS = 500  # between two looks at its size


class ZygoteDied(SandboxError):
    """The zygote is gone, and every child of it: start again."""


class NotWarm(SandboxError):
    """The zygote's modules could not be imported, which trying again would not change."""


class Nursery:
    """One zygote and its children. Raises `SandboxError` if none starts.

    A process may have several, each with a `warmup` of its own, where there are namespaces; without, it has one.

    `failure` says why there are no namespaces, where there are none. `without` names layers to leave out. After
    `most_forks` the zygote is replaced.
    """

    _child_type: type[Child] = Child

    def __init__(
        self, without: Collection[str] = (), most_forks: int = MAX_FORKS, warmup: Warmup | None = None
    ) -> None:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        self.without = frozenset(without)
        self._most_forks = most_forks
        self._warmup = warmup or Warmup(STD, known()[STD].imports, elsewhere=holders(known().values()))
        self._inner = -1
        self._forks = self._first_bytes = self._look_at = 0
        self._slots: list[cgroups.Slot | None] = [*cgroups.make_slots(_SLOTS, without)] or [None] * _SLOTS
        self._lent = cgroups.Lent.find() if self._slots[0] is None else None
        self.failure = ""
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    @property
    def has_cgroups(self) -> bool:
        return self._slots[0] is not None or self._lent is not None

    @property
    def lent_bytes(self) -> int:
        """What a group that was lent may hold, all its processes together; 0 where there is none."""
        return self._lent.limit_bytes() if self._lent is not None else 0

    @property
    def uncounted_processes(self) -> int:
        """How many more a program may start than its limit says: where it shares a user, spares count as its own."""
        return 0 if self.own_users or self._slots[0] is not None else _SLOTS + 1

    def take(self, limits: Limits, runs: int, files: dict[str, bytes], language: "Language | None" = None) -> Child:
        """A confined child that has run nothing, with limits for `runs` runs and `files` in its box.

        It is to launch commands of `language`; without one, to run Python itself.
        """
        fault: SandboxError | None = None
        for _ in range(SPARES + 1):  # one that was killed while it waited is passed over
            self.fill()
            child = self._spares.popleft()
            self._running.add(child)
            try:
                child.await_hello(_START_SECONDS)
                if not child.has_ended():
                    child.inherited_bytes = self._inherited_bytes
                    child.equip(limits, runs, self.uncounted_processes, files, language)
                    return child
            except SandboxError as error:
                fault = error
            self.end(child)
        raise fault or SandboxError("no child stays alive")

    def fill(self) -> None:
        """Have the spares forked that are missing."""
        while self._wants_spare():
            self._command(zygote.NONE)

    def end(self, child: Child) -> None:
        """Kill the child with all its descendants and wait: its status and usage are then final."""
        child.kill()
        self._command(child.number)
        status, cpu_seconds, memory_bytes = zygote.STATUS.unpack(self._reply(_REAP_SECONDS))
        child.ended(os.waitstatus_to_exitcode(status), cpu_seconds, memory_bytes)
        self._running.discard(child)
        self._free.append(child.number)

    def restart(self) -> None:
        """A new zygote, once nothing of the old one is left."""
        self._stop()
        self._start()

    def renew(self) -> None:
        """A new zygote if this one is worn: it has forked often, or has grown. For the moments when nothing runs."""
        if self._forks < self._look_at:
            return
        self._look_at += _LOOK_FORKS
        size = self._size_bytes()
        self._first_bytes = self._first_bytes or size
        if self._forks >= self._most_forks or size > self._first_bytes + MAX_GROWTH_BYTES:
            self.restart()

    def close(self) -> None:
        """Leave nothing: no process, no cgroup."""
        try:
            self._stop()
        finally:
            for slot in self._slots:
                if slot is not None:
                    slot.remove()

    def _start(self) -> None:
        self._forks = self._first_bytes = 0
        self._look_at = min(_LOOK_FORKS, self._most_forks)
        self._spares: deque[Child] = deque()
        self._running: set[Child] = set()
        self._free = deque(range(len(self._slots)))
        report = self._exec("bare") if self.failure else self._exec()
        if "failure" in report:
            if self._warmup.profile != STD:
                raise SandboxError(f"profile {self._warmup.profile!r}: its jail can't be built: {report['failure']}")
            self.failure = report["failure"]
            self._stop()
            self._exec("bare")
        self.fill()

    def _exec(self, *words: str) -> dict[str, Any]:
        """Start the zygote; what it reports."""
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                launch.command("zygote", None, str(theirs.fileno()), str(os.getpid()), *words, *self.without),
                env=launch.environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        self.own_users = os.geteuid() == 0
        self.control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.control.send(self._warmup.pack())
        message, speaker = self._first_words()
        if message == b"map":
            self.own_users = jail.map_users(self._process.pid)
            self.control.send(b"m1" if self.own_users else b"m0")
            message, speaker = self._first_words()
        if speaker != self._process.pid:
            with contextlib.suppress(ProcessLookupError):  # it has reported a failure and ended
                self._inner = os.pidfd_open(speaker)
        self.control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        report: dict[str, Any] = json.loads(message)
        if "not_warm" in report:
            raise NotWarm(report["not_warm"])
        self._inherited_bytes = report.get("address_space_bytes", 0)
        return report

    def _first_words(self) -> tuple[bytes, int]:
        """What the zygote says, and its number for us, as the kernel tells it: it speaks from an inner process."""
        self._await_reply(_START_SECONDS)
        message, control, _, _ = self.control.recvmsg(zygote.MAX_REPORT_BYTES, CREDENTIALS_SPACE)
        if not message:
            raise ZygoteDied("the zygote ended while it started")
        pid: int = CREDENTIALS.unpack(control[0][2])[0]
        return message, pid

    def _stop(self) -> None:
        """Raises `SandboxError` if something does not die, which leaves this process unfit for more."""
        self.control.close()
        self._process.kill()
        self._process.wait()
        for child in (*self._spares, *self._running):
            child.close()
        deadline = time.monotonic() + _REAP_SECONDS
        while self._lives_on() or not all(slot is None or slot.empty() for slot in self._slots):
            if time.monotonic() > deadline:
                raise SandboxError("processes of a dead zygote do not go away")
            time.sleep(_POLL_SECONDS)
        if self._inner >= 0:
            os.close(self._inner)
            self._inner = -1

    def _lives_on(self) -> bool:
        """Whether a process is left of the zygote that was killed: one that it forked has become our child."""
        if self.failure:
            return _has_children()
        if self._inner < 0:  # it was killed before it spoke
            return False
        # The inner zygote's end is the end of every process in its namespace.
        with contextlib.suppress(ChildProcessError):  # the outer one has seen to it
            return os.waitid(os.P_PIDFD, self._inner, os.WEXITED | os.WNOHANG) is None
        return False

    def _size_bytes(self) -> int:
        """What the zygote, its outer and its inner process, holds in memory."""
        pages = 0
        with contextlib.suppress(OSError):
            outer = self._process.pid
            with open(f"/proc/{outer}/task/{outer}/children") as file:
                inner = file.read().split()
            for pid in (outer, *inner[:1]):
                with open(f"/proc/{pid}/statm") as file:
                    pages += int(file.read().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _wants_spare(self) -> bool:
        return len(self._spares) < SPARES and bool(self._free)

    def _command(self, ended: int) -> None:
        """Have the zygote wait for the child `ended`, if any, and fork a spare, if one is missing: one message."""
        try:
            if not self._wants_spare():
                self.control.send(zygote.COMMAND.pack(ended, zygote.NONE))
                return
            number = self._free.popleft()
            slot = self._slots[number]
            if slot is not None:
                slot.reset()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._spares.append(self._child_type(number, ours, slot, self._lent))
            self._forks += 1
            descriptors = array.array("i", [theirs.fileno(), *(slot.joins if slot is not None else ())])
            with theirs:
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
                self.control.sendmsg([zygote.COMMAND.pack(ended, number)], rights)
        except OSError as fault:
            raise ZygoteDied(f"the zygote went away: {fault}") from fault

    def _await_reply(self, seconds: float) -> None:
        if not is_readable(self.control.fileno(), seconds):
            raise ZygoteDied(f"the zygote said nothing for {seconds:g} s")

    def _reply(self, seconds: float) -> bytes:
        self._await_reply(seconds)
        message = self.control.recv(zygote.MAX_REPORT_BYTES)
        if not message:
            raise ZygoteDied("the zygote went away")
        return message


def _has_children() -> bool:
    """Whether any is left, after collecting those that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True
