"""Forks a session from within: each branch a process in namespaces of its own, with a box of its own.

A confined process cannot make namespaces; its filter leaves that to the keeper (`session_gate.py`), which allows it to
exactly the processes that it has asked to fork. The order of one branch, this side:

    fork              an intermediate process: the keeper moves it into the branch's cgroup at the gate
    unshare           user, mount, IPC and pid namespaces, by leave of the keeper
    fork              the branch, first process of its pid namespace; the intermediate one ends
    H     ->          here I am
          <-  G       your box and your /proc are mounted
                      its files are copied, its open files opened anew there, its capabilities dropped
    R     ->          ready; or X {why}

The process that was forked stays as it is, a stem, and is asked for nothing but more branches: it is the first process
of a namespace in which its branches' lie, and must outlive them. What cannot be had twice (pipes, sockets, memory that
is shared) is `/dev/null` in the branch, or keeps a session from being forked at all.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import stat
from collections.abc import Sequence
from dataclasses import dataclass

from veriward.sandbox import jail, kernel, session_files
from veriward.sandbox.seccomp import BRANCH_NAMESPACES

SOCKET = 3
MAX_DESCRIPTORS = 64
MAX_REASON_CHARS = 500
_KEPT_FLAGS = os.O_ACCMODE | os.O_APPEND | os.O_NONBLOCK
_DELETED = " (deleted)"


@dataclass(frozen=True, slots=True)
class _Open:
    """A descriptor of the session, and how to have the like in another box; without a path that is not to be had."""

    descriptor: int
    path: str
    flags: int
    offset: int
    inheritable: bool


def split(sockets: Sequence[int]) -> socket.socket | None:
    """Fork once for each socket. Returns the branch's own in a branch, None in the process that was asked."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    held = _held(sockets)
    directory = os.getcwd()
    between: list[int] = []
    for mark, number in enumerate(sockets):
        process = _forked(between)
        if not process:
            try:
                return _branch(mark, number, held, directory)
            except BaseException:  # noqa: BLE001 -- a branch that is not complete is none
                os._exit(1)
        between.append(process)
    _wait(between)
    for number in sockets:
        os.close(number)
    # From here on this is a stem: branches that end are nobody's to wait for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    return None


def _forked(between: list[int]) -> int:
    """As `fork`; where there may be no more processes, those `between` it and its branches come to their end first."""
    try:
        return os.fork()
    except BlockingIOError:
        _wait(between)
        return os.fork()


def _wait(processes: list[int]) -> None:
    while processes:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(processes.pop(), 0)


def _branch(mark: int, number: int, held: Sequence[_Open], directory: str) -> socket.socket:
    kernel.unshare_marked(BRANCH_NAMESPACES, mark)
    if os.fork():
        os._exit(0)
    os.setsid()
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # so that its user can be mapped: new namespaces have taken it away
    box = os.open(jail.BOX, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    box = fcntl.fcntl(box, fcntl.F_DUPFD_CLOEXEC, 4) if box < 4 else box
    os.dup2(number, SOCKET, inheritable=False)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, SOCKET)
    sock.send(b"H")
    if sock.recv(8)[:1] != b"G":
        os._exit(1)
    try:
        _settle(box, held, directory)
    except OSError as fault:
        sock.send(b"X" + json.dumps({"why": str(fault)[:MAX_REASON_CHARS]}).encode())
        raise
    sock.send(b"R{}")
    return sock


def _settle(box: int, held: Sequence[_Open], directory: str) -> None:
    """Have everything of its own that the descriptor `box` and the others still share with the stem."""
    session_files.copy_tree(box, jail.BOX)
    for one in held:
        _have_anew(one)
    kept = {one.descriptor for one in held}
    for descriptor in range(SOCKET + 1, MAX_DESCRIPTORS):
        if descriptor not in kept:
            _close(descriptor)
    os.chdir(directory if os.path.isdir(directory) else jail.BOX)
    null = os.open("/dev/null", os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    os.close(null)
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # its own /proc/self, as before


def _held(sockets: Sequence[int]) -> list[_Open]:
    """What the program has open, its own socket and those of the branches apart."""
    held = []
    for descriptor in range(SOCKET + 1, MAX_DESCRIPTORS):
        if descriptor in sockets:
            continue
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        path = _path(descriptor)
        offset = os.lseek(descriptor, 0, os.SEEK_CUR) if path and stat.S_ISREG(status.st_mode) else 0
        held.append(_Open(descriptor, path, flags & _KEPT_FLAGS, offset, os.get_inheritable(descriptor)))
    return held


def _path(descriptor: int) -> str:
    try:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:  # no /proc here
        return ""
    return path if path.startswith("/") and not path.startswith("/memfd:") else ""


def _have_anew(one: _Open) -> None:
    try:
        fresh = _open(one)
        if one.offset:
            os.lseek(fresh, one.offset, os.SEEK_SET)
    except OSError:
        fresh = os.open("/dev/null", os.O_RDWR)
    if fresh == one.descriptor:  # a library closes it when it is forked
        os.set_inheritable(fresh, one.inheritable)
        return
    os.dup2(fresh, one.descriptor, one.inheritable)
    os.close(fresh)


def _open(one: _Open) -> int:
    if not one.path:
        return os.open("/dev/null", os.O_RDWR)
    if one.path.endswith(_DELETED):
        fresh = os.open(jail.BOX, os.O_TMPFILE | os.O_RDWR, 0o600)
        session_files.copy_content(one.descriptor, fresh)
        return fresh
    return os.open(one.path, one.flags | os.O_NOFOLLOW)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        pass
