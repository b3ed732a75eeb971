"""One process of a session as the event loop sees it: what it says, that it ends, and the tree of those forked from it.

A stem is a process that was forked and lives on for its branches alone; it ends with the last of them.
"""

import asyncio
import contextlib
import signal
from collections import deque
from collections.abc import Callable

from veriward.sandbox.conversation import Message, ProtocolFault
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.execution import Limits
from veriward.sandbox.session_gate import Gate
from veriward.sandbox.session_nursery import SessionChild, SessionNursery

END_SECONDS = 5.0  # one that is still not dead then is stuck in the kernel
_LOOK_SECONDS = 0.001


def nobody() -> None:
    pass


class Family:
    """What a process of the zygote and all its branches share: a filter with its gate."""

    def __init__(self, gate: Gate | None) -> None:
        self.gate = gate
        self.members = 0


class Resident:
    """Made in a running loop; `forget` it once it has ended."""

    def __init__(self, child: SessionChild, family: Family, parent: "Resident | None" = None) -> None:
        self.child = child
        self.family = family
        self.parent = parent
        self.generation: int = parent.generation + 1 if parent is not None else 0
        self.branches: set[Resident] = set()
        self.is_stem = False
        self.is_stopped = False
        self.has_ended = False
        self.fault = ""
        self._is_nudged = self._is_forgotten = False
        self._messages: deque[Message] = deque()
        self.changed = asyncio.Event()
        self.stirred: Callable[[], None] = nobody
        """Called when it says something or ends, whoever waits for it or not."""
        loop = asyncio.get_running_loop()
        loop.add_reader(child.sock, self._hear)
        loop.add_reader(child.pidfd, self._end)
        family.members += 1
        if family.members == 1 and family.gate is not None:
            loop.add_reader(family.gate.listener, family.gate.answer)
        if parent is not None:
            parent.branches.add(self)

    async def word(self, seconds: float) -> Message | None:
        """What it says next, or None when it has ended. Raises `TimeoutError` and `ProtocolFault`."""
        async with asyncio.timeout(seconds):
            while True:
                if self._messages:
                    return self._messages.popleft()
                if self.fault:
                    raise ProtocolFault(self.fault)
                if self.has_ended:
                    return None
                if self._is_nudged:
                    self._is_nudged = False
                    raise TimeoutError
                self.changed.clear()
                await self.changed.wait()

    def nudge(self) -> None:
        """Have `word` time out at once."""
        self._is_nudged = True
        self.changed.set()

    @property
    def has_spoken(self) -> bool:
        return bool(self._messages or self.fault)

    def stop(self) -> None:
        """Let nothing of it run until `go_on`."""
        self.child.signal(signal.SIGSTOP)
        self.is_stopped = True

    def go_on(self) -> None:
        if self.is_stopped:
            self.child.signal(signal.SIGCONT)
            self.is_stopped = False

    def _hear(self) -> None:
        try:
            message = self.child.hear()
        except ProtocolFault as fault:
            self.fault = str(fault)
            self._deaf()
        else:
            if message is not None:
                self._messages.append(message)
            elif self.child.is_silent:
                self._deaf()
        self.changed.set()
        self.stirred()

    def _deaf(self) -> None:
        asyncio.get_running_loop().remove_reader(self.child.sock)

    def _end(self) -> None:
        self.has_ended = True
        asyncio.get_running_loop().remove_reader(self.child.pidfd)
        self.changed.set()
        self.stirred()

    def forget(self) -> None:
        """Close what belongs to it. It has ended, or its zygote has."""
        if self._is_forgotten:
            return
        self._is_forgotten = self.has_ended = True
        self.changed.set()
        loop = asyncio.get_running_loop()
        if self.child.sock.fileno() >= 0:
            loop.remove_reader(self.child.sock)
        if self.child.pidfd >= 0:
            loop.remove_reader(self.child.pidfd)
        for message in self._messages:
            message.close()
        self._messages.clear()
        self.family.members -= 1
        if not self.family.members and self.family.gate is not None:
            loop.remove_reader(self.family.gate.listener)
            self.family.gate.close()
        if self.parent is not None:
            self.parent.branches.discard(self)


def settle(nursery: SessionNursery, limits: Limits, files: dict[str, bytes]) -> Resident:
    """A new one, forked by the zygote. Raises `SandboxError`."""
    child = nursery.new(limits, files)
    gate, child.gate = Gate(child.gate) if child.gate >= 0 else None, -1
    return Resident(child, Family(gate))


async def end(resident: Resident, nursery: SessionNursery) -> None:
    """Kill it with all its descendants, and every stem that is then without branches. Raises `SandboxError`."""
    resident.child.kill()
    deadline = asyncio.get_running_loop().time() + END_SECONDS
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(deadline):
            while not resident.has_ended:
                resident.changed.clear()
                await resident.changed.wait()
    if not resident.has_ended:
        raise SandboxError("a process of a session does not die")
    parent = resident.parent
    resident.forget()
    if parent is None:
        nursery.end(resident.child)
    else:
        while (slot := resident.child.slot) is not None and not slot.empty():
            if asyncio.get_running_loop().time() > deadline:
                raise SandboxError("processes of a branch do not go away")
            await asyncio.sleep(_LOOK_SECONDS)
        nursery.end_branch(resident.child)
    if parent is not None and parent.is_stem and not parent.branches:
        await end(parent, nursery)
