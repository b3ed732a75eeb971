"""Running it: health, readiness, metrics, logs, draining."""

import asyncio
import io
import json
import re
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from veriward.server.app import create_app
from veriward.server.logs import logger
from veriward.server.metrics import MAX_SOURCES
from veriward.server.settings import Settings


def body(*responses: str, verifier: str = "math", source: str = "") -> str:
    item = {"task": {"verifier": verifier, "answer": "1"}, "responses": responses, "source": source}
    return json.dumps({"items": [item]})


async def samples(client: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels, in the order of the labels' names."""
    text = (await client.get("/metrics")).text
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_ready_says_queue_workers_and_isolation(client: httpx.AsyncClient, queue: Any) -> None:
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    told = answer.json()
    assert told["queue"] == {"waiting": 0, "running": 0, "oldest_seconds": 0.0}
    assert (told["status"], told["workers"], told["isolation"]) == ("ready", 1, {})
    assert (await client.get("/healthz")).json() == {"status": "ok"}


async def test_probes_that_come_together_share_a_canary(client: httpx.AsyncClient, queue: Any) -> None:
    await asyncio.gather(*(client.get("/readyz") for _ in range(20)))
    assert queue.judged == 1


NOT_READY: dict[str, tuple[dict[str, Any], str]] = {
    "the canary is judged wrong": ({"status": "graded", "reward": 0.0}, "'reward': 0.0"),
    "the canary is not judged": ({"status": "error", "reason": "no grader"}, "no grader"),
}


@pytest.mark.parametrize("case", NOT_READY.values(), ids=NOT_READY)
async def test_not_ready_says_why(client: httpx.AsyncClient, queue: Any, case: tuple[dict[str, Any], str]) -> None:
    result, why = case
    queue.answer = lambda job, index: result
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert why in answer.json()["detail"]
    queue.answer = None
    assert (await client.get("/readyz")).status_code == 200


async def test_a_full_queue_is_not_ready(client: httpx.AsyncClient, queue: Any) -> None:
    queue.full = 7.0
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


NO_CANARY: dict[str, tuple[bool, str]] = {
    "the queue does not run yet": (False, "not running yet"),
    "the canary's verifier is missing": (True, "no verifier 'math'"),
}


@pytest.mark.parametrize("case", NO_CANARY.values(), ids=NO_CANARY)
async def test_where_no_canary_can_fly_it_is_not_ready(settings: Settings, queue: Any, case: tuple[bool, str]) -> None:
    runs, why = case
    app = create_app(settings, queue, {}) if runs else create_app(settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert why in answer.json()["detail"]


async def test_what_happened_is_counted(client: httpx.AsyncClient) -> None:
    await client.post("/v1/grade", content=body("1", "2", "\ud800", source="a"))
    await client.post("/v1/grade", content=body("1", source="a"))
    await client.post("/v1/grade", content=body("1", verifier="unknown", source="b"))
    await client.post("/v1/grade", content="{")
    await client.get("/nothing/at/all")
    told = await samples(client)
    expected: dict[tuple[str, ...], float] = {
        ("veriward_requests_total", "POST", "/v1/grade", "200"): 3,
        ("veriward_requests_total", "POST", "/v1/grade", "400"): 1,
        ("veriward_requests_total", "any", "unmatched", "404"): 1,
        ("veriward_rollouts_total", "graded", "math"): 4,
        ("veriward_rollouts_total", "invalid_task", "none"): 1,
        ("veriward_source_rollouts_total", "a", "graded"): 4,
        ("veriward_source_rollouts_total", "b", "invalid_task"): 1,
        ("veriward_source_reward_count", "a"): 4,
        ("veriward_source_reward_sum", "a"): 2.0,
        ("veriward_queued_seconds_count", "math"): 3,
        ("veriward_queued_seconds_bucket", "0.0005", "math"): 0,
        ("veriward_queued_seconds_bucket", "0.001", "math"): 3,
        ("veriward_graded_seconds_count", "math"): 3,
        ("veriward_cache_hits_total",): 1,
        ("veriward_cache_entries",): 3,
        ("veriward_queue_waiting",): 0,
        ("veriward_workers",): 1,
    }
    assert {name: told.get(name) for name in expected} == expected
    assert ("process_resident_memory_bytes",) in told


async def test_sources_past_the_bound_are_counted_together(client: httpx.AsyncClient) -> None:
    for number in range(MAX_SOURCES + 10):
        await client.post("/v1/grade", content=body("1", source=f"s{number}"))
    told = await samples(client)
    assert told["veriward_source_reward_count", "other"] == 10
    assert sum(name[0] == "veriward_source_reward_count" for name in told) == MAX_SOURCES + 1


async def test_two_apps_share_nothing(running: Any) -> None:
    async with running() as one, running() as other:
        await one.post("/v1/grade", content=body("1"))
        assert ("veriward_rollouts_total", "graded", "math") not in await samples(other)


IDS: dict[str, tuple[bytes, bool]] = {
    "a sane one is kept": (b"run-7.step_3", True),
    "128 characters are kept": (b"x" * 128, True),
    "129 are not": (b"x" * 129, False),
    "one with spaces is not": (b"a b", False),
    "one beyond ASCII is not": ("é".encode(), False),
    "an empty one is not": (b"", False),
}


@pytest.mark.parametrize("case", IDS.values(), ids=IDS)
async def test_a_request_id(client: httpx.AsyncClient, case: tuple[bytes, bool]) -> None:
    given, kept = case
    answer = await client.post("/v1/grade", content=body("1"), headers={b"x-request-id": given})
    request_id = answer.headers["x-request-id"]
    assert (request_id.encode() == given) is kept
    assert answer.json()["request_id"] == request_id
    assert kept or re.fullmatch("[0-9a-f]{32}", request_id)


async def test_a_request_is_one_line_in_the_log_without_its_text(app: Any, client: httpx.AsyncClient) -> None:
    told = io.StringIO()
    app.state.gateway.log = logger(Settings(), told)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    secret = body("the-response-1", "2").replace('"answer": "1"', '"answer": "gold-answer"')
    await client.post("/v1/grade?secret=1", content=secret, headers={"x-request-id": "r", "traceparent": trace})
    await client.post(
        "/v1/grade", content=secret[:-1] + ', "traceparent": "the-response"}', headers={"traceparent": "x"}
    )
    await client.get("/readyz")
    first, second = map(json.loads, told.getvalue().splitlines())
    assert {name: first[name] for name in ("event", "level", "request_id", "method", "path", "status", "rollouts")} == {
        "event": "request",
        "level": "info",
        "request_id": "r",
        "method": "POST",
        "path": "/v1/grade",
        "status": 200,
        "rollouts": 2,
    }
    assert (first["traceparent"], first["seconds"] > 0) == (trace, True)
    assert (second["status"], "traceparent" in second) == (422, False)
    assert "the-response" not in told.getvalue()
    assert "gold-answer" not in told.getvalue()
    assert "secret" not in told.getvalue()


async def test_a_fault_of_ours_is_in_the_log_under_its_request_id(
    app: Any, client: httpx.AsyncClient, queue: Any
) -> None:
    told = io.StringIO()
    app.state.gateway.log = logger(Settings(), told)
    queue.submit = lambda *_: 1 / 0
    answer = await client.post("/v1/grade", content=body("1"))
    fault = json.loads(told.getvalue().splitlines()[0])
    assert (fault["event"], fault["request_id"]) == ("request_failed", answer.json()["request_id"])
    assert "ZeroDivisionError" in fault["exception"]


def test_the_console_format_is_for_people() -> None:
    told = io.StringIO()
    logger(Settings(log_format="console"), told).info("request", path="/v1/grade")
    assert "request" in told.getvalue()
    assert not told.getvalue().startswith("{")


async def test_draining_finishes_what_runs_and_admits_nothing(app: Any, client: httpx.AsyncClient, queue: Any) -> None:
    gateway = app.state.gateway
    queue.holding = True
    running = asyncio.create_task(client.post("/v1/grade", content=body("1")))
    while not queue.jobs:
        await asyncio.sleep(0)
    drained = asyncio.create_task(gateway.drain())
    await asyncio.sleep(0)
    for answer in (await client.post("/v1/grade", content=body("2")), await client.get("/readyz")):
        assert (answer.status_code, answer.json()["code"]) == (503, "draining")
        assert int(answer.headers["retry-after"]) >= 1
    assert (await client.get("/healthz")).status_code == 200
    assert not drained.done()
    queue.release()
    assert await drained
    assert (await running).status_code == 200


async def test_draining_ends_in_its_time(running: Any, queue: Any) -> None:
    queue.holding = True
    async with running(drain_seconds=0.01) as client:
        gateway = client._transport.app.state.gateway
        asked = asyncio.create_task(client.post("/v1/grade", content=body("1")))
        while not queue.jobs:
            await asyncio.sleep(0)
        assert not await gateway.drain()
        queue.release()
        assert (await asked).status_code == 200
