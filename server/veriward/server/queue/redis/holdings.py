"""What a worker holds: chunks until each of their rollouts is answered, within the room of their lanes."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from veriward.server.queue.redis.connection import Command
from veriward.server.queue.redis.keys import GROUP
from veriward.server.queue.redis.messages import Taken
from veriward.server.worker.leases import Lease

CANCELLED_KEPT = 10_000  # ids that may still come out of a stream after they were cancelled


@dataclass(eq=False, slots=True)
class Lane:
    """`capacity`, `held`, `outside` in cost: what the graders of a lane hold at most, and now."""

    name: str
    capacity: int
    rollout_cost: int
    held: int = 0
    outside: int = 0  # of `held`, what waits for a model's reply and takes no room
    roomier: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._look()

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


class Holdings:
    """Those of one worker."""

    def __init__(self) -> None:
        self._by_job: dict[int, Holding] = {}
        self._all: set[Holding] = set()
        self._cancelled: OrderedDict[int, None] = OrderedDict()

    def __iter__(self) -> Iterator[Holding]:
        return iter(tuple(self._all))

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, identity: object) -> bool:
        return identity in self._by_job

    @property
    def rollouts(self) -> int:
        return sum(len(indexes) for holding in self._all for indexes in holding.open.values())

    def fresh(self, leases: Iterable[Lease]) -> list[Lease]:
        """Those that are neither held already nor cancelled."""
        return [lease for lease in leases if lease.id not in self._by_job and lease.id not in self._cancelled]

    def hold(self, chunk: Taken, lane: Lane, suspect: bool, leases: Iterable[Lease]) -> None:
        holding = Holding(chunk, lane, suspect, {lease.id: set(lease.todo) for lease in leases})
        self._all.add(holding)
        self._by_job.update(dict.fromkeys(holding.open, holding))
        lane.hold(chunk.cost)

    def strike(self, identity: int, index: int | None = None) -> Holding | None:
        """One rollout of a job was answered, or (None) all of them need not be. The chunk, where it is finished so."""
        holding = self._by_job.get(identity)
        if holding is None:
            return None
        if index is None:
            holding.open[identity].clear()
        else:
            holding.open[identity].discard(index)
        if holding.open[identity]:
            return None
        del holding.open[identity], self._by_job[identity]
        if holding.open:
            return None
        self._all.discard(holding)
        holding.lane.hold(-holding.chunk.cost)
        return holding

    def cancelled(self, ids: Iterable[int]) -> list[int]:
        """Remember that nobody wants these any more. Those of them that are held."""
        for identity in ids:
            self._cancelled[identity] = None
        while len(self._cancelled) > CANCELLED_KEPT:
            self._cancelled.popitem(last=False)
        return [identity for identity in ids if identity in self._by_job]

    def holds(self, chunk: Taken) -> bool:
        return any(held.chunk.id == chunk.id and held.chunk.stream == chunk.stream for held in self._all)

    def renewals(self, worker: str) -> list[Command]:
        """Leases of what is held begin anew; `JUSTID` leaves the count of deliveries alone."""
        ids: dict[bytes, list[bytes]] = {}
        for holding in self._all:
            ids.setdefault(holding.chunk.stream, []).append(holding.chunk.id)
        return [("XCLAIM", stream, GROUP, worker, 0, *entries, "JUSTID") for stream, entries in ids.items()]
