"""Serves a session inside a confined child: one order of the keeper at a time, until it hangs up.

    C {index, files, fetch}   [code, stdout, stderr, result, (files' contents)]   -> run a cell
                                                        <- D {index, status, reason, exit_code}
    F {count}                 [a socket for each branch]                          -> fork (`session_branch.py`)
                                                        <- F {}

What a cell gives beside its streams lies in `result` (`pack_given`). A child that ends without a D has been ended by
its own code. Processes that a cell leaves behind are ended with it; threads the keeper stops until the next cell.
"""

# ruff: noqa: BLE001 -- whatever a cell raises, at whatever moment, is what this file reports

import fcntl
import io
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from veriward.sandbox import jail, memfds, session_branch, session_figures, session_files
from veriward.sandbox.execution import MAX_CODE_BYTES
from veriward.sandbox.frames import pack_blobs
from veriward.sandbox.session_interpreter import Interpreter, Told

MAX_MESSAGE_BYTES = 64 << 10
MAX_DESCRIPTORS = 8
SPOILT = 98
_encode = json.JSONEncoder().encode
_SIGINT = {signal.SIGINT}


def serve(sock: socket.socket) -> NoReturn:
    """Called in a sandbox child, after confinement; and again in each of its branches."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGINT)
    session = _Session(sock)
    while True:
        message, descriptors, _, _ = socket.recv_fds(
            session.sock, MAX_MESSAGE_BYTES, MAX_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
        )
        if not message:
            os._exit(SPOILT)
        order = json.loads(message[1:])
        if message[:1] == b"F":
            session.fork(descriptors)
        else:
            session.cell(order, descriptors)


class _Session:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._interpreter = Interpreter()
        self._process = os.getpid()

    def cell(self, order: dict[str, Any], descriptors: Sequence[int]) -> None:
        code, stdout, stderr, result, *contents = map(_above_the_standard, descriptors)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a fork that failed has left it as for a stem
        source = memfds.read(code, MAX_CODE_BYTES)
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        for descriptor in (code, stdout, stderr):
            os.close(descriptor)
        _open_streams()
        told, given = self._run(order, source, contents)
        if os.getpid() != self._process:
            os._exit(0)  # a fork of the program has reached the cell's end
        _write(result, _packed(told, given))
        for descriptor in (result, *contents):
            os.close(descriptor)
        self._end_processes()
        self.sock.send(_report(order["index"], told))

    def fork(self, sockets: Sequence[int]) -> None:
        branch = session_branch.split(sockets)
        if branch is not None:
            self.sock.detach()  # the branch's has its number
            self.sock, self._process = branch, os.getpid()
            return
        self.sock.send(b"F{}")

    def _run(self, order: dict[str, Any], source: bytes, contents: Sequence[int]) -> tuple[Told, dict[str, Any]]:
        given: dict[str, Any] = {"figures": [], "notes": "", "files": {}, "refused": {}}
        told: Told | None = None
        streams = sys.stdout, sys.stderr
        try:
            try:
                _heed_interrupts()
                for descriptor in contents:
                    session_files.place(jail.BOX, order["files"], descriptor)
                told = self._interpreter.run(source.decode("utf-8", "surrogatepass"), order["index"])
                given["figures"], given["notes"] = session_figures.take()
                given["files"], given["refused"] = session_files.fetch(jail.BOX, order["fetch"])
                for stream in (sys.stdout, sys.stderr, *streams):
                    stream.flush()
            finally:
                signal.pthread_sigmask(signal.SIG_BLOCK, _SIGINT)
        except KeyboardInterrupt as error:  # before the cell, or after it
            told = told or Told("runtime_error", "interrupted", 1, error=_text(error))
        except BaseException as error:
            if told is None or told.status == "finished":
                told = Told("runtime_error", "exception", 1, error=_text(error))
        return told, given

    def _end_processes(self) -> None:
        """Of this namespace, whose first process this is. The keeper looks whether it was done."""
        if self._process != 1:
            return
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return
        try:
            while True:
                os.waitpid(-1, 0)
        except ChildProcessError:
            pass


def _heed_interrupts() -> None:
    """From here on, but not those that were meant for what ran before."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    while signal.sigtimedwait(_SIGINT, 0) is not None:
        pass
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGINT)


def _packed(told: Told, given: dict[str, Any]) -> bytes:
    figures, files = given["figures"], given["files"]
    texts = [(told.value or ""), told.error, told.traceback, given["notes"]]
    head = {
        "has_value": told.value is not None,
        "figures": len(figures),
        "files": list(files),
        "refused": given["refused"],
    }
    return pack_blobs(head, [*(text.encode("utf-8", "replace") for text in texts), *figures, *files.values()])


def _report(index: int, told: Told) -> bytes:
    code = told.exit_code
    return b"D" + _encode({"index": index, "status": told.status, "reason": told.reason, "exit_code": code}).encode()


def _write(result: int, content: bytes) -> None:
    os.ftruncate(result, 0)
    at = 0
    while at < len(content):
        at += os.pwrite(result, content[at:], at)


def _above_the_standard(descriptor: int) -> int:
    """The descriptor, or a copy where it has taken the place of a standard one that a program closed."""
    return descriptor if descriptor > 2 else fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 4)


def _open_streams() -> None:
    """Whatever the last cell made of them. Nobody types: stdin is empty."""
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    if null:
        os.close(null)
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(  # type: ignore[misc]
        io.BufferedReader(io.FileIO(0, "r", closefd=False)), "utf-8", "surrogateescape"
    )
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(  # type: ignore[misc]
        io.BufferedWriter(io.FileIO(1, "w", closefd=False)), "utf-8", "surrogateescape", newline="\n"
    )
    sys.stderr = sys.__stderr__ = io.TextIOWrapper(  # type: ignore[misc]
        io.BufferedWriter(io.FileIO(2, "w", closefd=False)), "utf-8", "backslashreplace", line_buffering=True
    )


def _text(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:1_000]
    except BaseException:
        return "an exception that cannot be shown"
