"""Over real connections: streams that flow, clients that hang up, bodies that are never read whole."""

import asyncio
import json
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

BODY_HEADERS = {"content-type": "application/json"}
STREAM = {**BODY_HEADERS, "accept": "application/x-ndjson"}
CODE_THAT_NEVER_ENDS = json.dumps({"runs": [{"code": "while True: pass"}]})


class Server(uvicorn.Server):
    """Leaves the test run's signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    server = Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started:
        await asyncio.sleep(0.001)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def url(app: FastAPI) -> AsyncIterator[str]:
    async with serving(app) as url:
        yield url


def body(*responses: str) -> str:
    return json.dumps({"items": [{"task": {"verifier": "pairs", "answer": "1"}, "responses": responses}]})


async def submitted(queue: Any, rollouts: int) -> None:
    while queue.judged < rollouts:
        await asyncio.sleep(0.001)


async def answering(app: FastAPI, requests: int) -> None:
    while app.state.gateway.in_flight != requests:
        await asyncio.sleep(0.001)


async def dropped(queue: Any, rollouts: int) -> None:
    while queue.cancelled < rollouts:
        await asyncio.sleep(0.001)


async def test_a_line_comes_as_soon_as_its_result_is_there(url: str, queue: Any) -> None:
    queue.holding = True
    async with (
        httpx.AsyncClient() as client,
        client.stream("POST", f"{url}/v1/grade", content=body("1", "2", "3"), headers=STREAM) as answer,
    ):
        queue.release_last()
        lines = answer.aiter_lines()
        assert json.loads(await anext(lines))["response"] == 2
        assert queue.waiting  # the others are not judged yet
        queue.release()
        rest = [json.loads(line) async for line in lines]
    assert [line.get("response", "end") for line in rest] == [0, 1, "end"]


HANGS_UP = {
    "a plain request": ("/v1/grade", body("1", "2"), BODY_HEADERS, 2),
    "a stream": ("/v1/grade", body("1", "2"), STREAM, 2),
    "a program": ("/v1/execute", CODE_THAT_NEVER_ENDS, BODY_HEADERS, 1),
}


@pytest.mark.parametrize("case", HANGS_UP.values(), ids=HANGS_UP)
async def test_a_client_that_hangs_up_cancels_its_work(
    url: str, app: FastAPI, queue: Any, case: tuple[str, str, dict[str, str], int]
) -> None:
    path, content, headers, rollouts = case
    queue.holding = True
    async with httpx.AsyncClient() as client:
        asked = asyncio.create_task(client.post(url + path, content=content, headers=headers))
        await submitted(queue, rollouts)
        asked.cancel()
    await dropped(queue, rollouts)
    await answering(app, 0)
    assert not queue.waiting
    assert len(app.state.gateway.dispatch.flights) == 0


async def test_one_who_waits_for_an_equal_request_keeps_it_alive(url: str, app: FastAPI, queue: Any) -> None:
    queue.holding = True
    headers = {**BODY_HEADERS, "idempotency-key": "k"}
    async with httpx.AsyncClient() as first, httpx.AsyncClient() as second:
        leader = asyncio.create_task(first.post(f"{url}/v1/grade", content=body("1"), headers=headers))
        await submitted(queue, 1)
        waiter = asyncio.create_task(second.post(f"{url}/v1/grade", content=body("1"), headers=headers))
        await answering(app, 2)
        leader.cancel()
        await answering(app, 1)
        assert queue.waiting
        queue.release()
        assert (await waiter).json()["items"][0]["results"][0]["reward"] == 1.0
    assert (queue.judged, queue.cancelled) == (1, 0)


async def test_after_a_hang_up_the_same_key_begins_anew(url: str, queue: Any) -> None:
    queue.holding = True
    headers = {**BODY_HEADERS, "idempotency-key": "k"}
    async with httpx.AsyncClient() as client:
        asked = asyncio.create_task(client.post(f"{url}/v1/grade", content=body("1"), headers=headers))
        await submitted(queue, 1)
        asked.cancel()
        await dropped(queue, 1)
        queue.holding = False
        answer = await client.post(f"{url}/v1/grade", content=body("1"), headers=headers)
    assert answer.json()["items"][0]["results"][0]["reward"] == 1.0


async def test_a_client_that_hangs_up_hands_over_to_who_follows(url: str, app: FastAPI, queue: Any) -> None:
    queue.holding = True
    async with httpx.AsyncClient() as first, httpx.AsyncClient() as second:
        leader = asyncio.create_task(first.post(f"{url}/v1/grade", content=body("1"), headers=BODY_HEADERS))
        await submitted(queue, 1)
        follower = asyncio.create_task(second.post(f"{url}/v1/grade", content=body("1"), headers=BODY_HEADERS))
        await answering(app, 2)
        leader.cancel()
        await submitted(queue, 2)
        queue.release()
        assert (await follower).json()["items"][0]["results"][0]["reward"] == 1.0
    assert queue.cancelled == 1


@pytest.mark.parametrize("told", [True, False], ids=["length told", "length not told"])
async def test_a_body_of_50_mb_is_refused_and_not_held(url: str, told: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b" " * 1_000_000

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    headers = {**BODY_HEADERS, **({"content-length": "50000000"} if told else {})}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{url}/v1/grade", content=pieces(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert (await client.post(f"{url}/v1/grade", content=body("1"), headers=BODY_HEADERS)).status_code == 200
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < (10 if told else 45) * 1024


async def test_a_hang_up_before_the_body_is_whole_costs_nothing(url: str, app: FastAPI, queue: Any) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(b"POST /v1/grade HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{")
    await writer.drain()
    await answering(app, 1)
    writer.close()
    await answering(app, 0)
    assert queue.jobs == []
