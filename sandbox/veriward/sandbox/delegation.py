"""Makes a version 2 cgroup that was delegated to us ready to hold slots: its processes move into a leaf of it.

The kernel gives controllers to the children of a group only while no process is in the group itself ("no internal
processes", Documentation/admin-guide/cgroup-v2.rst); under `systemd-run -p Delegate=yes` and in a container, we are. A
group is ours to rearrange if systemd has marked it so, if it belongs to our user, or if it is all that we see.
"""

import contextlib
import errno
import os
from typing import Protocol

LEAF = "veriward-processes"
_CONTROLLERS = frozenset({"memory", "pids"})
_MARKS = ("user.delegate", "trusted.delegate")  # of systemd, on the directory


class Files(Protocol):
    """The cgroup file system, as far as it is needed here. Every method raises `OSError`."""

    def read(self, path: str) -> str: ...

    def write(self, path: str, text: str) -> None: ...

    def make(self, path: str) -> None: ...

    def is_delegated(self, path: str) -> bool: ...


class HostFiles:
    def read(self, path: str) -> str:
        with open(path) as file:
            return file.read()

    def write(self, path: str, text: str) -> None:
        with open(path, "w") as file:
            file.write(text)

    def make(self, path: str) -> None:
        os.makedirs(path, exist_ok=True)

    def is_delegated(self, path: str) -> bool:
        for mark in _MARKS:
            with contextlib.suppress(OSError):
                if os.getxattr(path, mark) == b"1":
                    return True
        return os.geteuid() != 0 and os.stat(path).st_uid == os.geteuid()


def group_of(own: str) -> str:
    """Where slots go, by the group that a process of ours is in: one that was moved is in the leaf."""
    return own.removesuffix("/" + LEAF) or "/"


def has_controllers(base: str, *, is_whole_view: bool = False, files: Files | None = None) -> bool:
    """Whether groups made in `base` have the memory and pids controllers; enables them where it can and may.

    `is_whole_view`: it is the root of our cgroup namespace.
    """
    files = files or HostFiles()
    control = f"{base}/cgroup.subtree_control"
    try:
        if _CONTROLLERS.issubset(files.read(control).split()):
            return True
        if not _CONTROLLERS.issubset(files.read(f"{base}/cgroup.controllers").split()):
            return False
        _enable(control, base, files, may_move=is_whole_view or files.is_delegated(base))
        return _CONTROLLERS.issubset(files.read(control).split())
    except OSError:
        return False


def _enable(control: str, base: str, files: Files, *, may_move: bool) -> None:
    wanted = " ".join(f"+{name}" for name in sorted(_CONTROLLERS))
    try:
        files.write(control, wanted)
    except OSError as fault:
        if fault.errno != errno.EBUSY or not may_move:
            raise
        files.make(f"{base}/{LEAF}")
        for pid in files.read(f"{base}/cgroup.procs").split():
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                files.write(f"{base}/{LEAF}/cgroup.procs", pid)
        files.write(control, wanted)
