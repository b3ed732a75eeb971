"""The zygote: a small, single-threaded Python in its own namespaces that forks a confined child on command.

It never sees a program, an input or a result: those travel between the keeper and the child over a socket of their
own. Started afresh by exec, so that its memory holds nothing of the keeper's either. Its arguments are its descriptor,
the keeper's pid, `bare` where no jail can be built, `sessions` where its children are to be sessions, and layers that
are to be left out, to see what they are worth.

The conversation with the keeper, one datagram each:

                   <-  JSON     what to hold warm (`warmup.py`)
    map            ->           my namespaces exist: map my users
                   <-  m        mapped: `m1` if children have users of their own, else `m0`
    JSON           ->           {"failure": why no jail can be built here}, and I end: start me again with `bare`
    JSON           ->           {"not_warm": why its modules can't be held}, and I end
    JSON           ->           {"address_space_bytes"}: ready
                   <-  COMMAND  `ended`: the slot of a child that was killed or has ended: wait for it;
                                `wanted`: a slot to fork a child for; fds: its socket, then the cgroup.procs to join.
                                Either is NONE where there is nothing to do. `ended` FURNISH: give the processes
                                of the pidfds, branches of the first, their boxes
    STATUS         ->           of `ended`: wait status, CPU seconds, largest resident bytes, descendants included; of
                                FURNISH: the wait status of who did it
"""

import array
import gc
import json
import os
import resource
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

# `at_fork` is there to be imported, and stands first.
from veriward.sandbox import (  # noqa: F401
    at_fork,
    child,
    confine,
    huge_pages,
    jail,
    kernel,
    landlock,
    launch,
    runner,
    seccomp,
    session_box,
)
from veriward.sandbox.execution import MAX_LIMITS
from veriward.sandbox.warmup import MAX_BYTES, NotWarm, Warmup

Session = Callable[[socket.socket], NoReturn]
COMMAND = struct.Struct("<hh")
NONE = -1
FURNISH = -2
STATUS = struct.Struct("<idq")
NO_SUCH_CHILD = -1
MAX_REPORT_BYTES = 4096
LAYERS = frozenset({*jail.NAMESPACES, "proc", "landlock", "seccomp", "capabilities", "rlimits"})
_MAX_DESCRIPTORS_BYTES = socket.CMSG_SPACE((1 + session_box.MOST_AT_ONCE) * array.array("i").itemsize)
# Inherited by every child; the keeper lowers address space, CPU and processes for each execution.
_LIMITS = {
    resource.RLIMIT_CORE: confine.NO_CORE_BYTES,
    resource.RLIMIT_SIGPENDING: 512,  # kernel timers and queued signals, of all the user's processes
    resource.RLIMIT_MEMLOCK: 64 << 10,
    resource.RLIMIT_NOFILE: 64,
    resource.RLIMIT_STACK: 64 << 20,
    resource.RLIMIT_FSIZE: MAX_LIMITS.output_bytes + 1,
}
_NICENESS = 5
_OOM_SCORE = "500"  # should the whole machine run out of memory, a program goes before a trainer


def main() -> None:
    descriptor, parent, *words = sys.argv[1:]
    confine.die_with_parent(int(parent))
    keeper = socket.socket(fileno=int(descriptor))
    if keeper.fileno() != child.SOCKET:
        taken, _ = socket.socketpair()  # so that nothing a child still needs comes to lie where its socket will
        os.dup2(taken.fileno(), child.SOCKET)
    launch.name_process("zygote")
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write(_OOM_SCORE)
    own_users = os.geteuid() == 0
    layers = LAYERS.difference(words)
    session = _session_server() if "sessions" in words else None
    warmup = Warmup.unpack(keeper.recv(MAX_BYTES))
    if "bare" in words:
        _serve(keeper, warmup, layers.difference(jail.NAMESPACES, ["proc"]), own_users=own_users)
        return
    try:
        jail.leave_namespaces(layers)
    except OSError as fault:
        keeper.send(json.dumps({"failure": str(fault)}).encode())
        return
    if "user_namespace" in layers:
        keeper.send(b"map")
        own_users = keeper.recv(8) == b"m1"
    inner = os.fork()  # the first process of the new pid namespace: its death ends all that is in it
    if inner:
        keeper.close()
        os.waitpid(inner, 0)
        return
    kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
    pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if "mount_namespace" in layers and not jail.build(warmup.packages):
            layers -= {"proc"}
    except OSError as fault:
        keeper.send(json.dumps({"failure": str(fault)}).encode())
        return
    _serve(keeper, warmup, layers, own_users=own_users, pid_namespace=pid_namespace, session=session)


def _serve(
    keeper: socket.socket,
    warmup: Warmup,
    layers: frozenset[str],
    *,
    own_users: bool,
    pid_namespace: int | None = None,
    session: Session | None = None,
) -> None:
    in_jail = pid_namespace is not None
    try:
        _settle(warmup, layers, [jail.BOX] if in_jail else [])
    except NotWarm as fault:
        keeper.send(json.dumps({"not_warm": str(fault)}).encode()[:MAX_REPORT_BYTES])
        return
    policy = seccomp.SESSION if session is not None else seccomp.PROGRAM if in_jail else seccomp.LONE_PROGRAM
    plan = child.Plan(
        layers=layers,
        own_users=own_users,
        ruleset=_ruleset(in_jail=in_jail) if "landlock" in layers else None,
        program=kernel.SeccompProgram(seccomp.assemble(policy)) if "seccomp" in layers else None,
        session=session,
    )
    plan.rehearse()
    _be_still()
    keeper.send(json.dumps({"address_space_bytes": _address_space_bytes()}).encode())
    _Forks(keeper, plan, pid_namespace if "pid_namespace" in layers else None).serve()


def _settle(warmup: Warmup, layers: frozenset[str], box: Sequence[str]) -> None:
    """Do once what children inherit."""
    sys.path[:] = [path for path in sys.path if path != launch.SOURCE_ROOT]
    warmup.perform()
    sys.path[:] = [*box, *sys.path]
    runner.prepare()
    if "capabilities" in layers:
        kernel.drop_bounding_set()
    kernel.no_new_privileges()
    if "rlimits" in layers:
        for kind, value in _LIMITS.items():
            confine.lower_limit(kind, value)
    os.nice(_NICENESS)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _be_still() -> None:
    """Have the memory that children share change as little as it can."""
    gc.disable()
    gc.collect()
    gc.freeze()
    huge_pages.fold()


def _session_server() -> Session:
    """Imported only where it is needed, for every fork pays for what a zygote holds; and before the jail hides it."""
    from veriward.sandbox import session_child

    return session_child.serve


def _address_space_bytes() -> int:
    """What every child begins with; 0 where there is no /proc to tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _ruleset(*, in_jail: bool) -> landlock.Ruleset | None:
    version = landlock.abi()
    if not version:
        return None
    rules = [(path, landlock.READ_AND_EXECUTE) for path in (["/"] if in_jail else jail.readable_paths())]
    rules.append(("/dev/null", landlock.READ_FILE | landlock.WRITE_FILE))
    if in_jail:
        rules.append((jail.WRITABLE, landlock.everything(version)))
    return landlock.prepare(version, rules)


class _Forks:
    def __init__(self, keeper: socket.socket, plan: child.Plan, pid_namespace: int | None) -> None:
        self._keeper = keeper
        self._plan = plan
        self._pid_namespace = pid_namespace
        self._children: dict[int, int] = {}

    def serve(self) -> None:
        """Until the keeper is gone."""
        while True:
            message, control, _, _ = self._keeper.recvmsg(COMMAND.size, _MAX_DESCRIPTORS_BYTES)
            if not message:
                return
            ended, wanted = COMMAND.unpack(message)
            if ended == FURNISH:
                descriptors = array.array("i", control[0][2])
                self._keeper.send(STATUS.pack(session_box.furnish(self._pid_namespace or 0, *descriptors), 0.0, 0))
                for descriptor in descriptors:
                    os.close(descriptor)
                continue
            if ended != NONE:
                self._keeper.send(STATUS.pack(*self._wait(ended)))
            if wanted != NONE:
                self._fork(wanted, array.array("i", control[0][2]))

    def _fork(self, slot: int, descriptors: Sequence[int]) -> None:
        if self._pid_namespace is not None:
            kernel.unshare(kernel.CLONE_NEWPID)
        pid = os.fork()
        if not pid:
            self._keeper.detach()  # its number is now another socket's
            child.live(self._plan, slot, descriptors[0], descriptors[1:])
        if self._pid_namespace is not None:  # the next child's namespace hangs under ours, not under this child's
            kernel.setns(self._pid_namespace, kernel.CLONE_NEWPID)
        self._children[slot] = pid
        for descriptor in descriptors:
            os.close(descriptor)

    def _wait(self, slot: int) -> tuple[int, float, int]:
        pid = self._children.pop(slot, 0)
        if not pid:
            return NO_SUCH_CHILD, 0.0, 0
        _, status, usage = os.wait4(pid, 0)
        return status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10
