"""The worker's side of the fleet's queue: takes chunks while there is room, answers who asked, keeps its leases.

It knows nothing of graders: `engine` takes leases and cancels them, and writes the frames of `worker.leases` to `told`.
"""

import asyncio
import json
import secrets
import sys
import time
import traceback
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from veriward.sandbox.frames import pack, pack_blobs, unpack_blobs
from veriward.server.queue.rate import DrainRate
from veriward.server.queue.redis.capabilities import Capabilities, lane_of
from veriward.server.queue.redis.clock import RedisClock
from veriward.server.queue.redis.connection import Address, Command, Link
from veriward.server.queue.redis.keys import CONTROL_ENTRIES, GROUP, OWN_STREAM_TTL_MS, Keys
from veriward.server.queue.redis.messages import TAKE, Taken, frames, read, taken, unpack_chunk
from veriward.server.queue.redis.outbox import BACKOFF_SECONDS, Outbox
from veriward.server.queue.redis.roster import BEAT_SECONDS, Roster
from veriward.server.queue.redis.start import Found, first_words
from veriward.server.queue.redis.troubles import NoGroup, RedisTrouble, Unusable
from veriward.server.worker.leases import (
    Lease,
    pack_begun,
    pack_ids,
    pack_results,
    unpack_begun,
    unpack_ids,
    unpack_keys,
)

BLOCK_SECONDS = 1.0
CLAIM_AT_A_TIME = 32
CANCELLED_KEPT = 10_000  # ids that may still come out of a stream after they were cancelled

Handler = Callable[[bytes], Awaitable[bytes]]


class Engine(Protocol):
    """What judges."""

    def take(self, leases: list[Lease]) -> None: ...

    def cancel(self, ids: list[int]) -> None: ...


@dataclass(eq=False, slots=True)
class Lane:
    """`capacity`, `held`, `outside` in cost: what the graders of a lane hold at most, and now."""

    name: str
    capacity: int
    rollout_cost: int
    held: int = 0
    outside: int = 0  # of `held`, what waits for a model's reply and takes no room
    roomier: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def room(self) -> int:
        return self.capacity + self.outside - self.held

    def hold(self, cost: int) -> None:
        self.held += cost
        self._look()

    def put_outside(self, rollouts: int) -> None:
        self.outside = rollouts * self.rollout_cost
        self._look()

    def _look(self) -> None:
        if self.room > 0:
            self.roomier.set()
        else:
            self.roomier.clear()


@dataclass(eq=False, slots=True)
class Holding:
    """A chunk that is being judged. `open[id]` are the indexes not yet answered."""

    chunk: Taken
    lane: Lane
    suspect: bool
    open: dict[int, set[int]]


class Member:
    """`lanes` are those that it reads, and their room. `serve` names what may be asked of this worker."""

    def __init__(
        self,
        address: Address,
        keys: Keys,
        capabilities: Capabilities,
        lanes: Iterable[Lane],
        silent_seconds: float,
        about: Mapping[str, Any],
    ) -> None:
        self.name = secrets.token_hex(6)
        self.keys = keys
        self.clock = RedisClock()
        self._address = address
        self._capabilities = capabilities
        self._silent_seconds = silent_seconds
        self._about = about
        self._lanes = {lane.name: lane for lane in lanes}
        for lane in self._lanes.values():
            lane.hold(0)
        self._classes: set[str] = set()
        self._engine: Engine | None = None
        self._held: dict[int, Holding] = {}
        self._holdings: set[Holding] = set()
        self._cancelled: OrderedDict[int, None] = OrderedDict()
        self._handlers: dict[str, Handler] = {}
        self._gateways = Roster(silent_seconds)
        self._rate = DrainRate()
        self._trial = asyncio.Event()  # set while no suspect is being tried
        self._trial.set()
        self._begun: list[tuple[int, float]] = []
        self._figures: list[bytes] = []
        self._beats = 0
        self.draining = False
        self._trouble: str = ""
        self._beating = Link(address)
        self._control = Link(address)
        self._links = [self._beating, self._control]
        self._outbox = Outbox(self._link(), keys, self.name, self._tell)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._readers: set[asyncio.Task[None]] = set()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def serve(self, topic: str, handler: Handler) -> None:
        """Answer what gateways ask of this worker by name (`RedisGateway.ask`); what `handler` raises is told."""
        self._handlers[topic] = handler

    async def join(self, engine: Engine) -> Found:
        """Connect, beat, and take work from now on. Raises `RedisTrouble`."""
        self._engine = engine
        found = await first_words(self._beating, self.keys)
        await self._control.call("XGROUP", "CREATE", self.keys.worker_control(self.name), GROUP, "0", "MKSTREAM")
        await self._beat()
        for loop in (self._outbox.run(), self._keep_beating(), self._listen(), self._reclaim()):
            self._go(loop)
        self._read_class(*self._lanes)
        self._go_reading(self._try_suspects())
        return found

    async def leave(self, seconds: float) -> int:
        """Take nothing more, finish what is held within `seconds`, hand the rest back. How much was handed back."""
        self.draining = True
        for lane in self._lanes.values():
            lane.roomier.set()
        self._trial.set()
        until = time.monotonic() + seconds
        await self._beat_if_possible()
        while time.monotonic() < until and (self._readers or self._holdings):
            await asyncio.sleep(0.01)
        rest = list(self._held)
        self._hand_back(list(self._holdings))
        try:
            async with asyncio.timeout(max(1.0, until - time.monotonic())):
                await self._outbox.settled()
                await self._beating.pipe(
                    [("HDEL", self.keys.workers, self.name), ("DEL", self.keys.worker_control(self.name))]
                )
        except (TimeoutError, RedisTrouble):
            pass  # what it holds is claimed by others
        await self.close()
        return len(rest)

    async def _beat_if_possible(self) -> None:
        try:
            await self._beat()
        except RedisTrouble as trouble:
            self._tell(trouble)

    async def close(self) -> None:
        tasks = [*self._tasks, *self._readers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for link in self._links:
            await link.close()

    # What the engine tells ---------------------------------------------------------------------------------------

    def told(self, written: bytes) -> None:
        """Frames as for a gateway's socket."""
        for kind, body in frames(written):
            if kind == b"B":
                self._begun += [(identity, self.clock.to_redis(at)) for identity, at in unpack_begun(body)]
            elif kind == b"R":
                self._results(body)
            elif kind in (b"K", b"U"):
                self._figures.append(pack(kind, body))
            elif kind == b"A":
                outside = json.loads(body)
                for lane in self._lanes.values():
                    lane.put_outside(outside.get(lane.name, 0))
        if self._begun or self._figures:
            self._tell_begun()

    def _results(self, payload: bytes) -> None:
        keys, at = unpack_keys(payload)
        gateways = {identity >> 40 for identity, _ in keys}
        if len(gateways) == 1:
            self._outbox.answer(gateways.pop(), pack(b"R", payload))
        else:
            results = json.loads(payload[at:])
            for gateway in gateways:
                own = [(key, result) for key, result in zip(keys, results, strict=True) if key[0] >> 40 == gateway]
                packed = pack_results([key for key, _ in own], [json.dumps(result).encode() for _, result in own])
                self._outbox.answer(gateway, pack(b"R", packed))
        now = time.monotonic()
        for identity, index in keys:
            self._rate.count(now)
            holding = self._held.get(identity)
            if holding is not None:
                holding.open[identity].discard(index)
                self._strike(holding, identity)

    def _strike(self, holding: Holding, identity: int) -> None:
        """A job of it may be finished, and with it the chunk."""
        if holding.open.get(identity):
            return
        holding.open.pop(identity, None)
        if self._held.get(identity) is holding:
            del self._held[identity]
        if not holding.open and holding in self._holdings:
            self._holdings.discard(holding)
            holding.lane.hold(-holding.chunk.cost)
            self._outbox.done(holding.chunk.stream, holding.chunk.id)
            if holding.suspect:
                self._trial.set()

    def _tell_begun(self) -> None:
        begun, self._begun = self._begun, []
        by_gateway: dict[int, list[tuple[int, float]]] = {}
        for identity, at in begun:
            by_gateway.setdefault(identity >> 40, []).append((identity, at))
        for gateway, jobs in by_gateway.items():
            self._outbox.answer(gateway, pack(b"B", pack_begun(jobs)))
        holding = next(iter(self._holdings), None)
        if self._figures and holding is not None:  # of no rollout in particular: any gateway counts them
            figures, self._figures = self._figures, []
            self._outbox.answer(holding.chunk.gateway, b"".join(figures))

    # Taking ------------------------------------------------------------------------------------------------------

    def _read_class(self, *names: str) -> None:
        for name in names:
            lane = self._lanes.get(lane_of(name))
            if lane is not None and name not in self._classes:
                self._classes.add(name)
                self._go_reading(self._take_from(lane, self.keys.work(name)))

    async def _take_from(self, lane: Lane, streams: tuple[bytes, ...]) -> None:
        link = self._link()

        async def once() -> None:
            await lane.roomier.wait()
            if self.draining:
                return
            take: Command = ("EVAL", TAKE, len(streams), *streams, GROUP, self.name, lane.room)
            chunks = taken(await link.call(*take))
            if not chunks:
                chunks = await self._wait_for(link, streams)
            self._accept(lane, chunks)

        await self._reading(once, link, streams)

    async def _try_suspects(self) -> None:
        """One rollout whose worker died at a time: where it kills this worker, too, it alone is to blame."""
        link = self._link()

        async def once() -> None:
            await self._trial.wait()
            if self.draining:
                return
            names = sorted(self._classes)
            streams = tuple(self.keys.suspects(name) for name in names)
            chunks = taken(await link.call("EVAL", TAKE, len(streams), *streams, GROUP, self.name, 1))
            if not chunks:
                chunks = await self._wait_for(link, streams)
            for chunk in chunks:
                self._trial.clear()
                self._accept(self._lanes[lane_of(names[streams.index(chunk.stream)])], [chunk], suspect=True)

        await self._reading(once, link, None)

    async def _wait_for(self, link: Link, streams: tuple[bytes, ...]) -> list[Taken]:
        block = int(BLOCK_SECONDS * 1000)
        last = (b">",) * len(streams)
        reading: Command = (
            "XREADGROUP",
            "GROUP",
            GROUP,
            self.name,
            "COUNT",
            1,
            "BLOCK",
            block,
            "STREAMS",
            *streams,
            *last,
        )
        return read(await link.call(*reading, block_seconds=BLOCK_SECONDS))

    async def _reading(
        self, once: Callable[[], Awaitable[None]], link: Link, streams: tuple[bytes, ...] | None
    ) -> None:
        failures = 0
        while not self.draining:
            try:
                await once()
                failures = 0
            except NoGroup:
                await self._make_groups(link, streams or tuple(self.keys.suspects(name) for name in self._classes))
            except RedisTrouble as trouble:
                self._tell(trouble)
                await asyncio.sleep(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)])
                failures += 1

    async def _make_groups(self, link: Link, streams: Iterable[bytes]) -> None:
        """From the beginning of each stream: what waits there from before is work, too."""
        try:
            await link.pipe([("XGROUP", "CREATE", stream, GROUP, "0", "MKSTREAM") for stream in streams])
        except RedisTrouble as trouble:
            self._tell(trouble)
            await asyncio.sleep(BACKOFF_SECONDS[1])

    def _accept(self, lane: Lane, chunks: list[Taken], suspect: bool = False) -> None:
        assert self._engine is not None
        for chunk in chunks:
            leases = unpack_chunk(chunk.jobs, self.clock)
            able = [lease for lease in leases if self._capabilities.meets(lease.verifier)]
            if len(able) < len(leases):  # from before this worker was known; the gateway has it done elsewhere
                self._outbox.answer(
                    chunk.gateway, pack(b"H", pack_ids([lease.id for lease in leases if lease not in able]))
                )
            fresh = [lease for lease in able if lease.id not in self._held and lease.id not in self._cancelled]
            if not fresh:
                self._outbox.done(chunk.stream, chunk.id)
                if suspect:
                    self._trial.set()
                continue
            holding = Holding(chunk, lane, suspect, {lease.id: set(lease.todo) for lease in fresh})
            self._holdings.add(holding)
            self._held.update(dict.fromkeys(holding.open, holding))
            lane.hold(chunk.cost)
            self._engine.take(fresh)

    def _hand_back(self, holdings: list[Holding]) -> None:
        assert self._engine is not None
        for holding in holdings:
            ids = list(holding.open)
            self._engine.cancel(ids)
            self._outbox.answer(holding.chunk.gateway, pack(b"H", pack_ids(ids)))
            self._let_go(ids)

    def _cancel(self, ids: list[int]) -> None:
        for identity in ids:
            self._cancelled[identity] = None
        while len(self._cancelled) > CANCELLED_KEPT:
            self._cancelled.popitem(last=False)
        held = [identity for identity in ids if identity in self._held]
        if held and self._engine is not None:
            self._engine.cancel(held)
            self._let_go(held)

    def _let_go(self, ids: list[int]) -> None:
        for identity in ids:
            holding = self._held.get(identity)
            if holding is not None:
                holding.open[identity].clear()
                self._strike(holding, identity)

    # Heartbeat, leases, and what others left ---------------------------------------------------------------------

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self._beat()
                self._tell(None)
            except RedisTrouble as trouble:
                self._gateways.pass_over(time.monotonic())
                self._tell(trouble)

    async def _beat(self) -> None:
        keys, now = self.keys, time.monotonic()
        self._beats += 1
        digest = self._capabilities.digest()
        beat = {
            **self._about,
            "at": self.clock.to_redis(now),
            "beats": self._beats,
            "does": digest,
            "capacity": {lane.name: lane.capacity for lane in self._lanes.values()},
            "held": sum(len(open_) for holding in self._holdings for open_ in holding.open.values()),
            "rate": round(self._rate.per_second(now), 1),
            "draining": self.draining,
        }
        commands: list[Command] = [
            ("TIME",),
            ("HSET", keys.workers, self.name, json.dumps(beat)),
            ("HSETNX", keys.capabilities, digest, self._capabilities.pack()),
            ("HGETALL", keys.gateways),
            ("SMEMBERS", keys.classes),
            ("PEXPIRE", keys.worker_control(self.name), OWN_STREAM_TTL_MS),
        ]
        commands += self._renewals()
        replies = await self._beating.pipe(commands)
        met = next((one for one in replies[:6] if isinstance(one, RedisTrouble)), None)
        if met is not None:
            raise met
        redis_now = self.clock.sample(now, replies[0])
        flat = replies[3]
        self._gateways.look(dict(zip(flat[::2], flat[1::2], strict=True)), redis_now, time.monotonic())
        if not replies[5]:  # Redis lost it
            await self._beating.call("XGROUP", "CREATE", keys.worker_control(self.name), GROUP, "0", "MKSTREAM")
        for name in (member.decode() for member in replies[4]):
            if self._capabilities.meets(name.partition("@")[2]):
                self._read_class(name)
        self._forsake()

    def _renewals(self) -> list[Command]:
        """Leases of what is held begin anew; `JUSTID` leaves the count of deliveries alone."""
        held: dict[bytes, list[bytes]] = {}
        for holding in self._holdings:
            held.setdefault(holding.chunk.stream, []).append(holding.chunk.id)
        return [("XCLAIM", stream, GROUP, self.name, 0, *ids, "JUSTID") for stream, ids in held.items()]

    def _forsake(self) -> None:
        """Nobody waits for what a dead gateway asked."""
        orphans = [
            holding
            for holding in self._holdings
            if f"{holding.chunk.gateway:x}" not in self._gateways
            and self._beats > 2 * self._silent_seconds / BEAT_SECONDS
        ]
        for holding in orphans:
            self._cancel(list(holding.open))

    async def _reclaim(self) -> None:
        """Chunks whose worker fell silent go back to who asked, who knows what of them is still open."""
        link = self._link()
        least_idle_ms = int(self._silent_seconds * 1000)
        while True:
            await asyncio.sleep(self._silent_seconds / 2 * (0.75 + secrets.randbelow(500) / 1000))
            names = sorted(self._classes)
            streams = [stream for name in names for stream in (*self.keys.work(name), self.keys.suspects(name))]
            claims = [
                ("XAUTOCLAIM", stream, GROUP, self.name, least_idle_ms, "0-0", "COUNT", CLAIM_AT_A_TIME)
                for stream in streams
            ]
            try:
                replies = await link.pipe(claims)
            except RedisTrouble as trouble:
                self._tell(trouble)
                continue
            for stream, reply in zip(streams, replies, strict=True):
                if isinstance(reply, RedisTrouble):
                    continue
                rows = [[stream, *entry] for entry in reply[1] if entry is not None and entry[1] is not None]
                for chunk in taken(rows):
                    self._return(chunk)

    def _return(self, chunk: Taken) -> None:
        if any(held.chunk.id == chunk.id and held.chunk.stream == chunk.stream for held in self._holdings):
            return  # ours: we were the silent one
        ids = [lease.id for lease in unpack_chunk(chunk.jobs, self.clock)]
        self._outbox.answer(chunk.gateway, pack(b"L", pack_ids(ids)))
        self._outbox.done(chunk.stream, chunk.id)

    # Control -----------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Cancellations for all workers, and what is asked of this one."""
        everyone, own = self.keys.control, self.keys.worker_control(self.name)
        lasts, connections, failures = [b"$", b"0-0"], 0, 0
        while True:
            try:
                if connections != self._control.connections:
                    newest = await self._control.call("XREVRANGE", everyone, "+", "-", "COUNT", 1)
                    lasts = [newest[0][0] if newest else b"0-0", b"0-0"]
                    connections = self._control.connections
                block = int(BLOCK_SECONDS * 1000)
                reading: Command = ("XREAD", "COUNT", 256, "BLOCK", block, "STREAMS", everyone, own, *lasts)
                reply = await self._control.call(*reading, block_seconds=BLOCK_SECONDS)
                failures = 0
            except RedisTrouble as trouble:
                self._tell(trouble)
                await asyncio.sleep(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)])
                failures += 1
                continue
            for stream, entries in reply or ():
                for identity, (kind, body) in entries:
                    lasts[stream == own] = identity
                    if kind == b"c":
                        self._cancel(unpack_ids(body))
                    elif kind == b"a":
                        self._go(self._reply(body))
                if stream == own:
                    await self._control.pipe([("XTRIM", own, "MAXLEN", "~", CONTROL_ENTRIES)])

    async def _reply(self, message: bytes) -> None:
        head, (payload,) = unpack_blobs(message)
        handler = self._handlers.get(str(head["topic"]))
        ok = False
        if handler is None:
            reply = f"this worker does not serve {head['topic']!r}".encode()
        else:
            try:
                reply, ok = await handler(payload), True
            except Exception as error:  # noqa: BLE001 - told to who asked, who decides
                reply = f"{type(error).__name__}: {error}".encode()
        answer = pack_blobs({"ask": head["ask"], "ok": ok}, [reply])
        self._outbox.answer(int(str(head["gateway"])), pack(b"Y", answer))

    # -------------------------------------------------------------------------------------------------------------

    def _link(self) -> Link:
        link = Link(self._address)
        self._links.append(link)
        return link

    def _tell(self, trouble: RedisTrouble | None) -> None:
        """Once per kind of trouble, and once when it is over."""
        said = str(trouble) if trouble is not None else ""
        if said != self._trouble and (trouble is None or not self._trouble or isinstance(trouble, Unusable)):
            print(said or "Redis is back", file=sys.stderr)
            self._trouble = said

    def _go(self, work: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _go_reading(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._readers.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        """A worker that can't go on ends, rather than sit on its leases."""
        self._tasks.discard(task)
        self._readers.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            traceback.print_exception(error)
            if not self.failed.done():
                self.failed.set_exception(error)
