"""What every queue promises: the same table over memory and over a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from fleet_desk import MemoryDesk, RedisDesk, until

from veriward.server.jobs import Job, Priority
from veriward.server.queue import QueueFull

ENGINES = [pytest.param("memory", id="memory"), pytest.param("redis", id="redis", marks=pytest.mark.services)]


def made(engine: str, request: pytest.FixtureRequest, **bounds: Any) -> Any:
    if engine == "memory":
        return MemoryDesk(**bounds)
    return RedisDesk(request.getfixturevalue("shared_redis").url, uuid4().hex, **bounds)


@pytest.fixture(params=ENGINES)
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    async with made(request.param, request) as desk:
        yield desk


async def test_each_rollout_is_answered_once_however_often_it_is_told(desk: Any) -> None:
    worker = await desk.worker(10)
    desk.submit(desk.job("a", 2), desk.job("b", 1))
    await until(lambda: len(worker.leases) == 2)
    first = next(lease for lease in worker.leases if lease.verifier == "a")
    second = next(lease for lease in worker.leases if lease.verifier == "b")
    worker.answer(first, 1)
    worker.answer(first, 0, 1)
    worker.answer(second, 0)
    worker.answer(second, 0)
    await until(lambda: len(desk.told) == 3)
    assert desk.told == [("a", 1, "graded"), ("a", 0, "graded"), ("b", 0, "graded")]
    assert desk.queue.depth().waiting == desk.queue.depth().running == 0


async def test_high_priority_goes_first_and_a_lane_that_is_full_delays_no_other(desk: Any) -> None:
    holder = await desk.worker(1)
    desk.submit(desk.job("first"))
    await until(lambda: holder.names == ["first"])
    desk.submit(desk.job("low", priority=Priority.LOW), desk.job("normal"), desk.job("high", priority=Priority.HIGH))
    desk.submit(desk.job("code"))
    await until(lambda: "code" in holder.names)
    for name in ("first", "high", "normal", "low"):
        lease = next(lease for lease in holder.leases if lease.verifier == name)
        holder.answer(lease, 0)
        following = {"first": "high", "high": "normal", "normal": "low"}.get(name)
        await until(partial(_told_or_none, following, holder))
    assert [name for name in holder.names if name != "code"] == ["first", "high", "normal", "low"]


@pytest.mark.parametrize("engine", ENGINES)
async def test_past_the_bound_on_depth_nothing_of_a_request_is_admitted(
    engine: str, request: pytest.FixtureRequest
) -> None:
    async with made(engine, request, max_rollouts=105) as desk:
        worker = await desk.worker(1)
        desk.submit(desk.job("first", 100))
        await until(lambda: worker.leases)
        desk.submit(desk.job("second", 100))
        with pytest.raises(QueueFull) as full:
            desk.submit(desk.job("a", 3), desk.job("b", 3))
        assert full.value.retry_after_seconds >= 1
        assert len(desk.told) == 0


@pytest.mark.parametrize("engine", ENGINES)
async def test_two_callers_take_turns_however_much_one_has_sent(engine: str, request: pytest.FixtureRequest) -> None:
    async with made(engine, request, max_rollouts=1000) as desk:
        worker = await desk.worker(4)
        desk.submit(*(desk.job("a", caller=b"heavy") for _ in range(300)))
        desk.submit(*(desk.job("b", caller=b"light") for _ in range(10)))
        heavy = 0
        while "b" not in worker.names:
            heavy += len(worker.leases)
            worker.answer_all()
            await until(lambda: worker.leases)
        assert heavy <= 64 + 16  # one turn, and what was on its way


async def test_a_dead_workers_rollouts_go_to_another_and_answered_ones_are_not_judged_again(desk: Any) -> None:
    worker = await desk.worker(8)
    desk.submit(desk.job("a", 3), desk.job("b"))
    await until(lambda: len(worker.leases) == 2)
    lease = next(lease for lease in worker.leases if lease.verifier == "a")
    worker.begin(lease)
    worker.answer(lease, 0)
    await until(lambda: desk.told)
    await worker.die()
    heir = await desk.worker(8)
    given: list[tuple[str, int]] = []
    while len(given) < 3:
        await until(lambda: heir.leases)
        given += [(lease.verifier, index) for lease in heir.leases for index in lease.todo]
        heir.answer_all()
    await until(lambda: len(desk.told) == 4)
    assert sorted(given) == [("a", 1), ("a", 2), ("b", 0)]
    assert sorted(desk.told) == [("a", 0, "graded"), ("a", 1, "graded"), ("a", 2, "graded"), ("b", 0, "graded")]


async def test_a_rollout_whose_workers_die_three_times_under_it_is_an_honest_error(desk: Any) -> None:
    desk.submit_poison = desk.job("poison")
    worker = await desk.worker(8)
    desk.submit(desk.submit_poison)
    for at in range(3):
        await until(partial(getattr, worker, "leases"))
        worker.begin(worker.leases[0])
        await until(lambda: desk.queue.depth().running)
        await worker.die()
        if at < 2:
            worker = await desk.worker(8)
    if isinstance(desk, RedisDesk):
        await desk.worker(8)  # somebody must be there to find what was left
    await until(lambda: desk.told)
    assert desk.told == [("poison", 0, "error")]
    assert "died 3 times" in desk.reasons[0]


async def test_cancelling_answers_at_once_kills_what_runs_and_ignores_what_comes_late(desk: Any) -> None:
    worker = await desk.worker(1)
    ticket = desk.submit(desk.job("runs"), desk.job("waits", 2))
    await until(lambda: worker.leases)
    ticket.cancel()
    assert sorted(desk.told) == [("runs", 0, "cancelled"), ("waits", 0, "cancelled"), ("waits", 1, "cancelled")]
    running = worker.leases[0]
    await until(lambda: running.id in worker.cancelled)
    worker.answer(running, 0)
    desk.submit(desk.job("fine"))
    await until(lambda: "fine" in worker.names)
    worker.answer(next(lease for lease in worker.leases if lease.verifier == "fine"), 0)
    await until(lambda: ("fine", 0, "graded") in desk.told)
    assert len(desk.told) == 4


async def test_time_in_the_queue_and_time_to_run_end_apart(desk: Any) -> None:
    worker = await desk.worker(1)
    desk.submit(desk.job("runs", seconds=1.0))
    await until(lambda: worker.leases)
    worker.begin(worker.leases[0])
    await until(lambda: desk.queue.depth().running == 1)
    desk.submit(desk.job("waits", seconds=0.2))
    await until(lambda: len(desk.told) == 2)
    assert desk.told == [("waits", 0, "overloaded"), ("runs", 0, "timeout")]
    assert worker.leases[0].id in worker.cancelled or await _cancelled(worker)


def _told_or_none(name: str | None, worker: Any) -> bool:
    return name is None or name in worker.names


async def _cancelled(worker: Any) -> bool:
    await until(lambda: worker.cancelled)
    return True


async def test_a_callers_fault_in_one_delivery_loses_no_other(desk: Any) -> None:
    worker = await desk.worker(9)

    def broken(job: Job, index: int, result: dict[str, Any]) -> None:
        raise KeyError(index)

    desk.queue.submit([desk.job("broken")], broken)
    desk.submit(desk.job("fine"))
    await until(lambda: len(worker.leases) == 2)
    worker.answer_all()
    await until(lambda: desk.told)
    assert desk.told == [("fine", 0, "graded")]


async def test_many_jobs_over_two_workers_lose_and_double_nothing(desk: Any) -> None:
    workers = [await desk.worker(8), await desk.worker(8)]
    desk.submit(*(desk.job("a", 1 + at % 4) for at in range(30)))
    expected = sum(1 + at % 4 for at in range(30))
    async with asyncio.timeout(60):
        while len(desk.told) < expected:
            for worker in workers:
                worker.answer_all()
            await asyncio.sleep(0.005)
    assert len(desk.told) == expected
    assert {status for _, _, status in desk.told} == {"graded"}
