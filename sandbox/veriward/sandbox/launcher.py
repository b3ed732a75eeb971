"""Runs commands inside a confined child: this process is the first of its pid namespace, the program is its child.

It takes the place of `runner.py` for languages other than the built-in Python, and speaks as that does:

    P {command, environment, cpu_seconds, output_bytes, makes, made}    -> once per child
    T index, fresh    [input, stdout, stderr, result]      -> run the command once (`orders.py`)
                                                           <- D {index, status, reason, exit_code, cpu_seconds}

What the program leaves running is killed before D is sent. The program can't speak for this process: it doesn't hold
the socket, can't signal the first process of its namespace, and can't trace or open one that is not dumpable. So D may
tell what only a parent knows: by which signal the program died, and the CPU time of all its descendants.
"""

import contextlib
import json
import os
import resource
import signal
import socket
import stat
import time
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from veriward.sandbox import kernel
from veriward.sandbox.descendants import descendants_cpu_seconds
from veriward.sandbox.runner import receive, receive_order

_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_INHERITED = ("HOME", "TMPDIR")
_LOOK_SECONDS = 0.25
_NOT_STARTED = {"status": "runtime_error", "reason": "not_started", "exit_code": 127}
_NOTHING_MADE = {"status": "runtime_error", "reason": "nothing_made", "exit_code": 1}


def serve(sock: socket.socket) -> NoReturn:
    """Obey the keeper until it hangs up. Called in the sandbox child, after confinement."""
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    sock.set_inheritable(False)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # with a handler it would be heeded
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    plan, _ = receive(sock, b"P")
    if plan["made"]:
        os.chmod(plan["made"], 0o700)
    while True:
        index, _, descriptors = receive_order(sock)
        standard, result = descriptors[:3], descriptors[-1]
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        began = _children_cpu_seconds()
        report = _run(plan, standard)
        if plan["makes"] and report["status"] == "finished" and not _hand_over(plan["makes"], result):
            report = _NOTHING_MADE
        for descriptor in descriptors:
            os.close(descriptor)
        used = _children_cpu_seconds() - began
        sock.send(b"D" + json.dumps({"index": index, **report, "cpu_seconds": used}).encode())


def _run(plan: Mapping[str, Any], standard: Sequence[int]) -> dict[str, Any]:
    command = plan["command"]
    try:
        program = os.posix_spawnp(
            command[0],
            command,
            {**{name: os.environ[name] for name in _INHERITED}, **plan["environment"]},
            file_actions=[(os.POSIX_SPAWN_DUP2, descriptor, number) for number, descriptor in enumerate(standard)],
            setsigmask=(),
            setsigdef=_IGNORED_BY_PYTHON,
        )
    except OSError:
        return _NOT_STARTED
    code = os.waitstatus_to_exitcode(_wait(program, plan["cpu_seconds"], standard[1], plan["output_bytes"]))
    _end_all()
    if code < 0:
        name = signal.Signals(-code).name if -code in list(signal.Signals) else f"SIG{-code}"
        return {"status": "runtime_error", "reason": name, "exit_code": None}
    if code:
        return {"status": "runtime_error", "reason": "exit_code", "exit_code": code}
    return {"status": "finished", "reason": "", "exit_code": 0}


def _wait(program: int, cpu_seconds: float, stdout: int, output_bytes: int) -> int:
    """The wait status of `program`, killed once it is over one of these limits; its orphans are reaped meanwhile.

    The keeper watches the clock on the wall, and says in the end which limit it was.
    """
    while True:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == program:
                return ended[1]
        own = time.clock_gettime((~program << 3) | 2)  # CPUCLOCK_SCHED of a process
        left = cpu_seconds - max(own, descendants_cpu_seconds(os.getpid()))
        if left < 0 or os.fstat(stdout).st_size > output_bytes:
            os.kill(program, signal.SIGKILL)
            return os.waitpid(program, 0)[1]
        # One thread uses up what is left no sooner than in that time; many do, hence the bound.
        signal.sigtimedwait({signal.SIGCHLD}, min(left, _LOOK_SECONDS) + 0.001)


def _end_all() -> None:
    """Kill and reap whatever else there is in this namespace."""
    if os.getpid() == 1:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _hand_over(path: str, target: int) -> bool:
    """Copy what the command made; False if it is no ordinary file."""
    try:
        source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    found = os.fstat(source)
    left = found.st_size if stat.S_ISREG(found.st_mode) else 0
    while left and (sent := os.sendfile(target, source, None, left)):
        left -= sent
    os.close(source)
    return found.st_size > 0 and not left and stat.S_ISREG(found.st_mode)


def _children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
