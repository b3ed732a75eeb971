"""From a bare fork of the zygote to a confined process that serves one program: the order of confinement.

Nothing of a program has arrived while this runs. Any failure ends the child before it says hello: a program is never
run less protected than the plan says.

The conversation with the keeper, before `runner.serve` or `launcher.serve` takes it over:

    H              ->           I am confined; fd, of a session: the listener of its gate
    E text         ->           I am not, because of `text`; the child ends
                   <-  B JSON   {"limits": [[kind, soft, hard], ...], "files": [[name, size], ...], "launches": whether
                                it is for `launcher.py`}; fd, if there are files: their contents
"""

import gc
import json
import os
import resource
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from veriward.sandbox import jail, kernel, landlock, launcher, runner

BOX_BYTES = 64 << 20
BOX_INODES = 1_000
MAX_DESCRIPTORS = 64
SOCKET = 3
"""The only descriptor of a child beside 0, 1 and 2."""
SETUP_FAILED = 99
BOX_OPTIONS = f"size={BOX_BYTES},nr_inodes={BOX_INODES},mode=777"
_FIRST_USER_WITHOUT_NAMESPACES = 101_000
_MAX_EQUIPMENT_BYTES = 128 << 10


@dataclass(frozen=True)
class Plan:
    """What the zygote found possible, and what it made once for all its children."""

    layers: frozenset[str]
    own_users: bool
    ruleset: landlock.Ruleset | None
    program: kernel.SeccompProgram | None
    session: Callable[[socket.socket], NoReturn] | None = None
    """What serves a child that is to be a session; its filter then has a gate (`session_gate.py`)."""

    @cached_property
    def unshared(self) -> int:
        """Clone flags of the namespaces that every child gets anew; its pid namespace it is born into."""
        own = ("mount_namespace", "ipc_namespace")
        return sum(flag for layer, flag in jail.NAMESPACES.items() if layer in own and layer in self.layers)

    @cached_property
    def first_user(self) -> int:
        return jail.CHILD_USER if "user_namespace" in self.layers else _FIRST_USER_WITHOUT_NAMESPACES


def live(plan: Plan, slot: int, descriptor: int, joins: Sequence[int]) -> NoReturn:
    """Confine this process, then serve the program that the keeper sends over the socket `descriptor`."""
    code = SETUP_FAILED
    os.dup2(descriptor, SOCKET)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, SOCKET)
    try:
        gate = _confine(plan, slot, joins)
        if gate is None:
            sock.send(b"H")
        else:
            socket.send_fds(sock, [b"H"], [gate])
            os.close(gate)
        serve = launcher.serve if _equip(plan, sock)["launches"] else plan.session or runner.serve
        gc.enable()
        code = runner.SPOILT
        serve(sock)
    except BaseException as fault:
        if code == SETUP_FAILED:
            sock.send(b"E" + repr(fault).encode(errors="replace")[:1000])
        raise
    finally:
        os._exit(code)


def _confine(plan: Plan, slot: int, joins: Sequence[int]) -> int | None:
    """Returns the listener of the filter's gate, where it has one."""
    os.setsid()
    if plan.unshared:
        kernel.unshare(plan.unshared)
    if "mount_namespace" in plan.layers:
        kernel.mount("tmpfs", jail.BOX, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, BOX_OPTIONS)
        if "proc" in plan.layers:
            jail.mount_proc("/proc")
        os.chdir(jail.BOX)
    for join in joins:
        os.write(join, b"0")
    if "capabilities" in plan.layers:
        _become_nobody(plan, slot)
    has_own_pids = "pid_namespace" in plan.layers
    if not has_own_pids:  # with one, the death of the zygote is the end of its namespace
        kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
    # Its own /proc/self/fd, as /dev/stdin needs it; its neighbours are in other pid namespaces.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1 if has_own_pids else 0)
    if plan.ruleset is not None:
        plan.ruleset.restrict()
    os.closerange(SOCKET + 1, MAX_DESCRIPTORS)
    if plan.program is None:
        return None
    if plan.session is not None:
        return plan.program.install_with_listener()
    plan.program.install()
    return None


def _become_nobody(plan: Plan, slot: int) -> None:
    """Leaving uid 0 for another clears every capability; where there is no other user they are dropped."""
    user = plan.first_user + slot
    if plan.own_users:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    else:
        kernel.drop_capabilities()


def _equip(plan: Plan, sock: socket.socket) -> dict[str, Any]:
    """Wait for an execution; take on its limits and place its files in the box. Returns all that was asked for."""
    message, descriptors, _, _ = socket.recv_fds(sock, _MAX_EQUIPMENT_BYTES, 1)
    if not message:
        os._exit(0)  # the keeper is gone
    equipment: dict[str, Any] = json.loads(message[1:])
    for descriptor in descriptors:
        _place(equipment["files"], descriptor)
        os.close(descriptor)
    if "rlimits" in plan.layers:
        for kind, soft, hard in equipment["limits"]:
            resource.setrlimit(kind, (soft, hard))
    return equipment


def _place(files: list[tuple[str, int]], contents: int) -> None:
    """Files by name and size, whose contents lie one after the other."""
    for name, size in files:
        path = os.path.join(jail.BOX, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as target:
            while size:
                size -= os.sendfile(target.fileno(), contents, None, size)
