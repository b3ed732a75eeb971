"""Single-sample calls made at the same time travel together: many trainers ask for one reward at a time.

A call is sent at once when nothing is under way. Otherwise it waits for an answer that is under way, for `MAX_BATCH`
calls, or for `LINGER_SECONDS`, whichever is first. The calls of one batch return together, so only those share a lane
that should take alike: of the same verifier, deadline, priority and source.
"""

import asyncio
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from veriward.client.payload import Rollout, Task
from veriward.wire import Priority, Result

MAX_BATCH = 256
LINGER_SECONDS = 0.005


class Kind(NamedTuple):
    """What calls must share to travel together."""

    verifier: str
    deadline_seconds: float
    priority: Priority
    source: str

    @classmethod
    def of(cls, task: Task, deadline_seconds: float, priority: Priority, source: str) -> "Kind":
        return cls(str(task.get("verifier", "")), deadline_seconds, priority, source)


C = TypeVar("C")


class Lane(Generic[C]):
    """The calls of one kind: who waits, and how many batches are under way. Knows neither threads nor clocks."""

    def __init__(self, linger_seconds: float) -> None:
        self._linger_seconds = linger_seconds
        self._waiting: list[C] = []
        self._under_way = 0

    def join(self, call: C) -> float | None:
        """In how many seconds a `take` is due, 0 for at once; None when an earlier call has seen to it."""
        self._waiting.append(call)
        if not self._under_way or len(self._waiting) >= MAX_BATCH:
            return 0.0
        return self._linger_seconds if len(self._waiting) == 1 else None

    def waits(self, call: C) -> bool:
        return call in self._waiting

    def take(self) -> list[C]:
        """The batch to send now: all that wait, up to `MAX_BATCH`; may be empty."""
        batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
        self._under_way += bool(batch)
        return batch

    def returned(self) -> list[C]:
        """A batch was answered: the next one to send."""
        self._under_way -= 1
        return self.take()


@dataclass(eq=False, slots=True)
class _ThreadCall:
    """`mail` brings the result, the error, or a batch that this call's thread is to send."""

    rollout: Rollout
    mail: "queue.SimpleQueue[Result | BaseException | list[_ThreadCall]]" = field(default_factory=queue.SimpleQueue)


class ThreadBatcher:
    """Batches calls of several threads. It has no thread of its own: one of the callers sends for all."""

    def __init__(
        self, grade: Callable[[Kind, list[Rollout]], list[Result]], linger_seconds: float = LINGER_SECONDS
    ) -> None:
        self._grade = grade
        self._lock = threading.Lock()
        self._lanes: defaultdict[Kind, Lane[_ThreadCall]] = defaultdict(lambda: Lane(linger_seconds))

    def grade_one(self, kind: Kind, rollout: Rollout) -> Result:
        call = _ThreadCall(rollout)
        with self._lock:
            lane = self._lanes[kind]
            due = lane.join(call)
            batch = lane.take() if due == 0.0 else []
        while True:
            if batch:
                self._lead(kind, lane, batch)
            try:
                mail = call.mail.get(timeout=due)
            except queue.Empty:
                due = None
                with self._lock:
                    batch = lane.take() if lane.waits(call) else []
                continue
            if isinstance(mail, Result):
                return mail
            if isinstance(mail, BaseException):
                raise mail
            batch = mail

    def _lead(self, kind: Kind, lane: Lane[_ThreadCall], batch: list[_ThreadCall]) -> None:
        try:
            results = self._grade(kind, [call.rollout for call in batch])
        except BaseException as error:
            self._deliver(lane, batch, [error] * len(batch))
            raise
        self._deliver(lane, batch, results)

    def _deliver(
        self, lane: Lane[_ThreadCall], batch: list[_ThreadCall], outcomes: Sequence[Result | BaseException]
    ) -> None:
        for call, outcome in zip(batch, outcomes, strict=True):
            call.mail.put(outcome)
        with self._lock:
            following = lane.returned()
        if following:
            following[0].mail.put(following)


@dataclass(eq=False, slots=True)
class _AsyncCall:
    rollout: Rollout
    future: "asyncio.Future[Result]"


class AsyncBatcher:
    """Batches calls of one event loop; those made in the same turn of the loop always share a batch."""

    def __init__(
        self,
        grade: Callable[[Kind, list[Rollout]], Coroutine[Any, Any, list[Result]]],
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        self._grade = grade
        self._lanes: defaultdict[Kind, Lane[_AsyncCall]] = defaultdict(lambda: Lane(linger_seconds))
        self._tasks: set[asyncio.Task[list[Result]]] = set()  # the loop itself keeps only weak references

    async def grade_one(self, kind: Kind, rollout: Rollout) -> Result:
        loop = asyncio.get_running_loop()
        call = _AsyncCall(rollout, loop.create_future())
        lane = self._lanes[kind]
        due = lane.join(call)
        if due is not None:
            loop.call_later(due, lambda: self._send(kind, lane, lane.take()))
        return await call.future

    def _send(self, kind: Kind, lane: Lane[_AsyncCall], batch: list[_AsyncCall]) -> None:
        if not batch:
            return
        task = asyncio.ensure_future(self._grade(kind, [call.rollout for call in batch]))
        self._tasks.add(task)
        task.add_done_callback(partial(self._deliver, kind, lane, batch))
        for call in batch:
            call.future.add_done_callback(partial(_stop_if_unwanted, task, batch))

    def _deliver(
        self, kind: Kind, lane: Lane[_AsyncCall], batch: list[_AsyncCall], task: "asyncio.Task[list[Result]]"
    ) -> None:
        self._tasks.discard(task)
        for index, future in enumerate(call.future for call in batch):
            if future.done():  # its caller was cancelled
                continue
            if task.cancelled():
                future.cancel()
            elif error := task.exception():
                future.set_exception(error)
            else:
                future.set_result(task.result()[index])
        self._send(kind, lane, lane.returned())


def _stop_if_unwanted(
    task: "asyncio.Task[list[Result]]", batch: list[_AsyncCall], future: "asyncio.Future[Result]"
) -> None:
    """Work whose callers are all gone is not worth an answer."""
    if future.cancelled() and not task.done() and all(call.future.cancelled() for call in batch):
        task.cancel()
