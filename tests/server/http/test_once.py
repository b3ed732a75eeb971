"""Nothing is judged twice: the result cache, single flight, and `Idempotency-Key`."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from veriward.server.batch import Batch
from veriward.server.cache import ENTRY_BYTES, Kept, ResultCache
from veriward.server.idempotency import Entry, Idempotency

STREAM = {"accept": "application/x-ndjson"}


def body(*responses: str, verifier: str = "math", **fields: Any) -> str:
    return json.dumps({"items": [{"task": {"verifier": verifier, "answer": "1"}, "responses": responses}], **fields})


async def ask(client: httpx.AsyncClient, *responses: str, **fields: Any) -> list[dict[str, Any]]:
    answer = await client.post("/v1/grade", content=body(*responses, **fields))
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["items"][0]["results"]
    return results


async def until(queue: Any, submitted: int) -> None:
    """Let requests run until so many rollouts are in the queue, then a few turns more."""
    while queue.judged < submitted:
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)


def cached(results: list[dict[str, Any]]) -> list[bool]:
    return [result["cached"] for result in results]


async def test_what_was_graded_is_not_graded_again(client: httpx.AsyncClient, queue: Any) -> None:
    first = await ask(client, "1", "2")
    again = await ask(client, "2", "1", "3")
    assert (cached(first), cached(again), queue.judged) == ([False, False], [True, True, False], 3)
    assert [result["reward"] for result in again] == [0.0, 1.0, 0.0]
    assert await ask(client, "1", verifier="pairs") != first
    assert queue.judged == 4


async def test_only_a_verdict_is_kept(client: httpx.AsyncClient, queue: Any) -> None:
    for status in ("timeout", "error", "overloaded", "cancelled", "invalid_task"):
        queue.answer = lambda job, index, status=status: {"status": status}
        [result] = await ask(client, "1")
        assert (result["status"], result["reward"], result["cached"]) == (status, None, False)
    queue.answer = None
    assert (await ask(client, "1"))[0]["reward"] == 1.0


INVENTED: dict[str, dict[str, Any]] = {
    "no reward": {"outcome": "correct"},
    "a reward that is no number": {"outcome": "correct", "reward": "1"},
    "a reward that is true": {"outcome": "correct", "reward": True},
    "NaN": {"outcome": "correct", "reward": float("nan")},
    "no outcome": {"reward": 1.0},
    "an unknown outcome": {"outcome": "great", "reward": 1.0},
    "text that cannot be written": {"outcome": "correct", "reward": 1.0, "extracted": "\ud800"},
}


@pytest.mark.parametrize("result", INVENTED.values(), ids=INVENTED)
async def test_a_verdict_that_is_none_is_our_error(client: httpx.AsyncClient, queue: Any, result: Any) -> None:
    queue.answer = lambda job, index: {"status": "graded", **result}
    for _ in range(2):
        [told] = await ask(client, "1")
        assert (told["status"], told["reward"], told["outcome"], told["cached"]) == ("error", None, None, False)


async def test_a_reward_beside_another_status_is_dropped(client: httpx.AsyncClient, queue: Any) -> None:
    queue.answer = lambda job, index: {"status": "timeout", "reward": 0.0, "reason": "slow"}
    [told] = await ask(client, "1")
    assert (told["status"], told["reward"], told["reason"]) == ("timeout", None, "slow")


async def test_equal_responses_of_one_request_are_judged_once(client: httpx.AsyncClient, queue: Any) -> None:
    results = await ask(client, "1", "1", "2", "1", verifier="pairs")
    assert [result["reward"] for result in results] == [1.0, 1.0, 0.0, 1.0]
    assert (queue.judged, cached(results)) == (2, [False, True, False, True])


async def test_a_second_request_waits_for_the_first(client: httpx.AsyncClient, queue: Any) -> None:
    queue.holding = True
    first = asyncio.create_task(ask(client, "1"))
    await until(queue, 1)
    second = asyncio.create_task(ask(client, "1", "2"))
    await until(queue, 2)
    queue.release()
    assert cached(await first) == [False]
    assert cached(await second) == [True, False]
    assert queue.judged == 2


LATER: dict[str, dict[str, Any]] = {
    "whose deadline is sooner": {"deadline_seconds": 1},
    "that is more urgent": {"priority": "high"},
}


@pytest.mark.parametrize("fields", LATER.values(), ids=LATER)
async def test_a_request_does_not_wait_for_a_slower_one(client: httpx.AsyncClient, queue: Any, fields: Any) -> None:
    queue.holding = True
    first = asyncio.create_task(ask(client, "1"))
    await until(queue, 1)
    second = asyncio.create_task(ask(client, "1", **fields))
    await until(queue, 2)
    queue.release()
    assert cached(await first) + cached(await second) == [False, False]


@pytest.mark.parametrize("status", ["cancelled", "overloaded"])
async def test_a_leader_that_is_not_judged_hands_over(client: httpx.AsyncClient, queue: Any, status: str) -> None:
    queue.holding = True
    first = asyncio.create_task(ask(client, "1"))
    await until(queue, 1)
    followers = [asyncio.create_task(ask(client, "1")) for _ in range(3)]
    await until(queue, 1)
    queue.answer = lambda job, index: {"status": status}
    queue.release()
    assert (await first)[0]["status"] == status
    queue.answer = None
    await until(queue, 2)
    queue.release()
    told = [(await follower)[0] for follower in followers]
    assert [result["reward"] for result in told] == [1.0] * 3
    assert (sorted(cached(told)), queue.judged) == ([False, True, True], 2)


async def test_a_follower_that_takes_over_a_full_queue_is_overloaded(client: httpx.AsyncClient, queue: Any) -> None:
    queue.holding = True
    first = asyncio.create_task(ask(client, "1"))
    await until(queue, 1)
    follower = asyncio.create_task(ask(client, "1"))
    await until(queue, 1)
    queue.answer, queue.full = (lambda job, index: {"status": "cancelled"}), 1.0
    queue.release()
    await first
    assert (await follower)[0]["status"] == "overloaded"


async def test_a_verifiers_own_time_limit_is_shared(client: httpx.AsyncClient, queue: Any) -> None:
    queue.holding = True
    asked = [asyncio.create_task(ask(client, "1")) for _ in range(3)]
    await until(queue, 1)
    queue.answer = lambda job, index: {"status": "timeout"}
    queue.release()
    assert [(await one)[0]["status"] for one in asked] == ["timeout"] * 3
    assert queue.judged == 1


async def test_what_did_not_begin_leads_nobody(client: httpx.AsyncClient, queue: Any) -> None:
    queue.full = 1.0
    assert (await client.post("/v1/grade", content=body("1", "1"))).status_code == 429
    queue.full, submit, queue.submit = None, queue.submit, lambda *_: 1 / 0
    assert (await client.post("/v1/grade", content=body("1", "1"))).status_code == 500
    queue.submit = submit
    assert (await ask(client, "1"))[0]["reward"] == 1.0


async def test_without_a_cache_everything_is_judged(running: Any, queue: Any) -> None:
    async with running(cache_bytes=0) as client:
        for _ in range(2):
            assert cached(await ask(client, "1", "1")) == [False, False]
    assert queue.judged == 4


def test_the_cache_keeps_to_its_bytes_and_drops_the_least_used() -> None:
    cache = ResultCache(3 * (ENTRY_BYTES + 10))
    for name in b"abc":
        cache.put(bytes([name]), Kept(b"x" * 10, 1.0))
    cache.get(b"a")
    cache.put(b"d", Kept(b"x" * 10, 1.0))
    assert [cache.peek(name) is not None for name in (b"a", b"b", b"c", b"d")] == [True, False, True, True]
    cache.put(b"e", Kept(b"x" * 10_000, 1.0))
    assert (len(cache), cache.bytes) == (0, 0)


async def test_the_same_key_and_body_give_the_same_bytes(client: httpx.AsyncClient, queue: Any) -> None:
    headers = {"idempotency-key": "k"}
    queue.answer = lambda job, index: {"status": "error", "reason": "once"}
    first = await client.post("/v1/grade", content=body("1", "2"), headers=headers)
    queue.answer = None
    again = await client.post("/v1/grade", content=body("1", "2"), headers=headers)
    assert (again.content, queue.judged) == (first.content, 2)
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    streamed = await client.post("/v1/grade", content=body("1", "2"), headers=headers | STREAM)
    assert [json.loads(line)["result"] for line in streamed.text.splitlines()[:-1]] == first.json()["items"][0][
        "results"
    ]
    assert queue.judged == 2


async def test_a_key_belongs_to_one_body_one_path_and_one_caller(running: Any) -> None:
    async with running(api_keys="a,b") as client:

        async def status(key: str, path: str, content: str) -> int:
            headers = {"idempotency-key": "k", "authorization": f"Bearer {key}"}
            answer = await client.post(path, content=content, headers=headers)
            return int(answer.status_code)

        assert await status("a", "/v1/grade", body("1")) == 200
        assert await status("a", "/v1/grade", body("2")) == 422
        assert await status("a", "/v1/execute", body("1")) == 422
        assert await status("b", "/v1/grade", body("2")) == 200


@pytest.mark.parametrize("name", ["", "k" * 257], ids=["empty", "257 characters"])
async def test_a_key_has_1_to_256_characters(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.post("/v1/grade", content=body("1"), headers={"idempotency-key": name})
    assert answer.status_code == 422


async def test_a_refusal_is_not_kept(client: httpx.AsyncClient, queue: Any) -> None:
    headers = {"idempotency-key": "k"}
    queue.full = 1.0
    assert (await client.post("/v1/grade", content=body("1"), headers=headers)).status_code == 429
    queue.full = None
    assert (await client.post("/v1/grade", content=body("1"), headers=headers)).status_code == 200


async def test_a_request_in_flight_is_waited_for(client: httpx.AsyncClient, queue: Any) -> None:
    queue.holding = True

    async def post(headers: dict[str, str]) -> httpx.Response:
        return await client.post("/v1/grade", content=body("1", "2"), headers={"idempotency-key": "k", **headers})

    posts = [asyncio.create_task(post(headers)) for headers in ({}, {}, STREAM)]
    await until(queue, 2)
    queue.release()
    first, second, streamed = [await one for one in posts]
    assert (first.content, queue.judged) == (second.content, 2)
    assert len(streamed.text.splitlines()) == 3


def test_what_is_kept_for_repetition_is_bounded() -> None:
    now = 0.0
    kept = Idempotency(seconds=600.0, max_bytes=10_000, clock=lambda: now)
    for number in range(20):
        batch = Batch("r", [1])
        batch.fill(0, 0, b"x" * 1_000)
        kept._end((b"", b"%d" % number), Entry(b"", batch))
    assert (len(kept), kept.bytes <= 10_000) == (4, True)
    now = 601.0
    kept._evict()
    assert (len(kept), kept.bytes) == (0, 0)
