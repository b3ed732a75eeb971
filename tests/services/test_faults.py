"""Two gateways, three workers and a Redis, while everything that can break is broken: each rollout gets exactly one
result, none is lost, doubled or invented.

`VERIWARD_FAULT_SECONDS` is how long each kind of fault goes on; ten minutes by hand: 120.
"""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from fleet import Caller, Fleet, Part
from proxy import Proxy
from redis_process import RedisProcess, free_port

FAULT_SECONDS = float(os.environ.get("VERIWARD_FAULT_SECONDS", "8"))
CALLERS = 3
SEED = 20261120

pytestmark = [pytest.mark.services, pytest.mark.timeout(300 + 10 * FAULT_SECONDS)]

Fault = Callable[[Fleet, RedisProcess, float, random.Random], Coroutine[Any, Any, int]]


async def kill_workers(fleet: Fleet, redis: RedisProcess, until: float, chance: random.Random) -> int:
    """kill -9 of a worker with all its graders; another starts."""
    kills = 0
    while time.monotonic() < until:
        await asyncio.sleep(chance.uniform(1, 3))
        await asyncio.to_thread(_restart, chance.choice(fleet.workers))
        kills += 1
    return kills


async def kill_gateways(fleet: Fleet, redis: RedisProcess, until: float, chance: random.Random) -> int:
    kills = 0
    while time.monotonic() < until:
        await asyncio.sleep(chance.uniform(1, 3))
        await asyncio.to_thread(_restart, chance.choice(fleet.gateways))
        kills += 1
    return kills


async def kill_graders(fleet: Fleet, redis: RedisProcess, until: float, chance: random.Random) -> int:
    """Anything below a worker."""
    kills = 0
    while time.monotonic() < until:
        await asyncio.sleep(chance.expovariate(3))
        below = await asyncio.to_thread(chance.choice(fleet.workers).below)
        if below:
            with suppress(psutil.Error):
                chance.choice(below).kill()
                kills += 1
    return kills


async def restart_redis(fleet: Fleet, redis: RedisProcess, until: float, chance: random.Random) -> int:
    """Stopped, or killed: its append-only file is written at every command."""
    restarts = 0
    while time.monotonic() < until:
        await asyncio.sleep(chance.uniform(1, 3))
        await asyncio.to_thread(chance.choice((redis.stop, redis.kill)))
        await asyncio.sleep(chance.uniform(0.1, 1.0))
        await asyncio.to_thread(redis.start)
        restarts += 1
    return restarts


async def freeze_workers(fleet: Fleet, redis: RedisProcess, until: float, chance: random.Random) -> int:
    """Stopped for longer than a lease, then going on as if nothing had been: what it still answers comes twice."""
    freezes = 0
    while time.monotonic() < until or not freezes:
        worker = chance.choice(fleet.workers).process
        assert worker is not None
        worker.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(5)
        finally:
            worker.send_signal(signal.SIGCONT)
        freezes += 1
        await asyncio.sleep(chance.uniform(0.2, 1))
    return freezes


def _restart(part: Part) -> None:
    part.kill()
    part.start()


FAULTS: dict[str, Fault] = {
    "kill -9 of workers": kill_workers,
    "kill -9 of gateways": kill_gateways,
    "kill -9 of graders, keepers and their parents": kill_graders,
    "Redis stopped, killed and started": restart_redis,
    "workers frozen for longer than their lease": freeze_workers,
}


def cache_off() -> dict[str, object]:
    """Everything is really judged."""
    return {"cache_bytes": 0, "redis_cache_seconds": 0}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_each_rollout_has_exactly_one_result(
    fault: Fault, own_redis: Callable[..., RedisProcess], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    redis = own_redis("--appendonly", "yes", "--appendfsync", "always")
    counts: Counter[str] = Counter()
    with Fleet(tmp_path, redis.url, gateways=2, workers=3, **cache_off()) as fleet:
        until = time.monotonic() + FAULT_SECONDS
        caller = Caller(fleet, counts)
        times = await _both(fault(fleet, redis, until, random.Random(SEED)), caller, until)
        told = fleet.counts()
        assert times, "no fault happened"
        _report(request.node.callspec.id, times, counts, told)
        _whole(counts, fleet)


async def test_a_network_that_is_cut_and_slow_loses_and_doubles_nothing(
    own_redis: Callable[..., RedisProcess], tmp_path: Path
) -> None:
    redis = own_redis("--appendonly", "yes", port=free_port())
    counts: Counter[str] = Counter()
    chance = random.Random(SEED)
    async with Proxy(redis.port) as proxy:
        with await asyncio.to_thread(
            Fleet(tmp_path, f"redis://127.0.0.1:{proxy.port}", gateways=2, workers=3, **cache_off()).__enter__
        ) as fleet:
            until = time.monotonic() + FAULT_SECONDS

            async def disturb() -> int:
                times = 0
                while time.monotonic() < until:
                    proxy.delay_seconds = chance.choice((0.0, 0.02, 0.2))
                    await asyncio.sleep(chance.uniform(0.3, 1.5))
                    await chance.choice((proxy.cut, proxy.hold))(chance.uniform(0.1, 1.5))
                    times += 1
                proxy.delay_seconds = 0.0
                return times

            caller = Caller(fleet, counts)
            times = await _both(disturb(), caller, until)
            _report("the network cut and slow", times, counts, await asyncio.to_thread(fleet.counts))
            _whole(counts, fleet)


async def test_a_redis_that_is_full_refuses_with_a_time_to_wait_and_recovers(
    own_redis: Callable[..., RedisProcess], tmp_path: Path
) -> None:
    redis = own_redis("--maxmemory-policy", "noeviction")
    counts: Counter[str] = Counter()
    with Fleet(tmp_path, redis.url, gateways=2, workers=3, **cache_off()) as fleet:
        until = time.monotonic() + FAULT_SECONDS

        async def fill() -> int:
            times = 0
            while time.monotonic() < until or not times:
                await asyncio.sleep(1)
                await asyncio.to_thread(redis.command, "CONFIG", "SET", "maxmemory", "1")
                await asyncio.sleep(2)
                await asyncio.to_thread(redis.command, "CONFIG", "SET", "maxmemory", "0")
                times += 1
            return times

        caller = Caller(fleet, counts)
        times = await _both(fill(), caller, until)
        _report("Redis full", times, counts, fleet.counts())
        assert counts["refused 429"], counts
        _whole(counts, fleet)


async def test_a_redis_that_forgets_everything_is_told_again(
    own_redis: Callable[..., RedisProcess], tmp_path: Path
) -> None:
    redis = own_redis()
    counts: Counter[str] = Counter()
    with Fleet(tmp_path, redis.url, gateways=2, workers=3, **cache_off()) as fleet:
        until = time.monotonic() + FAULT_SECONDS

        async def wipe() -> int:
            times = 0
            while time.monotonic() < until or not times:
                await asyncio.sleep(2)
                await asyncio.to_thread(redis.kill)
                await asyncio.to_thread(redis.start)
                times += 1
            return times

        caller = Caller(fleet, counts)
        times = await _both(wipe(), caller, until)
        _report("Redis emptied", times, counts, fleet.counts())
        _whole(counts, fleet)


async def _both(fault: Coroutine[Any, Any, int], caller: Caller, until: float) -> int:
    """Faults and load at once; how often the fault happened."""
    calls = [asyncio.ensure_future(caller.steadily(until, number)) for number in range(CALLERS)]
    times = await fault
    await asyncio.gather(*calls)
    return times


def _report(fault: str, times: int, counts: Counter[str], told: Counter[str]) -> None:
    doubled = sum(counts[status] for status in STATUSES) - counts["sent"]
    print(
        f"\n{fault}, {times} times: sent {counts['sent']}, graded {counts['graded']}, "
        f"lost {max(0, -doubled)}, doubled {max(0, doubled)}; redelivered {told['redelivered_total']}, "
        f"resubmitted {told['resubmitted_total']}, duplicates dropped {told['duplicates_total']}, "
        f"dead-lettered {told['dead_total']}; all: {dict(counts)}"
    )


STATUSES = ("graded", "timeout", "overloaded", "cancelled", "error", "invalid_task")


def _whole(counts: Counter[str], fleet: Fleet) -> None:
    """Exactly one result each. Ours may fail: honestly, and seldom."""
    assert sum(counts[status] for status in STATUSES) == counts["sent"], f"{counts}\n{fleet.words()}"
    assert counts["sent"] > 0
    assert counts["graded"] >= 0.95 * counts["sent"], f"{counts}\n{fleet.words()}"
