"""The in-memory queue: bounded by depth and by age, by lanes and priorities, each rollout answered exactly once.

It lives in the gateway's event loop. Workers are links: something that takes leases and answers through
`begun`, `results` and `lost`. A worker's death puts its unanswered rollouts back at the front.
"""

import asyncio
import heapq
import itertools
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic_core import from_json

from veriward.server.jobs import Deliver, Job, RolloutResult
from veriward.server.queue.base import QueueDepth, QueueFull
from veriward.server.worker.leases import Lease, unpack_keys
from veriward.server.worker.plan import EXECUTE, Plan

GRACE_SECONDS = 2.0  # after a job's deadline, for the worker to say so itself
SWEEP_SECONDS = 0.05
RATE_SECONDS = 5.0  # time constant of the drain rate
MAX_RETRY_AFTER_SECONDS = 60.0


class Link(Protocol):
    """A worker, seen from the queue."""

    def room(self, plan: Plan) -> int:
        """How many rollouts of a lane it holds at most, so that its graders never wait for the gateway."""
        ...

    def lease(self, leases: list[Lease]) -> None: ...

    def cancel(self, ids: list[int]) -> None: ...


@dataclass(eq=False, slots=True)
class Entry:
    """A job in the queue. `holder` is the worker that has it; `open` the indexes not yet answered."""

    id: int
    job: Job
    plan: Plan
    deliver: Deliver
    submitted: float
    open: set[int]
    holder: Link | None = None
    begun: float = 0.0
    losses: int = 0


@dataclass(slots=True)
class Lane:
    """Entries that wait, by priority, and how many rollouts each worker holds of it."""

    waiting: tuple[deque[Entry], ...] = field(default_factory=lambda: (deque(), deque(), deque()))
    held: dict[Link, int] = field(default_factory=dict)


class Held:
    """The ticket of one `submit`."""

    def __init__(self, queue: "MemoryQueue", entries: list[Entry]) -> None:
        self._queue = queue
        self._entries = entries

    def cancel(self) -> None:
        self._queue.cancel(self._entries)


class MemoryQueue:
    """`plan_of` says where a job runs; `max_rollouts` and `max_age_seconds` bound what waits."""

    def __init__(
        self, plan_of: Callable[[str], Plan], max_rollouts: int, max_age_seconds: float, max_tries: int = 3
    ) -> None:
        self._plan_of = plan_of
        self._max_rollouts = max_rollouts
        self._max_age_seconds = max_age_seconds
        self._max_tries = max_tries
        self._ids = itertools.count(1)
        self.kills: Counter[str] = Counter()
        self._entries: dict[int, Entry] = {}
        self._lanes: dict[str, Lane] = {}
        self._links: list[Link] = []
        self._deadlines: list[tuple[float, int]] = []
        self._waiting = 0
        self._rate = DrainRate()
        self._dispatching = False

    # The gateway's side ------------------------------------------------------------------------------------------

    def submit(self, jobs: Sequence[Job], deliver: Deliver) -> Held:
        now = time.monotonic()
        self._admit(sum(job.rollouts for job in jobs), now)
        entries = []
        for job in jobs:
            plan = EXECUTE if job.kind == "execute" else self._plan_of(job.verifier)
            entry = Entry(next(self._ids), job, plan, deliver, now, set(range(job.rollouts)))
            self._entries[entry.id] = entry
            heapq.heappush(self._deadlines, (job.start_by, entry.id))
            self._lane(plan).waiting[job.priority].append(entry)
            self._waiting += job.rollouts
            entries.append(entry)
        self._dispatch_soon()
        return Held(self, entries)

    def depth(self) -> QueueDepth:
        now = time.monotonic()
        running = sum(len(entry.open) for entry in self._entries.values() if entry.begun)
        waiting = sum(len(entry.open) for entry in self._entries.values() if not entry.begun)
        return QueueDepth(waiting, running, self._oldest_seconds(now), len(self._links))

    def cancel(self, entries: list[Entry]) -> None:
        held: dict[Link, list[int]] = {}
        for entry in entries:
            if entry.open and entry.holder is not None:
                held.setdefault(entry.holder, []).append(entry.id)
            self._answer_rest(entry, "cancelled", "the request was cancelled")
        for link, ids in held.items():
            link.cancel(ids)

    async def sweep(self) -> None:
        """Answer what outlived its time, until cancelled: nothing waits longer than its caller does."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = time.monotonic()
            while self._deadlines and self._deadlines[0][0] <= now:
                _, identity = heapq.heappop(self._deadlines)
                entry = self._entries.get(identity)
                if entry is not None:
                    self._overdue(entry, now)

    def _admit(self, rollouts: int, now: float) -> None:
        """An empty queue takes any request; else depth and age bound it."""
        if self._waiting == 0:
            return
        age = self._oldest_seconds(now)
        if self._waiting + rollouts > self._max_rollouts:
            reason = f"{self._waiting:,} rollouts wait and {self._max_rollouts:,} is the bound"
        elif age > self._max_age_seconds:
            reason = f"the oldest rollout has waited {age:.0f} s and {self._max_age_seconds:g} s is the bound"
        else:
            return
        raise QueueFull(reason, self._rate.seconds_for(self._waiting, now))

    def _oldest_seconds(self, now: float) -> float:
        heads = [queue[0].submitted for lane in self._lanes.values() for queue in lane.waiting if queue]
        return now - min(heads) if heads else 0.0

    def _overdue(self, entry: Entry, now: float) -> None:
        job = entry.job
        if entry.holder is None and not entry.begun:
            self._answer_rest(entry, "overloaded", "its time in the queue ran out before it began")
        elif now < job.finish_by + GRACE_SECONDS:
            heapq.heappush(self._deadlines, (job.finish_by + GRACE_SECONDS, entry.id))
        else:
            if entry.holder is not None:
                entry.holder.cancel([entry.id])
            status = "timeout" if entry.begun else "overloaded"
            self._answer_rest(entry, status, "the request's deadline passed")

    # The workers' side -------------------------------------------------------------------------------------------

    def join(self, link: Link) -> None:
        self._links.append(link)
        self._dispatch_soon()

    def begun(self, jobs: list[tuple[int, float]]) -> None:
        """These jobs began at these `time.monotonic()` seconds."""
        for identity, seconds in jobs:
            entry = self._entries.get(identity)
            if entry is not None:
                entry.begun = entry.begun or seconds

    def results(self, payload: bytes) -> None:
        keys, at = unpack_keys(payload)
        results: list[RolloutResult] = from_json(memoryview(payload)[at:].tobytes())
        for (identity, index), result in zip(keys, results, strict=True):
            entry = self._entries.get(identity)
            if entry is not None:
                self._answer(entry, index, result)
        self._dispatch_soon()

    def lost(self, link: Link) -> None:
        """A worker died: what it had not answered goes to the front of its lane, or is an honest `error`."""
        if link in self._links:
            self._links.remove(link)
            self.kills["worker"] += 1
        for lane in self._lanes.values():
            lane.held.pop(link, None)
        for entry in reversed([entry for entry in self._entries.values() if entry.holder is link]):
            entry.holder = None
            if entry.begun:
                entry.losses += 1
                entry.begun = 0.0
            if entry.losses >= self._max_tries:
                self._answer_rest(entry, "error", f"the worker died {entry.losses} times while judging it")
            else:
                self._lane(entry.plan).waiting[entry.job.priority].appendleft(entry)
                self._waiting += len(entry.open)
        self._dispatch_soon()

    def _dispatch_soon(self) -> None:
        """Once per turn of the loop, so that what is submitted together travels together."""
        if not self._dispatching:
            self._dispatching = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._dispatching = False
        leases: dict[Link, list[Lease]] = {}
        for lane in self._lanes.values():
            for waiting in lane.waiting:
                while waiting:
                    entry = waiting[0]
                    if not entry.open:
                        waiting.popleft()
                        continue
                    link = self._roomiest(lane, entry.plan)
                    if link is None:
                        break
                    waiting.popleft()
                    self._waiting -= len(entry.open)
                    entry.holder = link
                    lane.held[link] = lane.held.get(link, 0) + len(entry.open)
                    leases.setdefault(link, []).append(_lease(entry))
        for link, together in leases.items():
            link.lease(together)

    def _roomiest(self, lane: Lane, plan: Plan) -> Link | None:
        best, most = None, 0
        for link in self._links:
            room = link.room(plan) - lane.held.get(link, 0)
            if room > most:
                best, most = link, room
        return best

    def _lane(self, plan: Plan) -> Lane:
        return self._lanes.setdefault(plan.lane, Lane())

    def _answer(self, entry: Entry, index: int, result: RolloutResult) -> None:
        if index not in entry.open:
            return
        entry.open.discard(index)
        if entry.holder is None:
            self._waiting -= 1
        else:
            self._lane(entry.plan).held[entry.holder] -= 1
        if not entry.open:
            del self._entries[entry.id]
        now = time.monotonic()
        self._rate.count(now)
        seconds = result.setdefault("seconds", {})
        seconds["queued"] = round((entry.begun or now) - entry.submitted, 6)
        try:
            entry.deliver(entry.job, index, result)
        except Exception as error:  # noqa: BLE001 - one caller's fault must not lose another's results
            print(f"delivering a result failed: {error!r}", file=sys.stderr)

    def _answer_rest(self, entry: Entry, status: str, reason: str) -> None:
        for index in sorted(entry.open):
            self._answer(entry, index, {"status": status, "reason": reason})


class DrainRate:
    """Rollouts answered per second, smoothed over `RATE_SECONDS`."""

    def __init__(self) -> None:
        self._per_second = 0.0
        self._count = 0
        self._since = time.monotonic()

    def count(self, now: float) -> None:
        self._count += 1
        elapsed = now - self._since
        if elapsed >= 1.0:
            weight = min(1.0, elapsed / RATE_SECONDS)
            self._per_second += weight * (self._count / elapsed - self._per_second)
            self._count, self._since = 0, now

    def seconds_for(self, rollouts: int, now: float) -> float:
        """How long `rollouts` take at this rate, within [1, `MAX_RETRY_AFTER_SECONDS`]."""
        elapsed = max(now - self._since, 1e-3)
        rate = max(self._per_second, self._count / max(elapsed, 1.0))
        if rate <= 0:
            return MAX_RETRY_AFTER_SECONDS
        return min(MAX_RETRY_AFTER_SECONDS, max(1.0, rollouts / rate))


def _lease(entry: Entry) -> Lease:
    job = entry.job
    return Lease(entry.id, job.kind, job.verifier, entry.plan, job.finish_by, sorted(entry.open), job.payload)
