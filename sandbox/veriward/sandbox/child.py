"""From a bare fork of the zygote to a confined process that serves one program: the order of confinement.

Nothing of a program has arrived while this runs. Any failure ends the child before it says hello: a program is never
run less protected than the plan says.

The conversation with the keeper, before `runner.serve` or `launcher.serve` takes it over:

    H              ->           I am confined; fd, of a session: the listener of its gate
    E text         ->           I am not, because of `text`; the child ends
                   <-  B        its limits, names and sizes of its files, and whether it is for `launcher.py`
                                (`orders.py`); fd, if there are files: their contents
"""

import array
import gc
import os
import resource
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NoReturn

from veriward.sandbox import jail, kernel, landlock, launcher, runner
from veriward.sandbox.orders import EQUIPMENT, MAX_EQUIPMENT_BYTES, unpack_equipment

BOX_BYTES = 64 << 20
BOX_INODES = 1_000
MAX_DESCRIPTORS = 64
SOCKET = 3
"""The only descriptor of a child beside 0, 1 and 2."""
SETUP_FAILED = 99
BOX_OPTIONS = f"size={BOX_BYTES},nr_inodes={BOX_INODES},mode=777"
_FIRST_USER_WITHOUT_NAMESPACES = 101_000
MAX_SLOTS = 64  # of one zygote: each has a user of its own
_ONE_DESCRIPTOR = socket.CMSG_SPACE(array.array("i").itemsize)
_REHEARSALS = 20


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
    def channel(self) -> socket.socket:
        """Of every child, which finds its own socket under the number."""
        return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, SOCKET)

    @cached_property
    def entering(self) -> tuple[kernel.Step, ...]:
        """Into namespaces of its own (the pid namespace it is born into), before it joins its cgroups."""
        own = ("mount_namespace", "ipc_namespace")
        unshared = sum(flag for layer, flag in jail.NAMESPACES.items() if layer in own and layer in self.layers)
        steps: list[kernel.Step] = [os.setsid]
        if unshared:
            steps.append(kernel.unsharing(unshared))
        if "mount_namespace" in self.layers:
            flags = kernel.MS_NOSUID | kernel.MS_NODEV
            steps.append(kernel.mounting("tmpfs", jail.BOX, "tmpfs", flags, BOX_OPTIONS))
            if "proc" in self.layers:
                steps.append(jail.proc_mounting())
            steps.append(partial(os.chdir, jail.BOX))
        return tuple(steps)

    @cached_property
    def leaving(self) -> dict[int, tuple[kernel.Step, ...]]:
        """By slot, all that is left to give up, once in its cgroups."""
        return {slot: tuple(self._leaving(slot)) for slot in range(MAX_SLOTS)}

    def _leaving(self, slot: int) -> Iterator[kernel.Step]:
        if "capabilities" in self.layers:
            yield from self._becoming_nobody(slot)
        has_own_pids = "pid_namespace" in self.layers
        if not has_own_pids:  # with one, the death of the zygote is the end of its namespace
            yield kernel.controlling(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
        # Its own /proc/self/fd, as /dev/stdin needs it; its neighbours are in other pid namespaces.
        yield kernel.controlling(kernel.PR_SET_DUMPABLE, 1 if has_own_pids else 0)
        if self.ruleset is not None:
            yield kernel.landlocking(self.ruleset.descriptor)
        yield partial(os.closerange, SOCKET + 1, MAX_DESCRIPTORS)
        if self.program is not None and self.session is None:
            yield self.program.step

    def _becoming_nobody(self, slot: int) -> Iterator[kernel.Step]:
        """Leaving uid 0 for another clears every capability; where there is no other user they are dropped."""
        user = slot + (jail.CHILD_USER if "user_namespace" in self.layers else _FIRST_USER_WITHOUT_NAMESPACES)
        if self.own_users:
            yield partial(os.setgroups, [])
            yield partial(os.setresgid, user, user, user)
            yield partial(os.setresuid, user, user, user)
        else:
            yield kernel.drop_capabilities

    def rehearse(self) -> None:
        """Go through what every child does, on nothing, until Python has adapted the bytecode on the way."""
        keeper, own = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with keeper, own:
            for _ in range(_REHEARSALS):
                kernel.take([os.getpid, partial(os.getpid)])
                keeper.send(EQUIPMENT.pack(b"B", False, 0, 0))
                _equip(self, own)
        for _ in (self.channel, self.entering, self.leaving):
            pass  # made once, here


def live(plan: Plan, slot: int, descriptor: int, joins: Sequence[int]) -> NoReturn:
    """Confine this process, then serve the program that the keeper sends over the socket `descriptor`."""
    code = SETUP_FAILED
    os.dup2(descriptor, SOCKET)
    sock = plan.channel
    try:
        gate = _confine(plan, slot, joins)
        if gate is None:
            sock.send(b"H")
        else:
            socket.send_fds(sock, [b"H"], [gate])
            os.close(gate)
        serve = launcher.serve if _equip(plan, sock) else plan.session or runner.serve
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
    kernel.take(plan.entering)
    for join in joins:
        os.write(join, b"0")
    kernel.take(plan.leaving.get(slot) or tuple(plan._leaving(slot)))  # sessions have more slots than are made ready
    return plan.program.install_with_listener() if plan.program is not None and plan.session is not None else None


def _equip(plan: Plan, sock: socket.socket) -> bool:
    """Wait for an execution; take on its limits and place its files in the box. Returns whether it launches."""
    message, control, _, _ = sock.recvmsg(MAX_EQUIPMENT_BYTES, _ONE_DESCRIPTOR)
    if not message:
        os._exit(0)  # the keeper is gone
    launches, limits, files = unpack_equipment(message)
    if files:
        (contents,) = array.array("i", control[0][2])
        _place(files, contents)
        os.close(contents)
    if "rlimits" in plan.layers:
        for kind, soft, hard in limits:
            resource.setrlimit(kind, (soft, hard))
    return launches


def _place(files: list[tuple[str, int]], contents: int) -> None:
    """Files by name and size, whose contents lie one after the other."""
    for name, size in files:
        path = os.path.join(jail.BOX, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as target:
            while size:
                size -= os.sendfile(target.fileno(), contents, None, size)
