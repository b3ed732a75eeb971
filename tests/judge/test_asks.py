"""Rollouts that wait for a model: outside graders, within their deadlines, in the hands of a real supervisor."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from veriward.sandbox.frames import HEADER
from veriward.server.endpoints import Endpoint
from veriward.server.worker.keepers import Keepers
from veriward.server.worker.leases import Lease, unpack_keys
from veriward.server.worker.plan import plan_for
from veriward.server.worker.processes import Reaper
from veriward.server.worker.supervisor import Supervisor, WorkerSettings
from veriward.verifiers import verifiers

ESSAY = {"model": "it", "rubric": "keywords: scattering, blue", "scale": [0, 10]}
GOOD, HALF, BAD = "Scattering of blue light.", "Blue.", "The sea."


class Crew:
    """A supervisor with one grader, what it answered, and how many rollouts it said to be outside."""

    def __init__(self, endpoints: dict[str, Endpoint]) -> None:
        self.answers: dict[tuple[int, int], dict[str, Any]] = {}
        self.outside: dict[str, int] = {}
        self.figures: list[Any] = []
        told = {name: endpoint.keyed().told() for name, endpoint in endpoints.items()}
        settings = WorkerSettings(1, 0, "L2", 2 << 30, 10_000, 3, (), endpoints=told)
        reaper = Reaper()
        self.supervisor = Supervisor(settings, Keepers(0, "L2", reaper), reaper, self._hear)
        self._count = 0

    def _hear(self, frames: bytes) -> None:
        at = 0
        while at < len(frames):
            kind, size = HEADER.unpack_from(frames, at)
            at += HEADER.size + size
            payload = frames[at - size : at]
            if kind == b"A":
                self.outside = json.loads(payload)
            elif kind == b"U":
                self.figures += json.loads(payload)
            elif kind == b"R":
                keys, start = unpack_keys(payload)
                for key, result in zip(keys, json.loads(payload[start:]), strict=True):
                    assert key not in self.answers, f"{key} was answered twice"
                    self.answers[key] = result

    def give(self, verifier: str, task: dict[str, Any], *responses: str, seconds: float = 60.0) -> int:
        self._count += 1
        body = json.dumps({"task": task, "responses": responses}).encode()
        plan, by = plan_for(verifiers()[verifier]), time.monotonic() + seconds
        self.supervisor.take([Lease(self._count, "grade", verifier, plan, by, list(range(len(responses))), body)])
        return self._count

    async def grade(self, verifier: str, task: dict[str, Any], *responses: str) -> list[dict[str, Any]]:
        job = self.give(verifier, task, *responses)
        await self.until(lambda: all((job, at) in self.answers for at in range(len(responses))))
        return [self.answers[job, at] for at in range(len(responses))]

    async def until(self, true: Callable[[], bool]) -> None:
        give_up = time.monotonic() + 60
        while not true():
            assert time.monotonic() < give_up, (self.answers, self.outside)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def crew_at(judge: Any, fault: str = "fine", **more: Any) -> AsyncIterator[Crew]:
    settings = {"model": "honest", "backoff_seconds": 0.001, **more}
    crew = Crew({"it": Endpoint(url=judge.url(fault), **settings)})
    watch = asyncio.get_running_loop().create_task(crew.supervisor.watch())
    try:
        yield crew
    finally:
        watch.cancel()
        crew.supervisor.close()
        await asyncio.sleep(0)


async def test_a_model_is_asked_and_its_opinion_paid(judge: Any) -> None:
    async with crew_at(judge) as crew:
        results = await crew.grade("model_judge", ESSAY, GOOD, HALF, BAD, "Thought process:")
    assert [result["reward"] for result in results] == [1.0, 0.5, 0.0, 0.0]
    assert [result["outcome"] for result in results] == ["correct", "partial", "wrong", "unparsed"]
    assert results[0]["metrics"] == {
        "judge.requests": 1.0, "judge.input_tokens": 100.0, "judge.output_tokens": 10.0, "judge.score": 10.0,
    }  # fmt: skip
    assert sum(judge.calls.values()) == 3


async def test_a_slow_model_holds_no_grader_and_no_place(judge: Any) -> None:
    async with crew_at(judge, "gate") as crew:
        job = crew.give("model_judge", ESSAY, *(f"{GOOD} {at}" for at in range(20)))
        await crew.until(lambda: crew.outside == {"pure": 20})
        (quick,) = await crew.grade("choice", {"answer": "B"}, "Answer: B")
        assert quick["reward"] == 1.0
        assert (job, 0) not in crew.answers
        judge.gate.set()
        await crew.until(lambda: len(crew.answers) == 21 and crew.outside == {"pure": 0})
    assert {result["status"] for result in crew.answers.values()} == {"graded"}


async def test_the_deadline_of_who_waits_holds(judge: Any) -> None:
    async with crew_at(judge, "gate") as crew:
        await crew.grade("choice", {"answer": "B"}, "Answer: B")
        job = crew.give("model_judge", ESSAY, GOOD, seconds=3.0)
        await crew.until(lambda: (job, 0) in crew.answers)
        assert crew.answers[job, 0]["status"] == "timeout"
        assert "reward" not in crew.answers[job, 0]
        await crew.until(lambda: crew.outside.get("pure", 0) == 0)


async def test_who_cancels_is_not_answered_and_asks_no_more(judge: Any) -> None:
    async with crew_at(judge, "gate") as crew:
        job = crew.give("model_judge", ESSAY, GOOD, BAD)
        await crew.until(lambda: crew.outside == {"pure": 2})
        crew.supervisor.cancel([job])
        await crew.until(lambda: crew.outside == {"pure": 0})
        judge.gate.set()
        await crew.grade("choice", {"answer": "B"}, "Answer: B")
        assert not {key for key in crew.answers if key[0] == job}


async def test_what_an_endpoint_fails_to_answer_is_no_reward(judge: Any) -> None:
    async with crew_at(judge, "broken", max_tries=2) as crew:
        (result,) = await crew.grade("model_judge", ESSAY, GOOD)
    assert (result["status"], result.get("reward")) == ("error", None)
    assert result["reason"] == "the endpoint 'it' answered 503 (invalid_api_key), 2 times"


async def test_a_judge_that_never_keeps_the_form_gives_no_reward(judge: Any) -> None:
    async with crew_at(judge, model="mumbler") as crew:
        (result,) = await crew.grade("model_judge", ESSAY, GOOD)
    assert (result["status"], result.get("reward")) == ("error", None)
    assert "could not be read, 3 times" in result["reason"]
    assert sum(judge.calls.values()) == 3


async def test_a_judge_that_keeps_the_form_when_told_is_heard(judge: Any) -> None:
    async with crew_at(judge, model="hasty") as crew:
        (result,) = await crew.grade("model_judge", ESSAY, GOOD)
    assert result["reward"] == 1.0
    assert result["metrics"]["judge.requests"] == 2


async def test_an_endpoint_that_there_is_not(judge: Any) -> None:
    async with crew_at(judge) as crew:
        (result,) = await crew.grade("model_judge", {**ESSAY, "model": "oracle"}, "")
    assert result["status"] == "invalid_task"
    assert result["reason"] == "model: 'oracle' is no endpoint of this server; it has it"


SAME = {"verifier": "model_judge", "model": "it", "mode": "equivalence", "reference": "Johann Wolfgang von Goethe"}
RULE = {"verifier": "short_answer", "gold": ["Goethe"]}
PART = {"verifier": "model_judge", **ESSAY}
OTHER = {"verifier": "model_judge", **ESSAY, "rubric": "keywords: light"}

COMPOSED: dict[str, tuple[str, dict[str, Any], str, float, int]] = {
    "a rule that settles it asks nobody": ("cascade", {"parts": [RULE, SAME]}, r"\boxed{Goethe}", 1.0, 0),
    "what the rule misses is asked": ("cascade", {"parts": [RULE, SAME]}, r"\boxed{Wolfgang von Goethe}", 1.0, 1),
    "what is wrong is asked, too": ("cascade", {"parts": [RULE, SAME]}, r"\boxed{Schiller}", 0.0, 1),
    "all parts are asked": ("all_of", {"parts": [PART, OTHER]}, GOOD, 1.0, 2),
    "any of the parts": ("any_of", {"parts": [OTHER, PART]}, HALF, 0.5, 2),
    "parts by weight": ("weighted", {"parts": [PART, OTHER], "weights": [1.0, 3.0]}, HALF, 0.125, 2),
    "a gate that is shut asks nobody": (
        "gate", {"parts": [{"verifier": "choice", "answer": "B"}, PART]}, "Answer: C", 0.0, 0,
    ),
    "a gate that is open asks": ("gate", {"parts": [OTHER, PART]}, GOOD, 1.0, 2),
    "steps": ("steps", {"steps": [OTHER, PART]}, f"<step>light</step><step>{GOOD}</step>", 1.0, 2),
    "compositions within compositions": (
        "all_of", {"parts": [{"verifier": "cascade", "parts": [OTHER, PART]}, PART]}, HALF, 0.5, 2,
    ),
    "stated confidence": (
        "calibration", {"task": SAME}, "</think><answer>Goethe</answer><confidence>1</confidence>", 1.0, 1,
    ),
    "shaped": (
        "model_judge",
        {**ESSAY, "shaping": [{"kind": "format", "form": "think", "apply": "gate"}]}, f"<think>x</think>{GOOD}", 1.0, 1,
    ),
}  # fmt: skip


async def test_it_composes(judge: Any) -> None:
    """All by one worker: a start costs more than all of them."""
    async with crew_at(judge) as crew:
        for sentence, (verifier, task, response, reward, calls) in COMPOSED.items():
            judge.calls.clear()
            (result,) = await crew.grade(verifier, task, response)
            paid = result["status"], result.get("reward"), sum(judge.calls.values())
            assert paid == ("graded", pytest.approx(reward), calls), sentence


async def test_a_composition_asks_for_all_its_parts_at_once(judge: Any) -> None:
    async with crew_at(judge, "gate") as crew:
        job = crew.give("all_of", {"parts": [PART, OTHER]}, GOOD)
        await crew.until(lambda: sum(judge.calls.values()) == 2)
        judge.gate.set()
        await crew.until(lambda: (job, 0) in crew.answers)


async def test_what_asking_took_is_told(judge: Any) -> None:
    async with crew_at(judge, "broken-once") as crew:
        await crew.grade("model_judge", ESSAY, GOOD)
        await crew.until(lambda: any(row[0] == "seconds" for row in crew.figures))  # told after the retry, or with it
    told = {(figure, label): amount for figure, _, label, amount in crew.figures if figure != "seconds"}
    assert told[("requests", "ok")] == told[("retries", "503")] == 1
    assert sum(figure == "seconds" for figure, *_ in crew.figures) == 1
