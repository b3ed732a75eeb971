"""The zygote's prison, built once and inherited by every child: namespaces, a read-only root, no network.

The root is an empty tmpfs holding read-only binds of the interpreter, the system libraries and three devices. There is
no /etc/passwd, no home, no source of ours, and third-party packages are masked: programs see the standard library, and
the packages of their profile, each bound by itself.
"""

import glob
import os
import re
import socket
import sys
from collections.abc import Collection, Iterable
from typing import TextIO

from veriward.sandbox import kernel

BOX = "/box/home"
WRITABLE = "/box"
"""Parent of every child's private box. It lies in the root they share, so one Landlock rule for it serves them all."""
PACKAGES = "/packages"
"""Where a profile's packages are bound."""
CHILD_USER = 1000
NAMESPACES = {
    "user_namespace": kernel.CLONE_NEWUSER,
    "mount_namespace": kernel.CLONE_NEWNS,
    "pid_namespace": kernel.CLONE_NEWPID,
    "network_namespace": kernel.CLONE_NEWNET,
    "ipc_namespace": kernel.CLONE_NEWIPC,
    "uts_namespace": kernel.CLONE_NEWUTS,
}
# The kernel lets root of a namespace have this many users of its own: the children's must not be ours.
_FIRST_OUTSIDE_USER = 100_000
# Any directory that exists everywhere and holds nothing to bind: the new root is mounted over it, seen by us alone.
_STAGE = "/proc"
# The last holds links alone, by which awk, cc and the like are found.
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/etc/alternatives")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
_FILES = ("/etc/ld.so.cache",)
_PROC_FLAGS, _PROC_OPTIONS = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC, "subset=pid"
_OCTAL = re.compile(r"\\(\d{3})")  # how mountinfo writes spaces and the like
_LINKS = {
    "/tmp": BOX,
    "/dev/shm": BOX,
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
}
_MASKED = (
    "lib/python3*/site-packages",
    "lib/python3/dist-packages",
    "local/lib/python3*/site-packages",
    "local/lib/python3*/dist-packages",
)


def leave_namespaces(layers: Collection[str]) -> None:
    """Enter new ones for `layers`; the pid namespace begins with the next fork. Raises `OSError` if forbidden."""
    kernel.unshare(sum(flag for layer, flag in NAMESPACES.items() if layer in layers))
    if "uts_namespace" in layers:
        socket.sethostname("sandbox")


def map_users(pid: int) -> bool:
    """From outside, give `pid`'s new user namespace its users; True if the children have their own.

    Root of the host stays root of the namespace and lends 65,535 more; anyone else can lend only himself.
    """
    try:
        for name in ("uid_map", "gid_map"):
            _write(f"/proc/{pid}/{name}", f"0 0 1\n1 {_FIRST_OUTSIDE_USER} 65535")
    except PermissionError:
        _write(f"/proc/{pid}/setgroups", "deny")
        _write(f"/proc/{pid}/uid_map", f"{CHILD_USER} {os.geteuid()} 1")
        _write(f"/proc/{pid}/gid_map", f"{CHILD_USER} {os.getegid()} 1")
        return False
    return True


def build(packages: Iterable[tuple[str, str]] = ()) -> bool:
    """Make the root and move into it, for good. Returns whether /proc could be mounted.

    `packages` are the paths of packages and their names in `PACKAGES`; one without a name takes the whole place.
    """
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
        kernel.mount("tmpfs", _STAGE, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,mode=755")
        for path in _outermost((*_SYSTEM, os.path.realpath(sys.base_prefix))):
            _bind(path)
        for path in (*_DEVICES, *_FILES):
            if os.path.exists(path):
                _bind_file(path)
        for path in ("/proc", BOX, "/empty"):
            os.makedirs(_STAGE + path)
        for path, target in _LINKS.items():
            os.symlink(target, _STAGE + path)
        _mask_packages()
        for path, name in packages:
            _bind_package(path, f"{_STAGE}{PACKAGES}/{name}".rstrip("/"))
        for path, flags in _mounts_on_stage(mounts):
            kernel.mount(None, path, None, kernel.MS_BIND | kernel.MS_REMOUNT | kernel.MS_RDONLY | flags)
    has_proc = mount_proc(_STAGE + "/proc")
    os.chdir(_STAGE)
    kernel.pivot_root(".", ".")  # stacks the old root upon the new one
    kernel.unmount(".")
    os.chdir("/")
    return has_proc


def readable_paths() -> tuple[str, ...]:
    """What a program may read where there is no root to move into, for Landlock to allow."""
    return tuple(_outermost((*_SYSTEM, os.path.realpath(sys.base_prefix), *_DEVICES, *_FILES)))


def proc_mounting() -> kernel.Step:
    """`mount_proc` for a child, where it has been seen to work."""
    return kernel.mounting("proc", "/proc", "proc", _PROC_FLAGS, _PROC_OPTIONS)


def mount_proc(path: str) -> bool:
    """A /proc with the processes of the own namespace and nothing of the host's kernel.

    False where the host masks parts of its own and so forbids a new one.
    """
    try:
        kernel.mount("proc", path, "proc", _PROC_FLAGS, _PROC_OPTIONS)
    except PermissionError:
        return False
    return True


def _outermost(paths: Iterable[str]) -> list[str]:
    """Without duplicates and what lies within another: a bind brings its subtree."""
    existing = sorted({path for path in paths if os.path.exists(path)})
    return [path for path in existing if not any(path.startswith(other + "/") for other in existing)]


def _bind(path: str) -> None:
    if os.path.islink(path):  # /lib -> usr/lib on merged systems
        os.symlink(os.readlink(path), _STAGE + path)
        return
    os.makedirs(_STAGE + path)
    kernel.mount(path, _STAGE + path, None, kernel.MS_BIND | kernel.MS_REC)


def _bind_file(path: str) -> None:
    os.makedirs(os.path.dirname(_STAGE + path), exist_ok=True)
    os.close(os.open(_STAGE + path, os.O_CREAT | os.O_WRONLY, 0o444))
    kernel.mount(path, _STAGE + path, None, kernel.MS_BIND)


def _bind_package(path: str, target: str) -> None:
    if os.path.isdir(path):
        os.makedirs(target)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o444))
    kernel.mount(path, target, None, kernel.MS_BIND)


def _mask_packages() -> None:
    for prefix in {"/usr", os.path.realpath(sys.base_prefix)}:
        for pattern in _MASKED:
            for path in glob.glob(f"{prefix}/{pattern}"):
                kernel.mount(_STAGE + "/empty", _STAGE + path, None, kernel.MS_BIND)


def _mounts_on_stage(mountinfo: TextIO) -> list[tuple[str, int]]:
    """Path and wanted flags of every mount of the new root, what was bound along with a directory included.

    A user namespace may not drop a flag that a mount came with, so those are asked for again.
    """
    mountinfo.seek(0)
    rows = [line.split() for line in mountinfo]  # id, parent's id, device, root, mount point, options, …
    tree = {next(row[0] for row in reversed(rows) if row[4] == _STAGE)}
    found = []
    for mount, parent, _, _, path, options, *_ in rows:
        if mount in tree or parent in tree:
            tree.add(mount)
            path = _OCTAL.sub(lambda match: chr(int(match[1], 8)), path)
            flags = kernel.MS_NOSUID | (0 if path.removeprefix(_STAGE) in _DEVICES else kernel.MS_NODEV)
            found.append((path, flags | (kernel.MS_NOEXEC if "noexec" in options.split(",") else 0)))
    return found


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
