"""One confined child as the keeper sees it: what it says (hostile), what it has used (measured), how it is ended.

B ...                    -> limits, and files for its box; fd: their contents (`orders.py`, as the next two)
P mode, entry, stubs     -> the program; fd: its code
T index, fresh           -> one test; fds: input, stdout, stderr, result
                         <- D {index, status, reason, exit_code}    that test ended
                         <- Q ...    a judge calls the candidate; fd: the operation
A {status, reason}       -> the candidate's answer; fd: its result
"""

import array
import contextlib
import json
import os
import resource
import select
import signal
import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from veriward.sandbox import cgroups, memfds
from veriward.sandbox.descendants import TICKS_PER_SECOND, descendants_cpu_seconds
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.execution import MIB, Limits
from veriward.sandbox.orders import ORDER, pack_equipment

if TYPE_CHECKING:
    from veriward.sandbox.languages import Language

MAX_MESSAGE_BYTES = 64 << 10
_MAX_DESCRIPTORS = 4
_DESCRIPTORS_SPACE = socket.CMSG_SPACE(_MAX_DESCRIPTORS * array.array("i").itemsize)
_encode = json.JSONEncoder().encode
# Plain numbers: combining the enumeration's members costs as much as the call.
_DONTWAIT = int(socket.MSG_DONTWAIT)
_HEAR_FLAGS = int(socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
_CUT_SHORT = int(socket.MSG_TRUNC | socket.MSG_CTRUNC)
CREDENTIALS = struct.Struct("iii")
CREDENTIALS_SPACE = socket.CMSG_SPACE(CREDENTIALS.size)
_FIRST_TO_GO = "1000"
_LEAST_FILE_BYTES = 16 * MIB
# Fields of /proc/PID/stat, counted from the one that follows the name; the first two are of children waited for.
_WAITED_USER, _WAITED_SYSTEM, _THREADS = 13, 14, 17
_STACK_BYTES = 8 * MIB  # of each thread where data is what is bounded: the usual, not the roomy one of other children


class ProtocolFault(Exception):
    """The child said something that an unspoilt runner never says: its program has got hold of the socket."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something said, of one letter of kind and JSON, believed to be neither until it is looked at."""

    text: bytes
    descriptors: tuple[int, ...]

    @property
    def kind(self) -> bytes:
        return self.text[:1]

    @property
    def body(self) -> dict[str, Any]:
        """Empty if it is not an object in JSON."""
        try:
            body = json.loads(self.text[1:])
        except (ValueError, RecursionError):
            return {}
        return body if isinstance(body, dict) else {}

    def content(self, most_bytes: int) -> bytes | None:
        """What its one file holds; None unless it is that, an ordinary file within the bound. Closes it."""
        try:
            if len(self.descriptors) == 1 and memfds.is_regular(self.descriptors[0]):
                content = memfds.read(self.descriptors[0], most_bytes + 1)
                return content if len(content) <= most_bytes else None
            return None
        except OSError:
            return None
        finally:
            self.close()

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


class Child:
    """Fork, hello, program, tests, end. `exit_code` is None while it lives, negative for a signal."""

    def __init__(
        self, number: int, sock: socket.socket, slot: cgroups.Slot | None, lent: cgroups.Lent | None = None
    ) -> None:
        self.number = number
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.sock = sock
        self.pidfd = -1
        self.is_silent = False
        self.poll: select.poll | None = None
        """Kept by who waits for it."""
        self.spoke = [sock.fileno()]
        self.inherited_bytes = 0
        """Of address space that its zygote had mapped, which no program has to answer for."""
        self.exit_code: int | None = None
        self._slot = slot
        self._lent = lent
        self._lent_oom_kills = 0
        self.told_cpu_seconds = 0.0
        self._launches = False
        self._lost_cpu_seconds = 0.0
        self._pid = 0
        self._total_cpu_seconds = 0.0
        self._waited_cpu_seconds = 0.0
        self._seen_cpu_seconds = -1.0
        self._stat = -1
        self._largest_bytes = 0
        self._was_out_of_memory = False

    def await_hello(self, seconds: float) -> None:
        """Wait until it is confined. Raises `SandboxError` if that failed."""
        if not select.select([self.sock], [], [], seconds)[0]:
            raise SandboxError(f"a child was not confined within {seconds:g} s")
        message, control, _, _ = self.sock.recvmsg(MAX_MESSAGE_BYTES, CREDENTIALS_SPACE)
        if message != b"H":
            raise SandboxError(f"a child could not be confined: {message[1:].decode(errors='replace') or 'it ended'}")
        # The kernel's word, in our numbering; only we have it waited for, so the number stays its own till then.
        self._pid = CREDENTIALS.unpack(control[0][2])[0]
        try:
            self.pidfd = os.pidfd_open(self._pid)
        except OSError as fault:  # gone meanwhile, with its zygote: its number may even read as 0
            raise SandboxError("a child died before it was given anything") from fault
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)

    def equip(
        self, limits: Limits, runs: int, others: int, files: dict[str, bytes], language: "Language | None"
    ) -> None:
        """Give it limits for `runs` runs, and files, before it has any code.

        `others` processes are of its user, where it has none of its own.
        """
        cpu_seconds = int(limits.cpu_seconds * runs) + 1
        file_bytes = max(_LEAST_FILE_BYTES, limits.output_bytes + 1)
        # With a cgroup the address space is only a second line; without one it is the bound.
        has_group = self._slot is not None or self._lent is not None
        address_space = 2 * limits.memory_bytes if has_group else limits.memory_bytes
        rlimits = [
            (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 1),
            (resource.RLIMIT_FSIZE, file_bytes, file_bytes),
        ]
        if language is not None and language.reserves_memory:
            data_bytes = address_space + language.threads * _STACK_BYTES
            rlimits.append((resource.RLIMIT_DATA, data_bytes, data_bytes))
            rlimits.append((resource.RLIMIT_STACK, _STACK_BYTES, _STACK_BYTES))
        else:
            address_space += self.inherited_bytes
            rlimits.append((resource.RLIMIT_AS, address_space, address_space))
        processes = limits.processes + (language.threads + 1 if language is not None else 0)  # 1: the launcher
        if self._slot is not None:
            self._slot.limit(limits.memory_bytes, processes)
        else:
            rlimits.append((resource.RLIMIT_NPROC, processes + others, processes + others))
        if self._lent is not None:
            self._lent_oom_kills = self._lent.oom_kills()
            # The group holds the zygote and its keeper too, which must not go in the program's place.
            with contextlib.suppress(OSError), open(f"/proc/{self._pid}/oom_score_adj", "w") as file:
                file.write(_FIRST_TO_GO)
        self._launches = language is not None
        named = [(name, len(content)) for name, content in files.items()]
        equipment = pack_equipment(self._launches, rlimits, named)
        self.give(equipment, [b"".join(files.values())] if files else [])

    def give(self, text: bytes, contents: list[bytes]) -> None:
        """Tell a child that has run nothing yet, with `contents` as files."""
        descriptors = [memfds.sealed("given", content) for content in contents]
        try:
            self._send(text, descriptors)
        except ProtocolFault as fault:
            raise SandboxError(f"a new child {fault}") from fault
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def say(self, kind: bytes, body: object, descriptors: list[int]) -> None:
        """Never blocks. Raises `ProtocolFault` if the child has not read what it was sent before."""
        self._send(kind + _encode(body).encode(), descriptors)

    def order(self, index: int, fresh: bool, descriptors: list[int]) -> None:
        """Have it run a test. Never blocks; raises as `say` does."""
        self._send(ORDER.pack(b"T", index, fresh), descriptors)

    def _send(self, text: bytes, descriptors: list[int]) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        try:
            self.sock.sendmsg([text], rights, _DONTWAIT)
        except BlockingIOError:
            raise ProtocolFault("does not listen") from None
        except OSError:  # it is gone: its end is the next thing heard
            pass

    def hear(self) -> Message | None:
        """What it said, or None if it says nothing (more). Raises `ProtocolFault`."""
        try:
            text, control, flags, _ = self.sock.recvmsg(MAX_MESSAGE_BYTES, _DESCRIPTORS_SPACE, _HEAR_FLAGS)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            text, control, flags = b"", [], 0
        descriptors = _rights(control)
        if not text and not descriptors:
            self.is_silent = True  # it has closed its end: only its own end is still to come
            return None
        message = Message(text, descriptors)
        if flags & _CUT_SHORT:
            message.close()
            raise ProtocolFault("a message over the bound")
        return message

    def cpu_seconds(self) -> float:
        """Of all its threads since its fork, and of all its descendants where a cgroup tells.

        Without one: of descendants when it has ended, as of `is_alone`, or as a launcher told.

        Raises `SandboxError` when it went away with its zygote.
        """
        if self.exit_code is not None:
            return self._total_cpu_seconds
        try:
            own = time.clock_gettime((~self._pid << 3) | 2)  # CPUCLOCK_SCHED, as in clock_getcpuclockid(3)
        except OSError as fault:
            raise SandboxError("a child went away unwaited for") from fault
        seen = own + self._waited_cpu_seconds + self.told_cpu_seconds
        if self._slot is not None and self._slot.counts_cpu:
            seen = max(seen, self._slot.cpu_seconds())
        self._seen_cpu_seconds = seen
        return seen

    def seen_cpu_seconds(self) -> float:
        """As of the last look; for a child that has used nothing since, but for its keeper's asking."""
        if self.exit_code is not None or self._seen_cpu_seconds < 0:
            return self.cpu_seconds()
        return self._seen_cpu_seconds

    def is_alone(self) -> bool:
        """Whether its program has left no thread or process behind; takes account of those that it has waited for."""
        if self._launches:
            return True  # a launcher sees to that
        if self._slot is not None and self._slot.counts_cpu:
            return self._slot.tasks() == 1
        try:
            if self._stat < 0:
                self._stat = os.open(f"/proc/{self._pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
            fields = os.pread(self._stat, 1024, 0).rpartition(b")")[2].split()
        except OSError:
            return False  # it has ended
        self._waited_cpu_seconds = (int(fields[_WAITED_USER]) + int(fields[_WAITED_SYSTEM])) / TICKS_PER_SECOND
        return fields[_THREADS] == b"1" and not self._has_descendants()

    def memory_bytes(self) -> int:
        """Its peak: the cgroup's where there is one, else the largest resident set among it and its descendants."""
        peak = self._slot.peak_bytes() if self._slot is not None and self.exit_code is None else 0
        self._largest_bytes = max(self._largest_bytes, peak or self._resident_peak())
        return self._largest_bytes

    def out_of_memory(self) -> bool:
        if self.exit_code is None:
            peak_bytes = self.memory_bytes()
            if self._slot is None or self._slot.was_short(peak_bytes):
                self._was_out_of_memory = self._is_out_of_memory()
        return self._was_out_of_memory

    @property
    def seen_memory_bytes(self) -> int:
        """`memory_bytes` as of the last look."""
        return self._largest_bytes

    def has_ended(self) -> bool:
        return bool(select.select([self.pidfd], [], [], 0)[0])

    def kill(self) -> None:
        if self.pidfd < 0:
            return  # it never said hello, and ends by itself
        if self._has_descendants():
            self._lost_cpu_seconds = descendants_cpu_seconds(self._pid)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def ended(self, exit_code: int, cpu_seconds: float, resident_bytes: int) -> None:
        """Told by the nursery, once it has been waited for. Closes everything."""
        self._was_out_of_memory = self._is_out_of_memory()
        if self._slot is not None:
            self._largest_bytes = max(self._largest_bytes, self._slot.peak_bytes())
        self._largest_bytes = self._largest_bytes or resident_bytes
        self._total_cpu_seconds = cpu_seconds + self._lost_cpu_seconds
        if self._slot is not None:
            self._total_cpu_seconds = max(self._total_cpu_seconds, self._slot.cpu_seconds())
        self.exit_code = exit_code
        self.close()

    def close(self) -> None:
        self.sock.close()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
        if self._stat >= 0:
            os.close(self._stat)
            self._stat = -1

    def _is_out_of_memory(self) -> bool:
        if self._slot is not None:
            return self._slot.out_of_memory()
        return self._lent is not None and self._lent.oom_kills() > self._lent_oom_kills

    def _has_descendants(self) -> bool:
        """Or threads, where there is a cgroup, whose count is cheap."""
        if self._slot is not None:
            return self._slot.tasks() > 1
        try:
            with open(f"/proc/{self._pid}/task/{self._pid}/children", "rb") as file:
                return bool(file.read(1))
        except OSError:
            return False

    def _resident_peak(self) -> int:
        try:
            with open(f"/proc/{self._pid}/status", "rb") as file:
                return next((int(line.split()[1]) << 10 for line in file if line.startswith(b"VmHWM")), 0)
        except OSError:
            return 0


def _rights(control: list[tuple[int, int, bytes]]) -> tuple[int, ...]:
    if not control:
        return ()
    descriptors = array.array("i")
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return tuple(descriptors)
