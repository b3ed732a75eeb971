"""Landlock: an allow list of paths, no TCP, no signals or abstract sockets to anything outside. Needs no privilege.

Not covered: metadata (`stat` succeeds anywhere) and, before ABI 6, signals: the namespaces and seccomp cover those.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from veriward.sandbox import kernel

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
READ = READ_FILE | READ_DIR
READ_AND_EXECUTE = READ | EXECUTE
_FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_TCP_BIND_AND_CONNECT = 3
_ABSTRACT_SOCKETS_AND_SIGNALS = 3


def abi() -> int:
    """The kernel's Landlock version; 0 where there is none."""
    try:
        return kernel.landlock(kernel.LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    except OSError:
        return 0


def everything(version: int) -> int:
    """Every file-system right that `version` knows: 13 in ABI 1, then refer (2), truncate (3), device ioctl (5)."""
    return (1 << (13 + (version >= 2) + (version >= 3) + (version >= 5))) - 1


@dataclass(frozen=True, slots=True)
class Ruleset:
    """An allow list made ready by `prepare`; `layers` says what it handles."""

    descriptor: int
    layers: tuple[str, ...]

    def restrict(self) -> None:
        """Hold the calling process to it, for good. Needs no_new_privs."""
        kernel.landlock(kernel.LANDLOCK_RESTRICT_SELF, self.descriptor, 0)


def prepare(version: int, rules: Iterable[tuple[str, int]], *, network: bool = False) -> Ruleset:
    """Allow `rights` beneath each `(path, rights)` and nothing else. A path that does not exist is passed over.

    What is mounted later beneath a path belongs to it, but a rule for the mount point itself is not seen from within.
    """
    handled = everything(version)
    tcp, scopes = (version >= 4 and not network), version >= 6
    # The structure grew with the ABI; the kernel takes a longer one only if what it doesn't know is zero.
    attributes = struct.pack(
        "QQQ", handled, _TCP_BIND_AND_CONNECT if tcp else 0, _ABSTRACT_SOCKETS_AND_SIGNALS if scopes else 0
    )
    descriptor = kernel.landlock(
        kernel.LANDLOCK_CREATE_RULESET, ctypes.c_char_p(attributes), ctypes.c_size_t(len(attributes)), 0
    )
    for path, rights in rules:
        _allow(descriptor, path, rights & handled)
    return Ruleset(
        descriptor, ("landlock", *(["landlock_tcp"] if tcp else []), *(["landlock_scopes"] if scopes else []))
    )


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):
            rights &= _FILE_RIGHTS
        rule = struct.pack("=Qi", rights, descriptor)
        kernel.landlock(kernel.LANDLOCK_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.c_char_p(rule), 0)
    finally:
        os.close(descriptor)
