"""Calls made at the same time travel together, each gets its own answer, and none waits for nothing."""

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from veriward.client.batching import MAX_BATCH, AsyncBatcher, Kind, Lane, ThreadBatcher
from veriward.client.payload import Rollout
from veriward.wire import Outcome, Result, Status

MATH = Kind("math", 30.0, "normal", "")
CODE = Kind("code", 30.0, "normal", "")
FOREVER = 60.0  # longer than any test: nothing here may depend on waiting it out


def rollout(number: int) -> Rollout:
    return b"{}", b"%d" % number


def judged(rollouts: list[Rollout]) -> list[Result]:
    return [Result(status=Status.GRADED, reward=float(reply), outcome=Outcome.PARTIAL) for _, reply in rollouts]


class Held:
    """Judges batches, each only when it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[Rollout]] = []
        self.arrived = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)

    def __call__(self, _: Kind, rollouts: list[Rollout]) -> list[Result]:
        self.batches.append(rollouts)
        self.arrived.release()
        assert self.let_go.acquire(timeout=FOREVER)
        return judged(rollouts)


def test_a_lane_sends_at_once_when_idle_and_else_gathers() -> None:
    lane: Lane[int] = Lane(5.0)
    assert lane.join(1) == 0.0
    assert lane.take() == [1]
    assert lane.join(2) == 5.0
    assert lane.join(3) is None
    assert lane.waits(3)
    assert lane.returned() == [2, 3]
    assert lane.returned() == []
    assert lane.join(4) == 0.0


def test_a_lane_does_not_wait_with_a_full_batch_nor_send_a_larger_one() -> None:
    lane: Lane[int] = Lane(5.0)
    lane.join(0)
    lane.take()
    assert [lane.join(number) for number in range(MAX_BATCH + 1)][-2:] == [0.0, 0.0]
    assert len(lane.take()) == MAX_BATCH
    assert len(lane.take()) == 1


def wait_until_waiting(batcher: ThreadBatcher, kind: Kind, calls: int) -> None:
    while len(batcher._lanes[kind]._waiting) < calls:
        threading.Event().wait(0.001)


def test_threads_gather_behind_the_call_under_way() -> None:
    held = Held()
    batcher = ThreadBatcher(held, FOREVER)
    with ThreadPoolExecutor(6) as threads:
        first = threads.submit(batcher.grade_one, MATH, rollout(0))
        held.arrived.acquire()
        others = [threads.submit(batcher.grade_one, MATH, rollout(number)) for number in range(1, 5)]
        wait_until_waiting(batcher, MATH, 4)
        elsewhere = threads.submit(batcher.grade_one, CODE, rollout(9))
        held.arrived.acquire()
        held.let_go.release(3)
        rewards = [future.result().reward for future in (first, *others, elsewhere)]
    assert rewards == [0.0, 1.0, 2.0, 3.0, 4.0, 9.0]
    assert [len(batch) for batch in held.batches] == [1, 1, 4]


def test_threads_do_not_wait_longer_than_the_linger() -> None:
    held = Held()
    batcher = ThreadBatcher(held, 0.001)
    with ThreadPoolExecutor(2) as threads:
        futures: list[Future[Result]] = []
        for number in range(2):
            futures.append(threads.submit(batcher.grade_one, MATH, rollout(number)))
            held.arrived.acquire()  # the second arrives though the first is still under way
        held.let_go.release(2)
        assert [future.result().reward for future in futures] == [0.0, 1.0]


def test_an_error_of_a_batch_reaches_all_its_threads_and_the_next_batch_goes_on() -> None:
    arrived, let_go = threading.Event(), threading.Event()

    def grade(_: Kind, rollouts: list[Rollout]) -> list[Result]:
        if rollouts[0] == rollout(0):
            arrived.set()
            let_go.wait()
            raise RuntimeError("no answer")
        return judged(rollouts)

    batcher = ThreadBatcher(grade, FOREVER)
    with ThreadPoolExecutor(3) as threads:
        failing = threads.submit(batcher.grade_one, MATH, rollout(0))
        arrived.wait()
        following = [threads.submit(batcher.grade_one, MATH, rollout(number)) for number in (1, 2)]
        wait_until_waiting(batcher, MATH, 2)
        let_go.set()
        with pytest.raises(RuntimeError, match="no answer"):
            failing.result()
        assert [future.result().reward for future in following] == [1.0, 2.0]


async def test_calls_of_one_turn_of_the_loop_share_a_batch() -> None:
    sizes: list[int] = []

    async def grade(_: Kind, rollouts: list[Rollout]) -> list[Result]:
        sizes.append(len(rollouts))
        return judged(rollouts)

    batcher = AsyncBatcher(grade, FOREVER)
    count = MAX_BATCH + 10
    results = await asyncio.gather(*(batcher.grade_one(MATH, rollout(number)) for number in range(count)))
    assert [result.reward for result in results] == [float(number) for number in range(count)]
    assert sorted(sizes) == [10, MAX_BATCH]


async def test_coroutines_gather_behind_the_batch_under_way() -> None:
    sizes: list[int] = []
    let_go = asyncio.Event()

    async def grade(_: Kind, rollouts: list[Rollout]) -> list[Result]:
        sizes.append(len(rollouts))
        await let_go.wait()
        return judged(rollouts)

    batcher = AsyncBatcher(grade, FOREVER)
    calls = [asyncio.ensure_future(batcher.grade_one(MATH, rollout(0)))]
    while not sizes:
        await asyncio.sleep(0)
    calls += [asyncio.ensure_future(batcher.grade_one(MATH, rollout(number))) for number in (1, 2, 3)]
    await asyncio.sleep(0)
    let_go.set()
    assert [result.reward for result in await asyncio.gather(*calls)] == [0.0, 1.0, 2.0, 3.0]
    assert sizes == [1, 3]


async def test_a_cancelled_call_leaves_its_neighbours_and_a_batch_of_cancelled_calls_ends() -> None:
    let_go = asyncio.Event()
    ended: list[str] = []

    async def grade(kind: Kind, rollouts: list[Rollout]) -> list[Result]:
        try:
            await let_go.wait()
        except asyncio.CancelledError:
            ended.append(kind.verifier)
            raise
        return judged(rollouts)

    batcher = AsyncBatcher(grade, FOREVER)
    math = [asyncio.ensure_future(batcher.grade_one(MATH, rollout(number))) for number in range(2)]
    code = [asyncio.ensure_future(batcher.grade_one(CODE, rollout(number))) for number in range(2)]
    await asyncio.sleep(0.01)
    for call in (math[0], *code):
        call.cancel()
    while not ended:
        await asyncio.sleep(0)
    let_go.set()
    assert (await math[1]).reward == 1.0
    assert ended == ["code"]
