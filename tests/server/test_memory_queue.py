"""The in-memory queue against links that only write down what they are given."""

import asyncio
import json
import time
from typing import Any

import pytest

from veriward.server.jobs import Job, Priority
from veriward.server.queue import QueueFull
from veriward.server.queue.memory import MemoryQueue
from veriward.server.queue.rate import DrainRate
from veriward.server.worker.leases import Lease, pack_results
from veriward.server.worker.plan import Plan

CHEAP = Plan("pure", batch=4)
DEAR = Plan("programs", batch=1)


class Recorder:
    """A link with room for `size` rollouts of each lane."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.leases: list[Lease] = []
        self.cancelled: list[int] = []

    def room(self, plan: Plan) -> int:
        return self.size

    def lease(self, leases: list[Lease]) -> None:
        self.leases += leases

    def cancel(self, ids: list[int]) -> None:
        self.cancelled += ids


class Desk:
    """A queue, and what its gateway was told."""

    def __init__(self, **bounds: Any) -> None:
        bounds = {"max_rollouts": 100, "max_age_seconds": 60.0} | bounds
        self.queue = MemoryQueue(lambda name: DEAR if name == "code" else CHEAP, **bounds)
        self.told: list[tuple[str, int, str]] = []

    def job(self, name: str, rollouts: int = 1, seconds: float = 60.0, **fields: Any) -> Job:
        until = time.monotonic() + seconds
        return Job("grade", name, name.encode(), rollouts, start_by=until, finish_by=until, **fields)

    def submit(self, *jobs: Job) -> Any:
        return self.queue.submit(jobs, self._deliver)

    def _deliver(self, job: Job, index: int, result: dict[str, Any]) -> None:
        self.told.append((job.verifier, index, result["status"]))

    def answer(self, lease: Lease, *indexes: int) -> None:
        graded = json.dumps({"status": "graded", "reward": 1.0}).encode()
        self.queue.results(pack_results([(lease.id, i) for i in indexes], [graded] * len(indexes)))


async def turn() -> None:
    """Let the queue dispatch."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_what_is_submitted_together_travels_together_and_is_answered_once() -> None:
    desk, link = Desk(), Recorder(10)
    desk.queue.join(link)
    desk.submit(desk.job("a", 2), desk.job("b", 1))
    await turn()
    assert [lease.verifier for lease in link.leases] == ["a", "b"]
    first, second = link.leases
    desk.answer(first, 1)
    desk.answer(first, 0, 1)
    desk.answer(second, 0)
    assert desk.told == [("a", 1, "graded"), ("a", 0, "graded"), ("b", 0, "graded")]
    assert desk.queue.depth().waiting == desk.queue.depth().running == 0


async def test_high_priority_goes_first_and_a_lane_that_is_full_delays_no_other() -> None:
    desk, link = Desk(), Recorder(1)
    desk.submit(
        desk.job("low", priority=Priority.LOW),
        desk.job("high", priority=Priority.HIGH),
        desk.job("code"),
    )
    desk.queue.join(link)
    await turn()
    assert sorted(lease.verifier for lease in link.leases) == ["code", "high"]
    desk.answer(next(lease for lease in link.leases if lease.verifier == "high"), 0)
    await turn()
    assert link.leases[-1].verifier == "low"


async def test_the_roomiest_worker_gets_the_next_job() -> None:
    desk, one, two = Desk(), Recorder(4), Recorder(4)
    desk.queue.join(one)
    desk.queue.join(two)
    desk.submit(*(desk.job(str(i), 2) for i in range(4)))
    await turn()
    assert len(one.leases) == len(two.leases) == 2


BOUNDS: dict[str, tuple[dict[str, Any], int, bool]] = {
    "an empty queue takes a request of any size": ({"max_rollouts": 5}, 0, True),
    "up to the bound on depth": ({"max_rollouts": 105}, 5, True),
    "one past the bound on depth": ({"max_rollouts": 104}, 5, False),
    "past the bound on age": ({"max_age_seconds": 0.0}, 5, False),
}


@pytest.mark.parametrize(("bounds", "waiting", "admitted"), BOUNDS.values(), ids=BOUNDS.keys())
async def test_admission(bounds: dict[str, Any], waiting: int, admitted: bool) -> None:
    desk = Desk(**bounds)
    if waiting:
        desk.submit(desk.job("first", waiting))
    await asyncio.sleep(0.002)
    if admitted:
        desk.submit(desk.job("second", 100))
        assert desk.queue.depth().waiting == waiting + 100
    else:
        with pytest.raises(QueueFull) as full:
            desk.submit(desk.job("second", 100))
        assert full.value.retry_after_seconds >= 1
        assert desk.queue.depth().waiting == waiting


async def test_a_dead_workers_rollouts_go_to_the_front_and_answered_ones_are_not_judged_again() -> None:
    desk, link, heir = Desk(), Recorder(2), Recorder(9)
    desk.queue.join(link)
    desk.submit(desk.job("a", 2), desk.job("b"))
    await turn()
    desk.queue.begun([(link.leases[0].id, time.monotonic())])
    desk.answer(link.leases[0], 0)
    desk.queue.lost(link)
    desk.queue.join(heir)
    await turn()
    assert [(lease.verifier, lease.todo) for lease in heir.leases] == [("a", [1]), ("b", [0])]


async def test_a_job_whose_worker_dies_three_times_under_it_is_an_honest_error() -> None:
    desk = Desk(max_tries=3)
    desk.submit(desk.job("a"), desk.job("code"))
    for _ in range(3):
        link = Recorder(9)
        desk.queue.join(link)
        await turn()
        desk.queue.begun([(lease.id, time.monotonic()) for lease in link.leases if lease.verifier == "a"])
        desk.queue.lost(link)
    assert desk.told == [("a", 0, "error")]
    assert desk.queue.depth().waiting == 1  # the one that never began lost no try


async def test_cancelling_answers_at_once_and_ignores_what_comes_late() -> None:
    desk, link = Desk(), Recorder(1)
    desk.queue.join(link)
    ticket = desk.submit(desk.job("runs"), desk.job("waits", 2))
    await turn()
    ticket.cancel()
    assert desk.told == [("runs", 0, "cancelled"), ("waits", 0, "cancelled"), ("waits", 1, "cancelled")]
    assert link.cancelled == [link.leases[0].id]
    desk.answer(link.leases[0], 0)
    assert len(desk.told) == 3
    assert desk.queue.depth().waiting == 0


async def test_time_in_the_queue_and_time_to_run_end_apart() -> None:
    desk, link = Desk(), Recorder(1)
    sweep = asyncio.get_running_loop().create_task(desk.queue.sweep())
    desk.queue.join(link)
    desk.submit(desk.job("runs", seconds=0.05), desk.job("waits", seconds=0.05))
    await turn()
    desk.queue.begun([(link.leases[0].id, time.monotonic())])
    while len(desk.told) < 2:
        await asyncio.sleep(0.01)
    assert desk.told == [("waits", 0, "overloaded"), ("runs", 0, "timeout")]
    assert link.cancelled == [link.leases[0].id]
    sweep.cancel()


async def test_a_callers_fault_in_one_delivery_loses_no_other() -> None:
    desk, link = Desk(), Recorder(9)
    desk.queue.join(link)

    def broken(job: Job, index: int, result: dict[str, Any]) -> None:
        raise KeyError(index)

    desk.queue.submit([desk.job("broken")], broken)
    desk.submit(desk.job("fine"))
    await turn()
    for lease in link.leases:
        desk.answer(lease, 0)
    assert desk.told == [("fine", 0, "graded")]


def test_the_drain_rate_tells_how_long_to_wait() -> None:
    rate = DrainRate()
    begin = time.monotonic()
    for tick in range(1, 41):
        for _ in range(50):
            rate.count(begin + tick * 0.5)
    assert 80 < 1000 / rate.seconds_for(1000, begin + 20.0) < 120
    assert DrainRate().seconds_for(10, time.monotonic()) == 60
