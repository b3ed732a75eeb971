"""kill -9 of everything, at random: every rollout is answered, and no honest one is paid 0 for it."""

import asyncio
import json
import random
import signal
import socket
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import httpx
import psutil
import pytest

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(240)]

FAULT_SECONDS = 30.0
KILLS_PER_SECOND = 4.0
CALLERS = 4


async def test_rollouts_survive_kill_9_of_anything_below_the_gateway(running: Any, honest: list[Any]) -> None:
    right = [known for known in honest if known.reward == 1.0]
    counts: Counter[str] = Counter()
    killed: Counter[str] = Counter()
    until = time.monotonic() + FAULT_SECONDS

    async def call() -> None:
        async with httpx.AsyncClient(base_url=running.url, headers=running.headers, timeout=120) as client:
            while time.monotonic() < until:
                counts["sent"] += len(right)
                items = [{"task": known.task, "responses": [known.response]} for known in right]
                answer = await client.post("/v1/grade", json={"items": items, "deadline_seconds": 60})
                assert answer.status_code == 200, answer.text
                for item in answer.json()["items"]:
                    (result,) = item["results"]
                    counts[result["status"]] += 1
                    if result["status"] == "graded":
                        assert result["reward"] == 1.0, json.dumps(result)

    async def kill() -> None:
        chance = random.Random(20261120)
        while time.monotonic() < until:
            await asyncio.sleep(chance.expovariate(KILLS_PER_SECOND))
            processes = await asyncio.to_thread(running.processes)
            if processes:
                victim = chance.choice(processes)
                with suppress(psutil.Error):
                    killed[_kind(victim)] += 1
                    victim.kill()

    await asyncio.gather(kill(), *(call() for _ in range(CALLERS)))
    print(f"\nkilled {dict(killed)}; rollouts {dict(counts)}")
    assert counts["sent"] == sum(counts.values()) - counts["sent"]
    assert counts["graded"] >= 0.95 * counts["sent"]
    assert sum(killed.values()) >= FAULT_SECONDS


def _kind(process: psutil.Process) -> str:
    return next((word for word in process.cmdline() if word.startswith("veriward.")), process.name())


def test_kill_9_of_the_gateway_frees_its_port_and_leaves_no_process(running: Any, honest: list[Any]) -> None:
    running.grade([known.item() for known in honest])
    below = running.processes()
    assert len(below) >= 5
    psutil.Process(running.pid).kill()
    gone_by = time.monotonic() + 2.0
    while any(_alive(process) for process in below):
        assert time.monotonic() < gone_by, [process for process in below if _alive(process)]
        time.sleep(0.02)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", running.port))


def _alive(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def test_a_signal_to_the_whole_group_drains_rather_than_breaks(running: Any, honest: list[Any]) -> None:
    """As service managers send it: to every process of the unit at once."""
    running.grade([known.item() for known in honest])
    for process in running.processes():
        with suppress(psutil.NoSuchProcess):  # the first to stop take their children along
            process.send_signal(signal.SIGTERM)
    results = running.grade([known.item() for known in honest])
    assert [result["reward"] for (result,) in results] == [known.reward for known in honest]
