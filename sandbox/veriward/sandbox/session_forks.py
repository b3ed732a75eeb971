"""Forks a session from outside: leave at the gate, a cgroup, users, a box; then a look whether it is all as it should.

`session_branch.py` is the other side. What a branch does of itself is checked where it would touch anybody else: a
branch that is not alone in its namespaces, kept a privilege, or shares something with another is killed.
"""

import asyncio
import contextlib
import os
import re
import socket
import stat
from collections.abc import Sequence

from veriward.sandbox.conversation import Message, ProtocolFault
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.execution import Limits
from veriward.sandbox.jail import BOX
from veriward.sandbox.session import MAX_GENERATIONS, ForkRefused, Loss, SessionLost
from veriward.sandbox.session_box import MOST_AT_ONCE
from veriward.sandbox.session_branch import MAX_REASON_CHARS
from veriward.sandbox.session_gate import Leave
from veriward.sandbox.session_nursery import SessionChild, SessionNursery
from veriward.sandbox.session_resident import Resident, end

SECONDS = 10.0  # for all steps of one branch: most is copying its files
_SHARED = re.compile(rb"^\S+ .w.s", re.MULTILINE)
_CAPABILITIES = ("CapInh:", "CapPrm:", "CapEff:")


async def fork(source: Resident, count: int, limits: Limits, nursery: SessionNursery) -> list[Resident]:
    """`count` branches of the process `source`, which is a stem from then on. Raises `ForkRefused`, `SandboxError`.

    If one cannot be made, none is.
    """
    if source.family.gate is None:
        raise ForkRefused("this host's kernel does not let sessions be forked: it needs seccomp with user notification")
    if source.generation >= MAX_GENERATIONS:
        raise ForkRefused(f"it is the {source.generation}th fork of a fork: one more and the kernel would not allow it")
    if source.child.threads() > 1:
        raise ForkRefused("threads of it are alive, which a fork would lose: end them first")
    made: list[Resident] = []
    try:
        while len(made) < count:
            made += await _split(source, min(MOST_AT_ONCE, count - len(made)), limits, nursery)
    except BaseException:
        for branch in made:
            await end(branch, nursery)
        raise
    source.is_stem = True
    return made


async def _split(source: Resident, count: int, limits: Limits, nursery: SessionNursery) -> list[Resident]:
    """`count` complete branches. All processes are there before anything is asked of one."""
    born = await _bear(source, [nursery.branch(limits) for _ in range(count)], nursery)
    try:
        for branch in born:
            if not _is_first_below(branch.child.pid, source.child.pid):
                raise ForkRefused("a branch is not in namespaces of its own")
        nursery.furnish([branch.child for branch in born], source.child)
        for branch in born:
            branch.child.say(b"G", {}, [])
        for branch in born:
            await _complete(branch)
    except BaseException as fault:
        for branch in born:
            await end(branch, nursery)
        if isinstance(fault, ProtocolFault | TimeoutError):
            raise ForkRefused("its own code keeps it from being forked") from None
        raise
    return born


async def _bear(
    source: Resident, wanted: Sequence[tuple[SessionChild, socket.socket]], nursery: SessionNursery
) -> list[Resident]:
    """Have the processes forked. Raises `SessionLost` if it cannot be said what became of them."""
    gate = source.family.gate
    assert gate is not None
    waiting = [child for child, _ in wanted]
    children = list(waiting)
    born: list[Resident] = []
    unborn: list[SessionChild] = []
    marks = set(range(len(children)))
    gate.leave = Leave(source.child.pid, marks, lambda mark, pid: _enter(children[mark], pid))
    try:
        source.child.say(b"F", {"count": len(wanted)}, [theirs.fileno() for _, theirs in wanted])
        for _, theirs in wanted:
            theirs.close()
        async with asyncio.timeout(SECONDS):
            while waiting:
                await _readable(waiting[0].sock)
                child = waiting.pop(0)
                unborn.append(child)
                with contextlib.suppress(SandboxError):
                    child.take_hello()
                    born.append(Resident(child, source.family, source))
                    unborn.remove(child)
            word = await source.word(SECONDS)
        if not isinstance(word, Message) or word.kind != b"F":
            raise ProtocolFault("no word of the fork")
    except (ProtocolFault, TimeoutError):
        source.child.kill()
        for branch in born:
            await end(branch, nursery)
        await _return([*waiting, *unborn], nursery)
        raise SessionLost("its own code ended it when it was forked", Loss.ENDED) from None
    finally:
        gate.leave = None
    if unborn:
        for branch in born:
            await end(branch, nursery)
        await _return(unborn, nursery)
        raise SandboxError("a session could not be forked: the kernel gave no namespaces, or its own code hindered it")
    return born


async def _return(children: Sequence[SessionChild], nursery: SessionNursery) -> None:
    """Give up processes that never said hello, once what there was of them is gone."""
    async with asyncio.timeout(SECONDS):
        for child in children:
            while child.slot is not None and not child.slot.empty():
                await asyncio.sleep(0.001)
            nursery.end_branch(child)


async def _complete(branch: Resident) -> None:
    word = await branch.word(SECONDS)
    if not isinstance(word, Message) or word.kind != b"R":
        why = word.body.get("why", "") if word is not None and word.kind == b"X" else "its own code ended it"
        raise ForkRefused(f"a branch could not be completed: {str(why)[:MAX_REASON_CHARS]}")
    if fault := _fault(branch.child):
        raise ForkRefused(fault)


def _enter(child: SessionChild, pid: int) -> None:
    if child.slot is not None:
        child.slot.admit(pid)


def _is_first_below(pid: int, parent: int) -> bool:
    """Whether it is the first process of a pid namespace just below that of `parent`."""
    own, above = _numbers(pid), _numbers(parent)
    return bool(own and above) and len(own) == len(above) + 1 and own[-1] == "1"


def _fault(child: SessionChild) -> str:
    """What a complete branch has that it should not have."""
    pid = child.pid
    status = _status(pid)
    if any(int(status.get(name, "1"), 16) for name in _CAPABILITIES):
        return "a branch kept its capabilities"
    if status.get("Threads:") != "1" or child.has_company():
        return "a branch is not alone"
    if _group(pid) != (str(pid), str(pid)):
        return "a branch is in the process group of another"
    try:
        if _shares_memory(pid):
            return "it holds memory that is shared between processes, which a branch cannot have of its own"
        if not _keeps_to_itself(pid):
            return "a branch holds something open that belongs to another"
    except OSError as fault:
        return f"a branch cannot be looked at: {fault}"
    return ""


def _shares_memory(pid: int) -> bool:
    with open(f"/proc/{pid}/maps", "rb") as file:
        return _SHARED.search(file.read()) is not None


def _keeps_to_itself(pid: int) -> bool:
    own_box = os.stat(f"/proc/{pid}/root{BOX}").st_dev
    for number in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{number}"
        found = os.stat(path)
        if int(number) == 3 or stat.S_ISCHR(found.st_mode) or found.st_dev == own_box:
            continue
        if not os.statvfs(path).f_flag & os.ST_RDONLY:
            return False
    return True


def _numbers(pid: int) -> Sequence[str]:
    return _status(pid).get("NSpid:", "").split()


def _status(pid: int) -> dict[str, str]:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as file:
        return {name: value.strip() for name, _, value in (line.partition("\t") for line in file)}
    return {}


def _group(pid: int) -> tuple[str, str]:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
        _, _, group, session, *_ = file.read().rpartition(")")[2].split()
        return group, session
    return "", ""


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sock, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sock)
