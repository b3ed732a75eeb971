"""Graders under a real supervisor: judged, limited, killed and replaced. No sandbox is needed here."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from veriward.sandbox.frames import HEADER
from veriward.server.worker.keepers import Keepers
from veriward.server.worker.leases import Lease, unpack_keys
from veriward.server.worker.plan import Plan
from veriward.server.worker.processes import Reaper
from veriward.server.worker.supervisor import Supervisor, WorkerSettings

PLUGIN = Path(__file__).parent.parent / "plugin"
PLAN = Plan("pure", (), cpu_seconds=0.4, wall_seconds=1.5, batch=16)


class Crew:
    """A supervisor and what it answered."""

    def __init__(self, supervisor: Supervisor, answers: dict[tuple[int, int], dict[str, Any]]) -> None:
        self.supervisor = supervisor
        self.answers = answers

    async def grade(self, *groups: list[str], seconds: float = 20.0) -> list[list[dict[str, Any]]]:
        """Give each group of responses as one lease; wait for all answers."""
        self.give(*groups, seconds=seconds)
        await self.until(lambda: len(self.answers) == sum(map(len, groups)))
        return [[self.answers[i, j] for j in range(len(group))] for i, group in enumerate(groups)]

    def give(self, *groups: list[str], seconds: float = 20.0) -> None:
        self.answers.clear()
        finish_by = time.monotonic() + seconds
        self.supervisor.take(
            [
                Lease(i, "grade", "test.behave", PLAN, finish_by, list(range(len(group))), _body(group))
                for i, group in enumerate(groups)
            ]
        )

    async def until(self, true: Callable[[], bool], seconds: float = 20.0) -> None:
        give_up = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < give_up, self.answers
            await asyncio.sleep(0.01)


def _unpacked(frames: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(frames):
        kind, size = HEADER.unpack_from(frames, at)
        at += HEADER.size + size
        yield kind, frames[at - size : at]


def _body(responses: list[str]) -> bytes:
    return json.dumps({"task": {}, "responses": responses}).encode()


@pytest.fixture
async def crew(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Crew]:
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN))
    async with _crew() as crew:
        yield crew


@asynccontextmanager
async def _crew() -> AsyncIterator[Crew]:
    answers: dict[tuple[int, int], dict[str, Any]] = {}

    def write(frames: bytes) -> None:
        for kind, payload in _unpacked(frames):
            if kind != b"R":
                continue
            keys, at = unpack_keys(payload)
            for key, result in zip(keys, json.loads(payload[at:]), strict=True):
                assert key not in answers, f"{key} was answered twice"
                answers[key] = result

    settings = WorkerSettings(
        graders=2,
        sandboxes=0,
        min_isolation="L2",
        grader_memory_bytes=2 << 30,
        grader_max_rollouts=10_000,
        max_tries=3,
        warm=(),
    )
    reaper = Reaper()
    supervisor = Supervisor(settings, Keepers(0, "L2", reaper), reaper, write)
    watch = asyncio.get_running_loop().create_task(supervisor.watch())
    try:
        yield Crew(supervisor, answers)
    finally:
        watch.cancel()
        supervisor.close()
        await asyncio.sleep(0.05)


OUTCOMES: dict[str, tuple[str, str, str | None]] = {
    "a right response": ("right", "graded", None),
    "a wrong response": ("nonsense", "graded", None),
    "busy past a limit": ("spin", "timeout", "judging took more than"),
    "asleep past the wall limit": ("sleep 60", "timeout", "1.5 s"),
    "a verifier that crashes its grader": ("crash", "error", "died"),
    "a verifier that exits": ("exit", "error", "died"),
    "past the memory limit": ("memory", "timeout", "memory"),
    "a bug in the verifier": ("raise", "error", "RuntimeError"),
    "a broken gold answer": ("invalid", "invalid_task", "gold"),
    "a reward that is not finite": ("nan", "error", "ArithmeticError"),
    "a lone surrogate extracted": ("surrogate", "graded", None),
}


@pytest.mark.parametrize("case", OUTCOMES.values(), ids=OUTCOMES.keys())
async def test_each_response_gets_its_status_and_its_neighbours_keep_theirs(
    crew: Crew, case: tuple[str, str, str | None]
) -> None:
    response, status, reason = case
    (results,) = await crew.grade(["right", "nonsense", response, "right"])
    assert [result["status"] for result in results] == ["graded", "graded", status, "graded"]
    assert [results[0]["reward"], results[1]["reward"], results[3]["reward"]] == [1.0, 0.0, 1.0]
    assert ("reward" in results[2]) == (status == "graded")
    assert reason is None or reason in results[2]["reason"]


async def test_cpu_time_is_limited_apart_from_wall_time(crew: Crew) -> None:
    """However busy the machine is: with wall time to spare it is the CPU limit that ends it."""
    plan = replace(PLAN, wall_seconds=60.0)
    crew.supervisor.take([Lease(0, "grade", "test.behave", plan, time.monotonic() + 60, [0], _body(["spin"]))])
    await crew.until(lambda: bool(crew.answers), seconds=60)
    assert crew.answers[0, 0]["status"] == "timeout"
    assert "0.4 s of CPU" in crew.answers[0, 0]["reason"]


async def test_tasks_of_equal_fields_are_told_apart_by_their_verifier(crew: Crew) -> None:
    parts = [{"verifier": "choice", "answer": "B"}]
    body = json.dumps({"task": {"parts": parts}, "responses": ["Answer: B"]}).encode()
    finish_by = time.monotonic() + 20
    names = ["gate", "weighted"] * 20
    crew.supervisor.take([Lease(i, "grade", name, PLAN, finish_by, [0], body) for i, name in enumerate(names)])
    await crew.until(lambda: len(crew.answers) == len(names))
    told = {(result["verifier"], result.get("reward")) for result in crew.answers.values()}
    assert told == {("gate", 1.0), ("weighted", 1.0)}


async def test_a_grader_can_reach_nothing(crew: Crew) -> None:
    ((result,),) = await crew.grade(["escape"])
    assert result["extracted"] == ""


async def test_graders_killed_from_outside_cost_no_verdict(crew: Crew) -> None:
    crew.give(*[["right", "sleep 0.05", "nonsense"]] * 30)
    for _ in range(8):
        await asyncio.sleep(0.1)
        for victim in _graders()[:1]:
            victim.send_signal(signal.SIGKILL)
    await crew.until(lambda: len(crew.answers) == 90)
    assert {result["status"] for result in crew.answers.values()} == {"graded"}
    assert sum(result["reward"] for result in crew.answers.values()) == 30


async def test_the_warm_parent_killed_is_replaced(crew: Crew) -> None:
    await crew.grade(["right"])
    _parents()[0].send_signal(signal.SIGKILL)
    results = await crew.grade(["right"], ["nonsense"])
    assert [group[0]["reward"] for group in results] == [1.0, 0.0]


async def test_a_deadline_in_the_run_is_a_timeout_and_before_it_overloaded(crew: Crew) -> None:
    await crew.grade(["right"])
    results = await crew.grade(*[["sleep 1.2"]] * 40, seconds=0.5)
    statuses = [group[0]["status"] for group in results]
    assert set(statuses) == {"timeout", "overloaded"}


async def test_cancelling_kills_what_runs_and_drops_what_waits(crew: Crew) -> None:
    await crew.grade(["right"])
    crew.give(["sleep 1.4"], ["sleep 1.4"], ["sleep 1.4"], ["right"])
    await asyncio.sleep(0.2)
    before = time.monotonic()
    crew.supervisor.cancel([0, 1, 2])
    await crew.until(lambda: (3, 0) in crew.answers)
    assert time.monotonic() - before < 1.0
    assert list(crew.answers) == [(3, 0)]


async def test_closing_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN))
    before = set(psutil.Process().children())
    async with _crew() as crew:
        await crew.grade(["right"])
        assert _parents()
    assert set(psutil.Process().children()) <= before


def _parents() -> list[psutil.Process]:
    return [child for child in psutil.Process(os.getpid()).children() if "worker.warm" in " ".join(child.cmdline())]


def _graders() -> list[psutil.Process]:
    return [grader for parent in _parents() for grader in parent.children()]
