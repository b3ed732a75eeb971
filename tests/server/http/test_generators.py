"""Generators over HTTP: the same tasks for the same seed, answers that stay on the server, and limits that hold."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from veriward.server.app import create_app
from veriward.server.generation.pool import MAX_WAITING, SLICE, START_SECONDS, Sample, SampleFailed, Samplers
from veriward.server.queue import QueueFull
from veriward.server.settings import Settings
from veriward.verifiers import InvalidTask
from veriward.verifiers.generators import generators, sample
from veriward.wire import GeneratorInfo, GeneratorList, SampleResponse
from veriward.wire.requests import MAX_SAMPLE

DYCK = "/v1/generators/logic.dyck_language:sample"
KNOWN = generators()["logic.dyck_language"]


async def test_the_list_names_every_generator(client: httpx.AsyncClient) -> None:
    told = GeneratorList.model_validate_json((await client.get("/v1/generators")).content).generators
    assert [one.name for one in told] == list(generators())
    assert all(one.summary and one.verifier and one.parameters_schema is None for one in told)


async def test_one_is_described_with_its_parameters_and_their_dials(client: httpx.AsyncClient) -> None:
    told = GeneratorInfo.model_validate_json((await client.get("/v1/generators/logic.sudoku")).content)
    assert told.parameters_schema is not None
    blanks = told.parameters_schema["properties"]["blank_share"]
    assert (blanks["at_difficulty_0"], blanks["at_difficulty_1"]) == (0.35, 0.75)
    assert told.unique


@pytest.mark.parametrize("path", ["/v1/generators/logic.sudoko", "/v1/generators/logic.sudoko:sample"])
async def test_an_unknown_name_is_404_with_a_hint(client: httpx.AsyncClient, path: str) -> None:
    answer = await (client.post(path, json={}) if path.endswith(":sample") else client.get(path))
    assert answer.status_code == 404
    assert "logic.sudoku" in answer.json()["detail"]


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "no tasks": ("count", {"count": 0}),
    "more tasks than a request may ask for": ("count", {"count": MAX_SAMPLE + 1}),
    "a difficulty past 1": ("difficulty", {"difficulty": 1.5}),
    "a negative seed": ("seed", {"seed": -1}),
    "a seed past the largest": ("seed", {"seed": 2**63}),
    "an unknown field": ("level", {"level": 3}),
    "a parameter that the generator has not": ("parameters.depth", {"parameters": {"depth": 3}}),
    "a parameter past its bound": ("parameters.kinds", {"parameters": {"kinds": 9}}),
    "parameters that are no object": ("parameters", {"parameters": [1]}),
    "more parameters than any generator has": ("parameters", {"parameters": {str(at): at for at in range(101)}}),
}


@pytest.mark.parametrize("sentence", REFUSED)
async def test_what_no_task_can_be_made_of_is_422_by_its_field(client: httpx.AsyncClient, sentence: str) -> None:
    field, asked = REFUSED[sentence]
    answer = await client.post(DYCK, json=asked)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_answers_are_for_keys_that_may_read_tasks(running: Any) -> None:
    async with running(api_keys="plain") as client:
        answer = await client.post(DYCK, json={}, headers={"authorization": "Bearer plain"})
        assert answer.status_code == 403
        assert "hide_answers" in answer.json()["detail"]


async def test_more_requests_than_may_wait_are_refused() -> None:
    samplers = Samplers(1, 1 << 30)
    samplers._waiting = MAX_WAITING
    with pytest.raises(QueueFull):
        await samplers.slice(Sample(KNOWN, 0, 0, 1, 0.5, {}))


@pytest.fixture
async def app() -> AsyncIterator[FastAPI]:
    """With the real verifiers; what it started ends with it."""
    app = create_app(Settings(log_level="error"), queue=object())  # type: ignore[arg-type]
    yield app
    app.state.gateway.samplers.close()


@pytest.fixture
async def samplers() -> AsyncIterator[Samplers]:
    samplers = Samplers(1, 1 << 30)
    yield samplers
    samplers.close()


@pytest.mark.fleet
async def test_the_same_request_gives_the_same_tasks_as_in_this_process(client: httpx.AsyncClient) -> None:
    asked = {"seed": 4, "start": 3, "count": SLICE + 2, "difficulty": 0.7, "parameters": {"kinds": 2}}
    told = SampleResponse.model_validate_json((await client.post(DYCK, json=asked)).content)
    here = [sample(KNOWN, 4, 3 + at, 0.7, {"kinds": 2}) for at in range(SLICE + 2)]
    assert [task.model_dump() for task in told.tasks] == here
    again = await client.post(DYCK, json=asked)
    assert again.json() == told.model_dump()


@pytest.mark.fleet
async def test_hidden_tasks_are_refs_to_stored_ones(client: httpx.AsyncClient, app: FastAPI) -> None:
    asked = {"seed": 4, "count": 3, "hide_answers": True}
    tasks = (await client.post(DYCK, json=asked)).json()["tasks"]
    for at, task in enumerate(tasks):
        here = sample(KNOWN, 4, at)
        assert (task["prompt"], task["reference"], task["task"].keys()) == (here["prompt"], None, {"ref"})
        ready = app.state.gateway.tasks.resolve(task["task"])
        assert ready == app.state.gateway.tasks.resolve(here["task"])


@pytest.mark.fleet
async def test_tasks_that_take_longer_than_the_request_may_are_told(client: httpx.AsyncClient) -> None:
    answer = await client.post(DYCK, json={"count": MAX_SAMPLE, "deadline_seconds": 0.001})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "deadline_seconds"
    assert (await client.post(DYCK, json={})).status_code == 200


@pytest.mark.fleet
async def test_a_generator_past_its_time_is_killed_and_the_next_request_served(samplers: Samplers) -> None:
    slow = replace(KNOWN, wall_seconds=-START_SECONDS)
    with pytest.raises(SampleFailed, match="took more than"):
        await samplers.slice(Sample(slow, 0, 0, 1, 0.5, {}))
    assert len(await samplers.slice(Sample(KNOWN, 0, 0, 1, 0.5, {}))) == 1


@pytest.mark.fleet
async def test_a_process_that_ended_is_replaced(samplers: Samplers) -> None:
    first = await samplers.slice(Sample(KNOWN, 0, 0, 2, 0.5, {}))
    samplers._idle[0]._process.kill()
    assert await samplers.slice(Sample(KNOWN, 0, 0, 2, 0.5, {})) == first


@pytest.mark.fleet
async def test_a_faulty_parameter_that_only_making_shows_is_told_and_costs_no_process(samplers: Samplers) -> None:
    known = generators()["reasoning_gym.countdown"]
    pytest.importorskip("reasoning_gym")
    for _ in range(2):
        with pytest.raises(InvalidTask, match="config"):
            await samplers.slice(Sample(known, 0, 0, 1, 0.5, {"config": {"min_numbers": -1}}))
    assert len(samplers._idle) == 1
