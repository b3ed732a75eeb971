"""A worker's readers: one per class of work, which takes while its lane has room, and one for suspects."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from veriward.server.queue.redis.capabilities import lane_of
from veriward.server.queue.redis.connection import Command, Link
from veriward.server.queue.redis.holdings import Lane
from veriward.server.queue.redis.keys import GROUP, Keys
from veriward.server.queue.redis.messages import TAKE, Taken, read, taken
from veriward.server.queue.redis.outbox import BACKOFF_SECONDS
from veriward.server.queue.redis.troubles import NoGroup, RedisTrouble

BLOCK_SECONDS = 1.0

Accept = Callable[[Lane, Taken, bool], None]  # lane, chunk, whether it is a suspect


class Reading:
    """`classes` are those that are read. A reader that is in the middle of taking is let finish: see `stop`."""

    def __init__(
        self,
        link: Callable[[], Link],
        keys: Keys,
        worker: str,
        lanes: dict[str, Lane],
        accept: Accept,
        tell: Callable[[RedisTrouble | None], None],
        go: Callable[[Awaitable[None]], "asyncio.Task[None]"],
    ) -> None:
        self._link = link
        self._keys = keys
        self._worker = worker
        self._lanes = lanes
        self._accept = accept
        self._tell = tell
        self._go = go
        self.classes: set[str] = set()
        self.trial = asyncio.Event()  # set while no suspect is being tried
        self.trial.set()
        self._stopping = False
        self._readers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self.add(self._lanes)
        self._readers.append(self._go(self._try_suspects()))

    def add(self, names: Iterable[str]) -> None:
        """Read these classes, too, where there is a lane for them."""
        for name in names:
            lane = self._lanes.get(lane_of(name))
            if lane is not None and name not in self.classes:
                self.classes.add(name)
                self._readers.append(self._go(self._take_from(lane, self._keys.work(name))))

    def stop(self) -> None:
        """Take nothing more. `stopped` once nobody is in the middle of it."""
        self._stopping = True
        self.trial.set()
        for lane in self._lanes.values():
            lane.roomier.set()

    @property
    def stopped(self) -> bool:
        return all(reader.done() for reader in self._readers)

    def streams(self) -> list[bytes]:
        """Of every class that is read."""
        names = sorted(self.classes)
        return [stream for name in names for stream in (*self._keys.work(name), self._keys.suspects(name))]

    async def _take_from(self, lane: Lane, streams: tuple[bytes, ...]) -> None:
        link = self._link()

        async def once() -> None:
            await lane.roomier.wait()
            if self._stopping:
                return
            chunks: list[Taken] = []
            if 2 * lane.room < lane.capacity:  # else all is taken, and priorities decide nothing
                chunks = await self._take(link, streams, lane.room)
            for chunk in chunks or await self._wait_for(link, streams):
                self._accept(lane, chunk, False)

        await self._repeat(once, link, lambda: streams)

    async def _try_suspects(self) -> None:
        """One rollout whose worker died at a time: where it kills this worker, too, it alone is to blame."""
        link = self._link()

        async def once() -> None:
            await self.trial.wait()
            if self._stopping:
                return
            names = {self._keys.suspects(name): name for name in sorted(self.classes)}
            streams = tuple(names)
            for chunk in await self._take(link, streams, 1) or await self._wait_for(link, streams):
                self.trial.clear()
                self._accept(self._lanes[lane_of(names[chunk.stream])], chunk, True)

        await self._repeat(once, link, lambda: [self._keys.suspects(name) for name in self.classes])

    async def _take(self, link: Link, streams: tuple[bytes, ...], room: int) -> list[Taken]:
        return taken(await link.call("EVAL", TAKE, len(streams), *streams, GROUP, self._worker, room))

    async def _wait_for(self, link: Link, streams: tuple[bytes, ...]) -> list[Taken]:
        last = (b">",) * len(streams)
        options: Command = ("COUNT", 1, "BLOCK", int(BLOCK_SECONDS * 1000), "STREAMS", *streams, *last)
        return read(await link.call("XREADGROUP", "GROUP", GROUP, self._worker, *options, block_seconds=BLOCK_SECONDS))

    async def _repeat(
        self, once: Callable[[], Awaitable[None]], link: Link, streams: Callable[[], Iterable[bytes]]
    ) -> None:
        failures = 0
        while not self._stopping:
            try:
                await once()
                failures = 0
            except NoGroup:
                await self._make_groups(link, streams())
            except RedisTrouble as trouble:
                self._tell(trouble)
                await asyncio.sleep(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)])
                failures += 1

    async def _make_groups(self, link: Link, streams: Iterable[bytes]) -> None:
        """From the beginning of each stream: what waits there from before is work, too."""
        commands: list[Command] = [("XGROUP", "CREATE", stream, GROUP, "0", "MKSTREAM") for stream in streams]
        try:
            replies = await link.pipe(commands)
            full = next((one for one in replies if isinstance(one, RedisTrouble) and "BUSYGROUP" not in str(one)), None)
            if full is not None:
                raise full
        except RedisTrouble as trouble:
            self._tell(trouble)
            await asyncio.sleep(BACKOFF_SECONDS[-1])
