"""The gateway's side of the fleet's queue: what it admitted is its own to answer, whatever happens to Redis or workers.

Redis carries; this book remembers. A chunk whose worker died comes back as lost and its rollouts are tried again one at
a time; a chunk that Redis itself forgot is found missing and sent again; what comes twice is dropped and counted.
`gateway.py` talks to Redis; here nothing waits.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from pydantic_core import from_json

from veriward.server.jobs import Job, RolloutResult
from veriward.server.queue.base import QueueDown, QueueFull
from veriward.server.queue.book import Book, Entry, Pressure
from veriward.server.queue.redis.capabilities import Fleet, lane_of
from veriward.server.queue.redis.keys import Keys
from veriward.server.queue.redis.lines import Chunk, Line
from veriward.server.queue.redis.messages import GATEWAY_SHIFT
from veriward.server.queue.redis.roster import Roster
from veriward.server.queue.redis.troubles import Full, RedisTrouble
from veriward.server.worker.leases import unpack_keys
from veriward.server.worker.plan import Plan

GATEWAY_BITS = 23
DOWN_SECONDS = 2.0  # Redis may be away so long before work is refused: a restart goes unnoticed
RETRY_SECONDS = 5.0


@dataclass(eq=False, slots=True)
class Family:
    """Holds an entry whose worker died: its open rollouts, each an entry of its own now."""

    children: list[Entry]


@dataclass(frozen=True, slots=True)
class Letter:
    """A rollout that was given up on."""

    verifier: str
    reason: str
    payload: bytes


class RedisQueue(Book):
    """`wake` is called when there is something to send."""

    def __init__(
        self,
        keys: Keys,
        plan_of: Callable[[str], Plan],
        max_rollouts: int,
        max_age_seconds: float,
        max_tries: int,
        silent_seconds: float,
        min_level: str,
        wake: Callable[[], None],
    ) -> None:
        super().__init__(plan_of, max_rollouts, max_age_seconds, max_tries)
        self.keys = keys
        self.number = secrets.randbits(GATEWAY_BITS)
        self.fleet = Fleet(Roster(silent_seconds), min_level)
        self.gateways = Roster(silent_seconds)
        self.counts: Counter[str] = Counter()
        self.chunks: set[Chunk] = set()
        self.dead: list[Letter] = []
        self.cancels: list[int] = []
        self.drops: list[Chunk] = []
        self.new_classes: list[str] = []
        self._lines: dict[str, Line] = {}
        self._wake = wake
        self._trouble: RedisTrouble | None = None
        self._troubled = 0.0

    # What is sent ------------------------------------------------------------------------------------------------

    def form(self) -> list[Chunk]:
        """The chunks to send now."""
        workers = max(1, len(self.fleet.roster))
        formed = []
        for line in self._lines.values():
            share = max(1, -(-self._waiting // workers))
            for chunk in line.form(self.fleet.capacity(line.name), share, workers):
                self._waiting -= sum(len(entry.open) for entry in chunk.entries)
                formed.append(chunk)
        self.chunks.update(formed)
        return formed

    def sent(self, chunk: Chunk, identity: bytes) -> None:
        chunk.id = identity
        self.counts["sent"] += 1
        if not chunk.open:  # answered or cancelled while it was on its way
            self.drops.append(chunk)
            self._wake()

    def take_back(self, chunks: Iterable[Chunk]) -> None:
        """Put what these still owe back in line, before the rest."""
        for chunk in chunks:
            for entry in reversed([entry for entry in chunk.entries if entry.open and entry.holder is chunk]):
                self._restand(entry)
            self._release(chunk)
        self._dispatch_soon()

    # What comes back ---------------------------------------------------------------------------------------------

    def results(self, payload: bytes) -> None:
        keys, at = unpack_keys(payload)
        results: list[RolloutResult] = from_json(memoryview(payload)[at:].tobytes())
        for (identity, index), result in zip(keys, results, strict=True):
            entry = self._entries.get(identity)
            if entry is None or not self._answer(entry, index, result):
                self.counts["duplicates"] += 1

    def begun(self, jobs: Iterable[tuple[int, float]]) -> None:
        """These jobs began at these `time.monotonic()` seconds."""
        for identity, seconds in jobs:
            entry = self._entries.get(identity)
            if entry is not None and not entry.begun:
                entry.begun = seconds

    def lost(self, ids: Iterable[int]) -> None:
        """Their worker died: each rollout is tried again by itself, or is an honest `error`."""
        for identity in ids:
            entry = self._entries.get(identity)
            if entry is None or not isinstance(entry.holder, Chunk):
                continue
            self.counts["redelivered"] += len(entry.open)
            chunk = entry.holder
            if entry.losses + 1 >= self._max_tries:
                reason = f"the worker died {entry.losses + 1} times while judging it"
                self.counts["dead"] += len(entry.open)
                self.dead.append(Letter(entry.job.verifier or entry.job.kind, reason, entry.job.payload))
                self._answer_rest(entry, "error", reason)
                self._wake()
            else:
                entry.holder = Family([self._child(entry, index) for index in sorted(entry.open)])
            if not chunk.open:
                self._release(chunk)
        self._dispatch_soon()

    def handed_back(self, ids: Iterable[int]) -> None:
        """A worker that stops, or cannot do them, gave them back unjudged."""
        for identity in ids:
            entry = self._entries.get(identity)
            if entry is not None and isinstance(entry.holder, Chunk):
                self.counts["handed_back"] += len(entry.open)
                chunk = entry.holder
                self._restand(entry)
                if not chunk.open:
                    self._release(chunk)
        self._dispatch_soon()

    # How Redis is ------------------------------------------------------------------------------------------------

    def trouble(self, trouble: RedisTrouble | None) -> None:
        """What the last words with Redis met; None: nothing."""
        if trouble is not None and self._trouble is None:
            self._troubled = time.monotonic()
        self._trouble = trouble

    def streams(self) -> list[bytes]:
        """That this gateway has sent to."""
        return [stream for line in self._lines.values() for stream in (*line.streams, line.suspects_stream)]

    def refresh(self) -> None:
        """The fleet was looked at: there may be room, or somebody who can do what nobody could."""
        self._dispatch_soon()

    # What the book asks ------------------------------------------------------------------------------------------

    def _identity(self) -> int:
        return self.number << GATEWAY_SHIFT | super()._identity()

    def _admit(self, rollouts: int, now: float) -> None:
        if isinstance(self._trouble, Full):
            raise QueueFull(str(self._trouble), RETRY_SECONDS)
        if self._trouble is not None and now - self._troubled > DOWN_SECONDS:
            raise QueueDown(str(self._trouble), RETRY_SECONDS)
        if not len(self.fleet.roster):
            raise QueueDown("no worker is connected: start one with `veriward worker`", RETRY_SECONDS)
        super()._admit(rollouts, now)

    def _pressure(self, now: float) -> Pressure:
        """Of the whole fleet, as its gateways last told."""
        own = super()._pressure(now)
        others = [peer.beat for peer in self.gateways if peer.name != f"{self.number:x}"]
        return Pressure(
            own.waiting + sum(beat["waiting"] for beat in others),
            max([own.oldest_seconds, *(beat["oldest"] for beat in others)]),
            own.per_second + sum(beat["rate"] for beat in others),
        )

    def own_pressure(self) -> Pressure:
        return super()._pressure(time.monotonic())

    def _stand(self, entry: Entry, first: bool = False) -> None:
        need = entry.job.needs or entry.job.verifier
        name = self.fleet.class_of(entry.plan.lane, need)
        if name is None:
            count = len(self.fleet.roster)
            self._answer_later(entry, f"no worker has {need!r}, and {count} are connected: {_REMEDY}")
            return
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = Line.of(name, self.keys)
            if name != lane_of(name):
                self.new_classes.append(name)
        if entry.losses:
            line.suspects.append(entry)
        elif first:
            line.waiting[entry.job.priority].appendleft(entry)
        else:
            line.waiting[entry.job.priority].append(entry)

    def _dispatch(self) -> None:
        self._wake()

    def _withdraw(self, entries: list[Entry]) -> None:
        for entry in entries:
            if isinstance(entry.holder, Family):
                self.cancel(entry.holder.children)
            else:
                self.cancels.append(entry.id)
                if isinstance(entry.holder, Chunk) and entry.holder.id and not entry.holder.open:
                    self.drops.append(entry.holder)
        self._wake()

    def _struck(self, entry: Entry) -> None:
        chunk = entry.holder
        if isinstance(chunk, Chunk) and not entry.open and not chunk.open:
            self._release(chunk)
            self._dispatch_soon()

    def _may_have_begun(self, entry: Entry) -> bool:
        return False  # workers say so within `WATCH_SECONDS`; what only waits in Redis is dropped on time

    def _workers(self) -> int:
        return len(self.fleet.roster)

    def _oldest_seconds(self, now: float) -> float:
        return max((now - entry.submitted for line in self._lines.values() for entry in line.oldest()), default=0.0)

    # -------------------------------------------------------------------------------------------------------------

    def _child(self, parent: Entry, index: int) -> Entry:
        child = Entry(
            self._identity(), parent.job, parent.plan, partial(self._adopted, parent), parent.submitted, {index}
        )
        child.losses = parent.losses + 1
        self._entries[child.id] = child
        self._waiting += 1
        self._stand(child)
        return child

    def _adopted(self, parent: Entry, _: Job, index: int, result: RolloutResult) -> None:
        self._answer(parent, index, result)

    def _restand(self, entry: Entry) -> None:
        entry.holder, entry.begun = None, 0.0
        self._waiting += len(entry.open)
        self._stand(entry, first=True)

    def _release(self, chunk: Chunk) -> None:
        if chunk in self.chunks:
            self.chunks.discard(chunk)
            chunk.line.free(chunk)

    def _answer_later(self, entry: Entry, reason: str) -> None:
        asyncio.get_running_loop().call_soon(self._answer_rest, entry, "error", reason)


_REMEDY = "start a worker that has it, or see what each can do with `veriward check`"
