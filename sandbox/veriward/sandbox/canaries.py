"""Programs that try to get out, run as any other program is. A layer counts only if what it should stop was stopped."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from veriward.sandbox.errors import SandboxError
from veriward.sandbox.execution import MIB, Execution, Isolation, Limits, Run, RunStatus, Usage
from veriward.sandbox.levels import CPU, LEVELS, Report
from veriward.sandbox.nursery import Nursery
from veriward.sandbox.performance import Performance
from veriward.sandbox.watch import Watch

_PROCESSES = 4
MEMORY_BYTES = 64 * MIB
"""What they are given."""
_HIDDEN_SECONDS = 0.04
_LIMITS = Limits(wall_seconds=20, cpu_seconds=10, memory_bytes=MEMORY_BYTES, processes=_PROCESSES)
_NOBODY = Isolation("L0", ())

# Prints the layers that held. Each attempt stands for a class of them; what it may find without a layer is in comments.
_TRIES = """
import ctypes, json, os, struct

libc = ctypes.CDLL(None, use_errno=True)

def refused(attempt, *errors):
    try:
        attempt()
    except errors:
        return True
    except OSError:
        return False
    return False

def is_own(namespace):
    try:
        return os.readlink("/proc/self/ns/" + namespace) != outside[namespace]
    except OSError:  # no /proc to compare by
        return os.getpid() == 1

def interfaces():
    try:
        with open("/proc/self/net/dev") as file:
            return sum(":" in line for line in file)
    except FileNotFoundError:
        return 0

def powerless():
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    sets = ctypes.create_string_buffer(24)
    return libc.capget(header, sets) == 0 and not any(sets.raw)

def forks():
    count = 0
    try:
        while count < 40:
            if not os.fork():
                os.close(writer)
                os.read(reader, 1)
                os._exit(0)
            count += 1
    except OSError:
        pass
    return count

def files():
    opened = []
    try:
        while len(opened) < 200:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    for descriptor in opened:
        os.close(descriptor)
    return len(opened)

def processes_seen():
    try:
        return [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []

reader, writer = os.pipe()
held = {
    "user_namespace": is_own("user"),
    "mount_namespace": is_own("mnt") and not os.path.exists("/etc/passwd"),
    "pid_namespace": os.getpid() == 1 and refused(lambda: os.kill(-1, 0), ProcessLookupError),
    "network_namespace": is_own("net") and interfaces() <= 1,
    "ipc_namespace": is_own("ipc"),
    "proc": processes_seen() == [str(os.getpid())],
    "seccomp": libc.personality(0xFFFFFFFF) == -1 and refused(__import__("socket").socket, PermissionError),
    "landlock": refused(lambda: os.open("/dev/zero", os.O_WRONLY), PermissionError)
    and refused(lambda: os.open("/etc/passwd", os.O_RDONLY), PermissionError, FileNotFoundError),
    "landlock_scopes": refused(lambda: os.kill(os.getppid(), 0), PermissionError),
    "capabilities": powerless() and refused(lambda: os.setuid(0), PermissionError),
    "rlimits": files() < 64,
}
processes = forks()
os.close(writer)
print(json.dumps({"held": [layer for layer in held if held[layer]], "processes": processes + 1}))
"""
_HIDES_TIME = f"""
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if not os.fork():
    while time.process_time() < {_HIDDEN_SECONDS}: pass
    os._exit(0)
try: os.wait()
except ChildProcessError: pass
"""
_FILLS_MEMORY = "blocks = [b'x' * 0x100000 for _ in range({mebibytes} + 20)]"


class _Tried(Protocol):
    """What is looked at of a canary's run."""

    @property
    def status(self) -> RunStatus: ...
    @property
    def reason(self) -> str: ...
    @property
    def stdout(self) -> bytes: ...
    @property
    def stderr(self) -> bytes: ...
    @property
    def usage(self) -> Usage: ...


def _filling(memory_bytes: int) -> Execution:
    """A group that was lent has its limit from outside: what fills it depends on what that is at the moment."""
    limits = replace(_LIMITS, memory_bytes=memory_bytes)
    return Execution(_FILLS_MEMORY.format(mebibytes=memory_bytes // MIB), limits=limits)


def assess(nursery: Nursery, watch: Watch) -> Report:
    """What the nursery's children are kept from. Raises `SandboxError` if they can't even run."""
    return assess_by(lambda execution: _only(Performance(execution, nursery, watch, _NOBODY).runs()), nursery)


def _only(runs: Iterator[Run]) -> Run:
    (run,) = runs
    return run


def assess_by(run: Callable[[Execution], _Tried], nursery: Nursery) -> Report:
    """The same, by whatever runs an execution on the nursery."""
    outside = {name: os.readlink(f"/proc/self/ns/{name}") for name in ("user", "mnt", "net", "ipc")}
    execution = Execution(f"outside = {outside}\n{_TRIES}", limits=_LIMITS)
    tried = run(execution)
    if tried.status is not RunStatus.FINISHED:
        raise SandboxError(f"the canary ended with {tried.status} ({tried.reason}): {tried.stderr.decode()[-1000:]}")
    seen = json.loads(tried.stdout)
    layers = seen["held"]
    if nursery.has_cgroups:
        if seen["processes"] <= _PROCESSES + nursery.uncounted_processes:
            layers.append("cgroup_pids")
        filled = run(_filling(nursery.lent_bytes or MEMORY_BYTES))
        if filled.reason == "oom_cgroup":
            layers.append("cgroup_memory")
        hidden = run(Execution(_HIDES_TIME, limits=_LIMITS))
        if hidden.usage.cpu_seconds >= _HIDDEN_SECONDS:
            layers.append(CPU)
    report = Report.of(layers, nursery.failure)
    return replace(report, level=LEVELS[0]) if nursery.without else report
