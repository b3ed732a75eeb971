"""The Linux system calls that Python 3.11 does not wrap, by ctypes: thin, typed, raising `OSError`."""

import ctypes
import os
import struct
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_NEW_LISTENER = 8
SIGKILL = 9

_CAPABILITY_VERSION_3 = 0x2008_0522
_LAST_CAPABILITY = 63

# Without a libc wrapper, or only in a recent one; newer numbers are the same on every architecture.
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_UNSHARE = {"x86_64": 272, "aarch64": 97}
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_CLOSE_RANGE = 436
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
_libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


Step = Callable[[], int | None]
"""A call made ready in advance, so that to make it touches little memory, which is what a fork pays for."""


def take(steps: Iterable[Step]) -> None:
    """One after the other. Raises `OSError` at the first that fails."""
    for step in steps:
        if (step() or 0) < 0:
            raise OSError(ctypes.get_errno(), f"{step}: {os.strerror(ctypes.get_errno())}")


def unsharing(flags: int) -> Step:
    return partial(_libc.unshare, flags)


def mounting(source: str, target: str, kind: str, flags: int, options: str) -> Step:
    return partial(_libc.mount, *(os.fsencode(part) for part in (source, target, kind)), flags, os.fsencode(options))


def controlling(option: int, value: int) -> Step:
    return partial(_libc.prctl, option, value, 0, 0, 0)


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), f"unshare({flags:#x})")


def unshare_marked(flags: int, mark: int) -> None:
    """The same; `mark` is in a register that the call does not use, for a supervisor to read."""
    _checked(_libc.syscall(_UNSHARE[os.uname().machine], ctypes.c_ulong(flags), ctypes.c_ulong(mark)), "unshare")


def setns(descriptor: int, kind: int) -> None:
    _checked(_libc.setns(descriptor, kind), "setns")


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    encoded = [os.fsencode(part) if part is not None else None for part in (source, target, kind, options)]
    _checked(_libc.mount(*encoded[:3], flags, encoded[3]), f"mount {kind or source} on {target}")


def unmount(target: str, flags: int = MNT_DETACH) -> None:
    _checked(_libc.umount2(os.fsencode(target), flags), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    number = _PIVOT_ROOT[os.uname().machine]
    _checked(_libc.syscall(number, os.fsencode(new), os.fsencode(old)), f"pivot_root {new}")


def prctl(option: int, *arguments: int) -> int:
    padded = (*arguments, 0, 0, 0, 0)[:4]
    return _checked(_libc.prctl(option, *padded), f"prctl({option})")


def close_range(first: int, last: int) -> None:
    """Close the descriptors `first` … `last`, both included."""
    _checked(_libc.syscall(_CLOSE_RANGE, ctypes.c_uint(first), ctypes.c_uint(last), 0), "close_range")


def madvise(address: int, length: int, advice: int) -> bool:
    """Whether the kernel took the advice."""
    return bool(_libc.madvise(address, length, advice) == 0)


def drop_bounding_set() -> None:
    """No later execve can gain a capability. Inherited: once per zygote."""
    for capability in range(_LAST_CAPABILITY):
        if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            return  # EINVAL one past the last that this kernel knows; EPERM without CAP_SETPCAP, then there is none


def drop_capabilities() -> None:
    """Empty the permitted, effective and inheritable sets of the calling thread."""
    header = ctypes.create_string_buffer(struct.pack("Ii", _CAPABILITY_VERSION_3, 0))
    _checked(_libc.capset(header, ctypes.create_string_buffer(24)), "capset")


def no_new_privileges() -> None:
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def landlocking(ruleset: int) -> Step:
    return partial(_libc.syscall, LANDLOCK_RESTRICT_SELF, ruleset, 0)


def landlock(number: int, *arguments: Any) -> int:
    return _checked(_libc.syscall(number, *arguments), f"landlock({number})")


class SeccompProgram:
    """A BPF program in the memory layout that the kernel takes; `install` is irrevocable and inherited."""

    class _Fprog(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))

    def __init__(self, instructions: Iterable[tuple[int, int, int, int]]) -> None:
        raw = b"".join(struct.pack("<HBBI", *instruction) for instruction in instructions)
        self._raw = ctypes.create_string_buffer(raw, len(raw))
        self._fprog = self._Fprog(len(raw) // 8, ctypes.addressof(self._raw))
        self._address = ctypes.addressof(self._fprog)

    @property
    def step(self) -> Step:
        """`install`, made ready."""
        return partial(_libc.prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, self._address, 0, 0)

    def install(self) -> None:
        """Needs no_new_privs. Raises `OSError` where the kernel has no seccomp filters."""
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, self._address)

    def install_with_listener(self) -> int:
        """The same, and the descriptor at which a supervisor is asked about the calls that the program leaves to it."""
        number, flags = _SECCOMP[os.uname().machine], SECCOMP_FILTER_FLAG_NEW_LISTENER
        program = ctypes.c_void_p(self._address)
        return _checked(_libc.syscall(number, SECCOMP_SET_MODE_FILTER, flags, program), "seccomp")
