"""The worker's sandbox keepers: one program at a time on each, so that a verdict does not depend on the load."""

import asyncio
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from veriward.sandbox.backends import EMBEDDED, Backend
from veriward.sandbox.levels import Report, require
from veriward.server.worker.channel import Channel
from veriward.server.worker.processes import Reaper, start_keeper

Relay = Callable[[bytes, bytes], None]
MAX_STARTS = 3  # of one execution, when keepers die under it
RESTART_SECONDS = (0.0, 0.1, 0.5, 2.0)  # before the n-th start in a row of a keeper that ran nothing
STOP_SECONDS = 3.0  # a keeper that has not stopped by then is killed


@dataclass(eq=False)
class Running:
    """An execution: what was asked, who hears of it, and how many runs were told already."""

    payload: bytes
    relay: Relay
    keepers: "Keepers"
    told: int = 0
    skip: int = 0
    starts: int = 0
    keeper: "Keeper | None" = None
    stopped: bool = False

    def stop(self) -> None:
        """Kill the program; a `D` follows for who still listens."""
        self.keepers.stop(self)


@dataclass(eq=False)
class Keeper:
    process: subprocess.Popen[bytes]
    ready: "asyncio.Future[Report]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    channel: Channel | None = None
    running: Running | None = None


class Keepers:
    """`size` keepers; `submit` runs an execution on the first that is free. A keeper that dies is replaced, and what it
    ran is run again (runs are pure): runs that were told are not told twice."""

    def __init__(self, size: int, min_level: str, reaper: Reaper, backend: Backend = EMBEDDED) -> None:
        self._size = size
        self._min_level = min_level
        self._backend = backend
        self._reaper = reaper
        self._waiting: deque[Running] = deque()
        self._idle: list[Keeper] = []
        self._all: set[Keeper] = set()
        self._failures = 0
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> Report:
        """Start them all; what their probes found of this host. Raises `IsolationUnavailable` below the minimum."""
        reports = await asyncio.gather(*(self._start_one() for _ in range(self._size)))
        weakest = min(reports, key=lambda report: report.level)
        require(weakest, self._min_level)
        return weakest

    def submit(self, payload: bytes, relay: Relay) -> Running:
        running = Running(payload, relay, self)
        self._waiting.append(running)
        self._pump()
        return running

    def stop(self, running: Running) -> None:
        running.stopped = True
        if running in self._waiting:
            self._waiting.remove(running)
            running.relay(b"D", b"")
        elif running.keeper is not None and running.keeper.channel is not None:
            running.keeper.channel.send(b"C")
            asyncio.get_running_loop().call_later(STOP_SECONDS, self._insist, running, running.keeper)

    def close(self) -> None:
        """They end by themselves when nobody is left to speak with, and remove their cgroups."""
        self._closed = True
        for keeper in self._all:
            if keeper.channel is not None:
                keeper.channel.close()
            self._reaper.expect(keeper.process)

    def _process(self, sock: socket.socket) -> subprocess.Popen[bytes]:
        return start_keeper(sock, self._min_level, self._backend)

    def _greeting(self) -> bytes:
        """Packed frames that a keeper is sent before it says hello."""
        return b""

    async def _start_one(self) -> Report:
        """A keeper that said hello; those that die before it are replaced."""
        while True:
            ours, theirs = socket.socketpair()
            keeper = Keeper(self._process(theirs))
            self._all.add(keeper)
            keeper.channel = await Channel.open(ours, partial(self._frame, keeper), partial(self._lost, keeper))
            keeper.channel.write(self._greeting())
            with suppress(ConnectionError):
                report = await keeper.ready
                break
            await self._pause()
        if report.level >= self._min_level and keeper.channel.is_open:  # else it died since, and is being replaced
            self._idle.append(keeper)
            self._pump()
        return report

    async def _replace(self) -> None:
        """A keeper in the place of one that was lost; tried again for as long as its backend is out of reach."""
        await self._pause()
        while (await self._start_one()).obstacle:
            await self._pause()

    async def _pause(self) -> None:
        delay_seconds = RESTART_SECONDS[min(self._failures, len(RESTART_SECONDS) - 1)]
        self._failures += 1
        print(f"a sandbox keeper died; another starts in {delay_seconds:g} s", file=sys.stderr)
        await asyncio.sleep(delay_seconds)

    def _pump(self) -> None:
        while self._waiting and self._idle:
            keeper, running = self._idle.pop(), self._waiting.popleft()
            keeper.running, running.keeper = running, keeper
            running.starts += 1
            running.skip = running.told
            assert keeper.channel is not None
            keeper.channel.send(b"X", running.payload)

    def _frame(self, keeper: Keeper, kind: bytes, payload: bytes) -> None:
        if kind == b"H":
            keeper.ready.set_result(Report.unpack(payload))
            return
        running = keeper.running
        self._failures = 0
        if running is None:
            return
        if kind == b"R":
            if running.skip:
                running.skip -= 1
            else:
                running.told += 1
                running.relay(kind, payload)
            return
        keeper.running = running.keeper = None
        self._idle.append(keeper)
        running.relay(kind, payload)
        self._pump()

    def _lost(self, keeper: Keeper) -> None:
        self._all.discard(keeper)
        if keeper in self._idle:
            self._idle.remove(keeper)
        if not self._closed:
            self._reaper.end(keeper.process)
        running = keeper.running
        if running is not None:
            running.keeper = None
            if running.stopped:
                running.relay(b"D", b"")
            elif running.starts >= MAX_STARTS:
                running.relay(b"E", f"the sandbox keeper died {running.starts} times under this program".encode())
            else:
                self._waiting.appendleft(running)
        if not keeper.ready.done():
            keeper.ready.set_exception(ConnectionError("a sandbox keeper ended before it was ready"))
        elif not self._closed and keeper.ready.result().level >= self._min_level:
            task = asyncio.get_running_loop().create_task(self._replace())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _insist(self, running: Running, keeper: Keeper) -> None:
        if keeper.running is running:
            self._reaper.end(keeper.process)
