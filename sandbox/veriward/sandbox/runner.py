"""Runs programs inside a confined child, one order at a time; what it says of them is believed by nobody.

The keeper speaks over a SOCK_SEQPACKET socket: a letter and what belongs to it (`orders.py`), payloads as descriptors.

    P mode, entry, stubs    [code]                            -> once per child
    T index, fresh          [input, stdout, stderr, result]   -> run once (`orders.py`)
                                                              <- D {index, status, reason, exit_code}

A child that ends without a D has been ended by its program. Every run gets fresh globals, streams and builtins; modules
stay imported. Not undone: what an earlier run of the same submission did to other modules, its threads and its files.
They can hurt nobody else.
"""

# ruff: noqa: BLE001 -- whatever the program raises, at whatever moment, is what this file reports

import array
import atexit
import builtins
import fcntl
import io
import json
import os
import random
import signal
import socket
import sys
from _sitebuiltins import Quitter
from collections.abc import Mapping
from typing import Any, NoReturn, TextIO

from veriward.sandbox import memfds
from veriward.sandbox.candidate import MissingEntry
from veriward.sandbox.execution import MAX_CODE_BYTES
from veriward.sandbox.modes import MODES, PROGRAM, Mode, NotCompiled
from veriward.sandbox.orders import ORDER, pack_plan, told, unpack_plan
from veriward.sandbox.plain import Unserialisable

MAX_MESSAGE_BYTES = 64 << 10
RECURSION_LIMIT = 1_000  # Python's own, counted from the program's first frame
FLUSH_FAILED = 120  # the exit code Python itself gives when the last output could not be written

SPOILT = 98
"""The exit code of a child whose program has taken from it what it needs to go on: its descriptors, its modules."""

_OWN_FRAMES = 8  # between `serve` and the program, and some to spare
_REHEARSALS = 20
_DESCRIPTORS_SPACE = socket.CMSG_SPACE(4 * array.array("i").itemsize)
_CLOSE_ON_EXEC = int(socket.MSG_CMSG_CLOEXEC)
_show = sys.excepthook
_pristine_path: list[str] = []
_pristine_builtins: dict[str, Any] = {}
_profile = ""
_elsewhere: Mapping[str, list[str]] = {}


def prepare() -> None:
    """What every child would otherwise do first. Called once in its parent, which has imported what it will."""
    atexit._clear()  # the parent's callbacks are not the program's
    for name in ("exit", "quit"):  # given by `site`, which a zygote does without
        setattr(builtins, name, Quitter(name, "Ctrl-D (i.e. EOF)"))
    _pristine_path[:] = sys.path
    _pristine_builtins.update(vars(builtins))
    _rehearse()
    _open_first_streams()


def name_profile(profile: str, elsewhere: Mapping[str, list[str]]) -> None:
    """What to tell a program that imports what its profile lacks: `elsewhere` says which others have a module."""
    global _profile, _elsewhere
    _profile, _elsewhere = profile, elsewhere


def _rehearse() -> None:
    """Run an empty program until Python has adapted the bytecode on its way, or every child would: 60 page copies."""
    main = sys.modules["__main__"]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        directory, limit = os.getcwd(), sys.getrecursionlimit()
        code = memfds.sealed("code", b"print(end='')")
        for _ in range(_REHEARSALS):
            socket.send_fds(ours, [pack_plan("stdin", "", ())], [code])
            mode = _mode(theirs)
            socket.send_fds(ours, [ORDER.pack(b"T", 0, True)], [0, 1, 2])
            index, fresh, descriptors = _order(*theirs.recvmsg(ORDER.size, _DESCRIPTORS_SPACE, _CLOSE_ON_EXEC))
            for descriptor in descriptors:
                os.close(descriptor)
            _restore(directory, limit)
            told(index, **_run(mode, fresh, 0))
            _depth()
        os.close(code)
    sys.modules["__main__"] = main


def _open_first_streams() -> None:
    """Open what the first run of every child will have, upon memory files as it will find them in their place."""
    own = [os.dup(number) for number in range(3)]
    for number in range(3):
        blank = memfds.blank("stream")
        os.dup2(blank, number)
        os.close(blank)
    _open_streams()
    for number, descriptor in enumerate(own):
        os.dup2(descriptor, number)
        os.close(descriptor)


def serve(sock: socket.socket) -> NoReturn:
    """Obey the keeper until it hangs up. Called in the sandbox child, after confinement and `prepare`."""
    mode = _mode(sock)
    process, directory, limit, spoilt = os.getpid(), os.getcwd(), RECURSION_LIMIT + _depth(), False
    sys.setrecursionlimit(limit)
    while True:
        # C alone: up to its return, all else may still be as the program left it.
        heard = sock.recvmsg(ORDER.size, _DESCRIPTORS_SPACE, _CLOSE_ON_EXEC)
        if spoilt:
            _restore(directory, limit)
        index, fresh, descriptors = _order(*heard)
        for number in range(3):
            os.dup2(descriptors[number], number)
        result = descriptors.pop() if len(descriptors) > 3 else -1
        for descriptor in descriptors:
            os.close(descriptor)
        report = _run(mode, fresh, result)
        if os.getpid() != process:
            os._exit(report["exit_code"] or 0)  # a fork of the program has reached the program's end
        if result >= 0:
            os.close(result)
        sock.send(told(index, **report))
        spoilt = True


def receive(sock: socket.socket, kind: bytes) -> tuple[dict[str, Any], list[int]]:
    message, descriptors, _, _ = socket.recv_fds(sock, MAX_MESSAGE_BYTES, 4, socket.MSG_CMSG_CLOEXEC)
    if not message:
        os._exit(SPOILT)  # the keeper is gone and wants nothing more, or a program has shut the socket
    if message[:1] != kind:
        raise ValueError(f"expected {kind!r}, got {message[:1]!r}")
    return json.loads(message[1:]), descriptors


def _mode(sock: socket.socket) -> Mode:
    """What it is given to run, and how."""
    message, control, _, _ = sock.recvmsg(MAX_MESSAGE_BYTES, _DESCRIPTORS_SPACE, _CLOSE_ON_EXEC)
    if not message:
        os._exit(SPOILT)  # as in `receive`
    kind, entry, stubs = unpack_plan(message)
    (code,) = array.array("i", control[0][2])
    mode = MODES[kind](memfds.read(code, MAX_CODE_BYTES), entry, stubs, sock)
    os.close(code)
    return mode


def receive_order(sock: socket.socket) -> tuple[int, bool, list[int]]:
    """The next test's index, whether it starts afresh, and its descriptors."""
    return _order(*sock.recvmsg(ORDER.size, _DESCRIPTORS_SPACE, _CLOSE_ON_EXEC))


def _order(message: bytes, control: list[tuple[int, int, bytes]], *_: object) -> tuple[int, bool, list[int]]:
    if not message:
        os._exit(SPOILT)  # as in `receive`
    kind, index, fresh = ORDER.unpack(message)
    if kind != b"T":
        raise ValueError(f"expected an order, got {kind!r}")
    descriptors = array.array("i", control[0][2]).tolist()
    if min(descriptors) < 3:  # a program has closed standard ones
        descriptors = list(map(_above_the_standard, descriptors))
    return index, fresh, descriptors


def _above_the_standard(descriptor: int) -> int:
    """The descriptor, or a copy where it has taken the place of a standard one that a program closed."""
    return descriptor if descriptor > 2 else fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)


def _depth() -> int:
    """How many frames of ours a program's first frame stands on."""
    frame, depth = sys._getframe(), _OWN_FRAMES
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


def _restore(directory: str, recursion_limit: int) -> None:
    """Give the next run anew what this one may have spoilt and is cheap to give."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    builtins.__dict__.update(_pristine_builtins)
    os.chdir(directory)
    sys.path[:] = _pristine_path
    sys.setrecursionlimit(recursion_limit)
    _reset()
    _open_streams()


def _reset() -> None:
    sys.argv = ["program.py"]
    random.seed(0)  # equal input, equal verdict
    if (numpys := sys.modules.get("numpy.random")) is not None:
        numpys.seed(0)


def _open_streams() -> None:
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(  # type: ignore[misc]
        io.BufferedReader(io.FileIO(0, "r", closefd=False)), "utf-8", "surrogateescape"
    )
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(  # type: ignore[misc]
        io.BufferedWriter(io.FileIO(1, "w", closefd=False)), "utf-8", "surrogateescape", newline="\n"
    )
    sys.stderr = sys.__stderr__ = io.TextIOWrapper(  # type: ignore[misc]
        io.BufferedWriter(io.FileIO(2, "w", closefd=False)), "utf-8", "backslashreplace", line_buffering=True
    )


def _run(mode: Mode, fresh: bool, result: int) -> dict[str, Any]:
    streams = sys.stdout, sys.stderr
    try:
        mode.run(fresh, result)
        report = _report("finished")
    except BaseException as error:
        report = _failure(error, mode.is_script)
    if mode.is_script:
        _end_script(mode)
    if not _flush(*streams) and report["status"] == "finished":
        report = _report("runtime_error", "exit_code", FLUSH_FAILED)
    return mode.overrule(report)


def _report(status: str, reason: str = "", exit_code: int | None = 0) -> dict[str, Any]:
    return {"status": status, "reason": reason, "exit_code": exit_code}


def _failure(error: BaseException, is_script: bool) -> dict[str, Any]:
    """What Python itself would do about an uncaught exception, traceback and exit code included."""
    if isinstance(error, SystemExit):
        code = _exit_code(error.code)
        if not is_script:
            return _report("runtime_error", "early_exit", code)
        return _report("runtime_error", "exit_code", code) if code else _report("finished")
    if isinstance(error, NotCompiled):
        _print(error.__cause__ or error)
        return _report("compile_error", "compile_error", 1)
    _print(error)
    reason = next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), "exception")
    return _report("runtime_error", reason, 1)


_REASONS: dict[type[BaseException], str] = {
    AssertionError: "assertion",
    MemoryError: "memory_error",
    MissingEntry: "missing_entry",
    Unserialisable: "unserialisable",
}


def _print(error: BaseException) -> None:
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != PROGRAM:
        trace = trace.tb_next  # our own frames
    try:
        if type(error) is ModuleNotFoundError and error.name:
            error.add_note(_whereabouts(error.name.partition(".")[0]))
        _show(type(error), error.with_traceback(trace), trace)
    except BaseException:
        pass  # no memory left to say why, or a hostile exception: the status stands


def _whereabouts(module: str) -> str:
    holders = _elsewhere.get(module)
    others = f"; profiles that have it: {', '.join(holders)}" if holders else ""
    return f"{module} is not in profile {_profile}{others}"


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    try:
        print(code, file=sys.stderr)
    except BaseException:
        pass  # as above
    return 1


def _end_script(mode: Mode) -> None:
    """The end of a process as Python does it: threads are waited for, exit functions run, globals dropped."""
    try:
        threading = sys.modules.get("threading")
        if threading is not None:
            for thread in threading.enumerate():
                if not thread.daemon and thread is not threading.current_thread():
                    thread.join()
        atexit._run_exitfuncs()
        mode.forget()  # open files flush as they go
    except BaseException as error:
        _print(error)  # as Python does, without a word in the exit code


def _flush(stdout: TextIO, stderr: TextIO) -> bool:
    written = True
    for stream in (sys.stdout, stdout, sys.stderr, stderr):
        try:
            stream.flush()
        except (ValueError, AttributeError):
            pass  # closed, detached or replaced by something else
        except BaseException:
            written = written and stream is not stdout
    return written
