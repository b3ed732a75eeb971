"""A confined process can judge text and do nothing else; each row is tried in a fork of its own."""

import contextlib
import ctypes
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable

import pytest

from veriward.sandbox import confine

pytestmark = pytest.mark.sandbox
PARENT = os.getpid()


def reads_its_own_files() -> None:
    assert os.read(os.open(os.__file__, os.O_RDONLY), 1)


def receives_a_descriptor() -> None:
    left, right = socket.socketpair()
    memory = os.memfd_create("x")
    socket.send_fds(left, [b"x"], [memory])
    assert socket.recv_fds(right, 1, 1)[1]


def imports_and_computes() -> None:
    import decimal
    import sqlite3

    assert sqlite3.connect(":memory:").execute("select 1").fetchone() == (1,)
    assert decimal.Decimal(1) / 3


ACCEPTED: dict[str, Callable[[], object]] = {
    "reads the directories it was given": reads_its_own_files,
    "receives descriptors over an open socket": receives_a_descriptor,
    "imports and computes": imports_and_computes,
    "bounds itself further": lambda: resource.setrlimit(resource.RLIMIT_CPU, (9, 9)),
}


def thread() -> None:
    threading.Thread(target=print).start()


def ptrace() -> None:
    if ctypes.CDLL(None).ptrace(0, 0, 0, 0) < 0:
        raise PermissionError


def write_memfd() -> None:
    os.write(os.memfd_create("x"), b"x" * 100)


REFUSED: dict[str, Callable[[], object]] = {
    "reads /etc/passwd": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "reads its parent's environment": lambda: os.open(f"/proc/{PARENT}/environ", os.O_RDONLY),
    "writes a file": lambda: os.open("/tmp/veriward-confine", os.O_WRONLY | os.O_CREAT),
    "makes a directory": lambda: os.mkdir("/tmp/veriward-confine"),
    "forks": os.fork,
    "starts a thread": thread,
    "executes": lambda: os.execv("/bin/true", ["true"]),
    "signals its parent": lambda: os.kill(PARENT, 0),
    "opens a socket": socket.socket,
    "traces": ptrace,
    "takes memory over its bound": lambda: bytearray(2 << 30),
    "fills a memfd": write_memfd,
    "raises its bounds": lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)),
    "becomes root again": lambda: os.setresuid(0, 0, 0),
}


def in_a_confined_fork(act: Callable[[], object]) -> int:
    """0 if it was done, 1 if refused, 2 on anything else."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 2
    try:
        confine.confine(readable=[sys.base_prefix, sys.prefix, "/usr", "/lib"], memory_bytes=1 << 30)
        act()
        code = 0
    except (OSError, MemoryError, RuntimeError, ValueError):
        code = 1
    finally:
        os._exit(code)


@pytest.mark.parametrize("act", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(act: Callable[[], object]) -> None:
    assert in_a_confined_fork(act) == 0


@pytest.mark.parametrize("act", REFUSED.values(), ids=REFUSED)
def test_refused(act: Callable[[], object]) -> None:
    assert in_a_confined_fork(act) == 1


def test_only_the_kept_descriptors_stay_open() -> None:
    kept, other = os.pipe()
    pid = os.fork()
    if not pid:
        confine.close_other_descriptors([2, kept])
        survivors = []
        for descriptor in range(256):
            with contextlib.suppress(OSError):
                os.fstat(descriptor)
                survivors.append(descriptor)
        os._exit(survivors != [2, kept])
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(kept)
    os.close(other)


def test_a_child_dies_with_its_parent() -> None:
    reader, writer = os.pipe()
    middle = os.fork()
    if not middle:
        parent = os.getpid()
        if not os.fork():
            confine.die_with_parent(parent)
            os.write(writer, b"x")
            signal.pause()
        os.read(reader, 1)
        os._exit(0)
    os.waitpid(middle, 0)
    os.close(writer)
    assert os.read(reader, 1) == b"", "the grandchild still holds the pipe"
    os.close(reader)


def test_a_child_of_a_dead_parent_ends_at_once() -> None:
    pid = os.fork()
    if not pid:
        confine.die_with_parent(1 if os.getppid() != 1 else 2)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def test_private_namespaces_have_no_network() -> None:
    pid = os.fork()
    if not pid:
        entered = confine.enter_private_namespaces()
        alone = [name for _, name in socket.if_nameindex()] == ["lo"]
        os._exit(0 if not entered or (alone and os.getuid() == os.stat("/proc/self").st_uid) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
