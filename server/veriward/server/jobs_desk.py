"""Clients' jobs at one gateway: begun, told of, cancelled, kept for a while, and in a fleet taken over.

A server by itself keeps them in its memory, bounded by seconds and bytes. In a fleet the table has every line before a
reader sees it, so a job outlives its gateway: another takes it over and grades what is missing.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from veriward.server.batch import Batch
from veriward.server.idempotency import mismatch
from veriward.server.jobs_held import HeldJob
from veriward.server.jobs_table import Hold, JobHead, JobTable, JobView, Line, State, Taken
from veriward.server.problems import Refusal
from veriward.server.queue import QueueDown, QueueFull
from veriward.server.rendering import blank, write
from veriward.wire import ErrorCode, Status

GATHER_SECONDS = 0.02  # results that come within it are stored together
RENEW_SECONDS = 0.5
RETRY_SECONDS = 0.5
LOOK_AGAIN_SECONDS = 0.1  # at a job in another gateway's hands

Resume = Callable[[Taken], HeldJob]
"""Begins what a job that was taken over still lacks."""


class JobDesk:
    """`table` is set where there is a fleet. `submitted`, `adopted` and `evicted` are counts."""

    def __init__(self, seconds: float, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds: Final = seconds
        self._max_bytes: Final = max_bytes
        self._clock = clock
        self._running: dict[str, HeldJob] = {}
        self._ended: OrderedDict[str, HeldJob] = OrderedDict()
        self._table: JobTable | None = None
        self._resume: Resume | None = None
        self._wakened = asyncio.Event()
        self._storing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.bytes = 0
        self.submitted = 0
        self.adopted = 0
        self.evicted = 0

    @property
    def running(self) -> int:
        """How many are in this gateway's hands."""
        return len(self._running)

    def keep_in(self, table: JobTable, resume: Resume) -> "asyncio.Task[None]":
        """From now on the fleet's table has what this gateway holds, by a task that ends with `close`."""
        self._table, self._resume = table, resume
        self._task = asyncio.get_running_loop().create_task(self._keep(table))
        return self._task

    async def submit(self, head: JobHead, body: bytes, begin: Callable[[], Batch]) -> JobView:
        """Begin it, unless there is one of its id. Raises `Refusal` where that one's body was another."""
        table = self._table
        if table is not None and not await table.create(head, body):
            return self._same(head, await self._find(head.id, 0, 0))
        if table is None and (known := self._known(head.id)) is not None:
            return self._same(head, self._view(known, 0, 0))
        try:
            batch = begin()
        except BaseException:
            if table is not None:
                await table.forget(head.id)
            raise
        job = HeldJob(head, batch, body if table is not None else b"")
        self.submitted += 1
        self._hold(job)
        return self._view(job, 0, 0)

    async def look(self, id: str, caller: bytes, since: int = 0, most: int = 0) -> JobView:
        """The caller's job, with `most` of its lines from number `since` on. Raises `Refusal` where there is none."""
        view = await self._find(id, since, most)
        if view is None or view.head.caller != caller:
            raise self._unknown(id)
        return view

    async def more(self, id: str, than: int, seconds: float) -> None:
        """Wait until a job has more than `than` lines, or `seconds`, or a moment: look again then."""
        job = self._running.get(id)
        if job is not None:
            await job.more(than, seconds)
        else:
            await asyncio.sleep(min(seconds, LOOK_AGAIN_SECONDS))

    async def cancel(self, id: str, caller: bytes) -> JobView:
        """Drop what waits and kill what runs of it; one that has ended stays as it is. Raises `Refusal`."""
        view = await self.look(id, caller)
        job = self._running.get(id)
        if view.state != "running":
            return view
        if job is not None:
            job.cancelled = True
            job.batch.cancel()
            if self._table is not None:
                await self._store(self._table, job)
        elif self._table is not None:
            taken = await self._table.take(id, by_force=True)  # its gateway finds out, and kills what runs
            if taken is not None:
                lines = _rest(taken, Status.CANCELLED, "the job was cancelled")
                await self._end_with(self._table, taken, lines, cancelled=True)
        return await self.look(id, caller)

    async def close(self) -> None:
        """What runs goes to another gateway, where there is one."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        jobs, self._running = list(self._running.values()), {}
        if self._table is not None and jobs:
            try:
                await self._table.release([job.head.id for job in jobs])
            except (QueueDown, QueueFull):
                pass  # its silence tells them
            for job in jobs:
                job.batch.cancel()
        for job in jobs:
            job.wake()

    # In this gateway's memory ------------------------------------------------------------------------------------

    def _hold(self, job: HeldJob) -> None:
        self._running[job.head.id] = job
        job.batch.join()
        self._progress(job)

    def _progress(self, job: HeldJob) -> None:
        """Some results came, or it begins."""
        if self._running.get(job.head.id) is not job:
            return
        if job.batch.remaining:
            job.batch.at_progress(lambda: self._progress(job))
        if self._table is not None:
            self._wakened.set()
            return
        job.show(job.answered)
        if not job.batch.remaining:
            del self._running[job.head.id]
            job.expires = self._clock() + self._seconds
            job.bytes = job.kept_bytes()
            self.bytes += job.bytes
            self._ended[job.head.id] = job
            self._evict()

    def _evict(self) -> None:
        now = self._clock()
        while self._ended:
            oldest = next(iter(self._ended.values()))
            fits = self.bytes <= self._max_bytes or len(self._ended) == 1  # the last to end can be read, however large
            if oldest.expires > now and fits:
                return
            self.evicted += oldest.expires > now
            self._ended.popitem(last=False)
            self.bytes -= oldest.bytes

    def _known(self, id: str) -> HeldJob | None:
        self._evict()
        return self._running.get(id) or self._ended.get(id)

    async def _find(self, id: str, since: int, most: int) -> JobView | None:
        known = self._known(id)
        if known is not None:
            return self._view(known, since, most)
        return None if self._table is None else await self._table.look(id, since, most)

    def _view(self, job: HeldJob, since: int, most: int) -> JobView:
        lines = job.lines(since, min(since + most, job.ready))
        kept = max(0.0, job.expires - self._clock()) if job.expires else None
        return JobView(job.head, job.state, job.ready, kept, lines)

    def _same(self, head: JobHead, there: JobView | None) -> JobView:
        if there is None or there.head.caller != head.caller:
            raise self._unknown(head.id)
        if there.head.fingerprint != head.fingerprint:
            raise mismatch()
        return there

    def _unknown(self, id: str) -> Refusal:
        return Refusal(
            ErrorCode.JOB_UNKNOWN,
            f"there is no job {id[:100]!r}, or none any more: a job is kept {self._seconds:g} s after its end",
        )

    # In a fleet --------------------------------------------------------------------------------------------------

    async def _keep(self, table: JobTable) -> None:
        """Store what comes, say that we live, take over what others left: until cancelled."""
        renewed = self._clock()
        while True:
            try:
                async with asyncio.timeout(RENEW_SECONDS):
                    await self._wakened.wait()
                await asyncio.sleep(GATHER_SECONDS)
            except TimeoutError:
                pass
            self._wakened.clear()
            try:
                for job in list(self._running.values()):
                    await self._store(table, job)
                if self._clock() - renewed >= RENEW_SECONDS:
                    renewed = self._clock()
                    await self._renew(table)
                    await self._adopt(table)
            except (QueueDown, QueueFull):
                await asyncio.sleep(RETRY_SECONDS)
                self._wakened.set()

    async def _store(self, table: JobTable, job: HeldJob) -> None:
        async with self._storing:
            while self._running.get(job.head.id) is job:
                until = job.answered  # all at once: of a group that is shaped there are all or none
                whole = until == job.head.rollouts
                if until == job.ready and not whole:
                    return
                end: State | None = ("cancelled" if job.cancelled else "finished") if whole else None
                hold = await table.append(job.head.id, job.ready, job.lines(job.ready, until), end)
                if hold is not Hold.OURS:
                    await self._restore(table, job, hold)
                    continue
                job.show(until)
                if whole:
                    self._running.pop(job.head.id, None)

    async def _renew(self, table: JobTable) -> None:
        jobs = dict(self._running)
        if not jobs:
            return
        for id, hold in (await table.renew(list(jobs))).items():
            if hold is not Hold.OURS and self._running.get(id) is jobs[id]:
                async with self._storing:
                    await self._restore(table, jobs[id], hold)

    async def _restore(self, table: JobTable, job: HeldJob, hold: Hold) -> None:
        """Begin a table's lost entry anew. Of a job that is another's what runs here is killed, and told to nobody."""
        if hold is Hold.NOBODYS and await table.create(job.head, job.body):
            job.ready = 0
            self._wakened.set()
        elif self._running.pop(job.head.id, None) is not None:
            job.batch.cancel()
            job.wake()

    async def _adopt(self, table: JobTable) -> None:
        for id in await table.abandoned():
            taken = None if id in self._running else await table.take(id, by_force=False)
            if taken is None:
                continue
            assert self._resume is not None
            try:
                job = self._resume(taken)
            except (QueueDown, QueueFull):
                return  # it is abandoned again in a moment, to whoever has room
            except Refusal as refusal:
                reason = f"its gateway ended, and another one refuses it: {refusal.detail}"
                await self._end_with(table, taken, _rest(taken, Status.ERROR, reason), cancelled=False)
                continue
            job.ready = len(taken.lines)
            self.adopted += 1
            self._hold(job)

    async def _end_with(self, table: JobTable, taken: Taken, lines: list[Line], cancelled: bool) -> None:
        await table.append(taken.head.id, len(taken.lines), lines, "cancelled" if cancelled else "finished")


def _rest(taken: Taken, status: Status, reason: str) -> list[Line]:
    """An honest result for each rollout that has none."""
    there = {(item, response) for item, response, _ in taken.lines}
    result = write({"status": status, "reason": reason}, blank(None)).fresh
    places = ((item, response) for item, count in enumerate(taken.head.counts) for response in range(count))
    return [(*place, result) for place in places if place not in there]
