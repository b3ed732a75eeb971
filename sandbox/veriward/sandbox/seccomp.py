"""Allow lists of system calls, assembled to BPF: a binary search over ranges of call numbers.

A search instead of a chain of comparisons because the kernel walks the program once per call number whenever it is
installed, and every child installs it: about 8 steps per number, not 150.
"""

import errno
import os
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from veriward.sandbox import kernel, syscalls

Instruction = tuple[int, int, int, int]

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET, _ARGUMENTS_OFFSET = 0, 4, 16
_X32_BIT = 0x4000_0000
_AUDIT_ARCHITECTURES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
# Calls newer than this are unknown to the tables; ENOSYS makes libc fall back to the older ones.
_LAST_KNOWN_NUMBER = 440

ALLOW = 0x7FFF_0000
KILL = 0x8000_0000
ASK = 0x7FC0_0000  # whoever listens decides; ENOSYS where nobody does


def refuse(number: int) -> int:
    return 0x0005_0000 | number


@dataclass(frozen=True, slots=True)
class Argument:
    """Allow a call (or do what `then` says) only if the low word of argument `index` is one of `values`, if any are
    named; has one of the bits of `having`, if any; none of `without`; and `also` allows it."""

    index: int
    values: tuple[int, ...] = ()
    having: int = 0
    without: int = 0
    otherwise: int = errno.EPERM
    also: "Argument | None" = None
    then: int = ALLOW

    def instructions(self) -> list[Instruction]:
        refused = _return(refuse(self.otherwise))
        code = [(_LOAD, 0, 0, _ARGUMENTS_OFFSET + 8 * self.index)]
        if self.values:
            code += [(_JUMP_EQUAL, len(self.values) - at, 0, value) for at, value in enumerate(self.values)]
            code.append(refused)
        if self.having:
            code += [(_JUMP_ANY_BIT, 1, 0, self.having), refused]
        if self.without:
            code += [(_JUMP_ANY_BIT, 0, 1, self.without), refused]
        return [*code, *(self.also.instructions() if self.also is not None else [_return(self.then)])]


@dataclass(frozen=True, slots=True)
class Policy:
    """What one kind of confined process may call. What is named nowhere answers EPERM."""

    groups: tuple[str, ...]
    denied: frozenset[str] = frozenset()
    errors: Mapping[str, int] = field(default_factory=dict)
    arguments: Mapping[str, Argument] = field(default_factory=dict)


_NAMESPACE_FLAGS = 0x7E02_0000
_THREAD_FLAG = 0x0001_0000
_TERMINAL_AND_FILE_REQUESTS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS TIOCGWINSZ FION* FIO*CLEX
_HARMLESS_PRCTL = (1, 2, 3, 4, 15, 16, 23, 38, 39, 0x53564D41)  # pdeathsig, dumpable, name, capbset read, no_new_privs
_LIMITS = tuple(kind for kind in range(16) if kind != resource.RLIMIT_CORE)  # which stays as it is: none
# SOL_SOCKET's harmless ones: reuse, sizes of buffers, keepalive, linger, credentials, timeouts. No packet filters.
_SOCKET_OPTIONS = (2, 7, 8, 9, 13, 16, 20, 21)
# Copies, flags, locks, sizes of pipes, seals: no leases, no owners, no notice of what others do in a directory.
_FILE_COMMANDS = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1031, 1032, 1033, 1034)
_COMMON = (syscalls.FILES, syscalls.MEMORY, syscalls.PROCESSES, syscalls.TIME, syscalls.WAITING, syscalls.PAIRS)
_ARGUMENTS = {
    "clone": Argument(0, without=_NAMESPACE_FLAGS),
    "ioctl": Argument(1, _TERMINAL_AND_FILE_REQUESTS, otherwise=errno.ENOTTY),
    "prctl": Argument(0, _HARMLESS_PRCTL),
    "prlimit64": Argument(0, (0,), also=Argument(1, _LIMITS)),
    "setrlimit": Argument(0, _LIMITS),
}
_PROGRAM_ARGUMENTS = {
    **_ARGUMENTS,
    "fcntl": Argument(1, _FILE_COMMANDS, otherwise=errno.EINVAL),
    "setsockopt": Argument(2, _SOCKET_OPTIONS, otherwise=errno.ENOPROTOOPT),
}
BRANCH_NAMESPACES = kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWPID
_NO_NETWORK = {"socket": errno.EACCES, "connect": errno.EACCES}

PROGRAM = Policy(_COMMON, errors=_NO_NETWORK, arguments=_PROGRAM_ARGUMENTS)
"""An untrusted program: processes and threads within its namespace, no sockets but pairs."""

SESSION = Policy(
    (*_COMMON, syscalls.BRANCHING),
    errors=_NO_NETWORK,
    arguments={**_PROGRAM_ARGUMENTS, "unshare": Argument(0, (BRANCH_NAMESPACES,), then=ASK)},
)
"""One that lives on, and may be forked: its keeper is asked for the namespaces of a branch (`session_gate.py`)."""

LONE_PROGRAM = Policy(
    _COMMON,
    denied=frozenset({"fork", "vfork"}),
    errors=_NO_NETWORK,
    arguments={**_PROGRAM_ARGUMENTS, "clone": Argument(0, having=_THREAD_FLAG, without=_NAMESPACE_FLAGS)},
)
"""One without namespaces: threads, but no processes, for there is no pid namespace to end them with."""


def grader(pid: int, *, network: bool, processes: bool) -> Policy:
    """A trusted judge of hostile text, without namespaces of its own: it signals only itself and starts nothing."""
    denied = {"kill", "tkill", "pidfd_open", "pidfd_send_signal", "rt_sigqueueinfo", "execve", "execveat"}
    if not processes:
        denied |= {"clone", "fork", "vfork"}
    return Policy(
        (*_COMMON, syscalls.NETWORK) if network else _COMMON,
        denied=frozenset(denied),
        errors={} if network else _NO_NETWORK,
        arguments={**_ARGUMENTS, "tgkill": Argument(0, (pid,))},
    )


def assemble(policy: Policy, machine: str | None = None) -> list[Instruction]:
    """The BPF program of `policy`. Raises `KeyError` on an architecture without a table."""
    machine = machine or os.uname().machine
    actions: dict[int, list[Instruction]] = {}
    for name, number in syscalls.numbers(machine, *policy.groups).items():
        if name not in policy.denied:
            actions[number] = policy.arguments[name].instructions() if name in policy.arguments else [_return(ALLOW)]
    named = syscalls.numbers(machine, syscalls.NETWORK)
    for name, error in policy.errors.items():
        actions[named[name]] = [_return(refuse(error))]
    for number in syscalls.numbers(machine, syscalls.ABSENT).values():
        actions[number] = [_return(refuse(errno.ENOSYS))]
    return [
        (_LOAD, 0, 0, _ARCHITECTURE_OFFSET),
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCHITECTURES[machine]),
        _return(KILL),
        (_LOAD, 0, 0, _NUMBER_OFFSET),
        *_search(_ranges(actions)),
    ]


def _return(action: int) -> Instruction:
    return (_RETURN, 0, 0, action)


def _ranges(actions: Mapping[int, list[Instruction]]) -> list[tuple[int, list[Instruction]]]:
    """`(first number, what to do)` of each run of equal treatment, covering every 32-bit number."""
    edges = {0, _LAST_KNOWN_NUMBER + 1, _X32_BIT, *actions, *(number + 1 for number in actions)}
    ranges: list[tuple[int, list[Instruction]]] = []
    for number in sorted(edges):
        treatment = actions.get(number) or [_return(_unnamed(number))]
        if not ranges or ranges[-1][1] != treatment:
            ranges.append((number, treatment))
    return ranges


def _unnamed(number: int) -> int:
    if number >= _X32_BIT:
        return KILL
    return refuse(errno.ENOSYS if number > _LAST_KNOWN_NUMBER else errno.EPERM)


def _search(ranges: Sequence[tuple[int, list[Instruction]]]) -> list[Instruction]:
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    low, high = _search(ranges[:middle]), _search(ranges[middle:])
    if len(low) > 255:
        raise AssertionError("a BPF jump reaches 255 instructions: the policy has outgrown one search tree")
    return [(_JUMP_AT_LEAST, len(low), 0, ranges[middle][0]), *low, *high]
