"""Requests that are refused whole: by which status, under which code, naming which fields."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from veriward.wire import Problem

TASK = {"verifier": "math", "answer": "72"}
ITEM = {"task": TASK, "responses": ["72"]}
MIB = 1 << 20


def items(*more: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({"items": [ITEM, *more], **fields}).encode()


REFUSED: dict[str, tuple[bytes, int, str, list[str] | str]] = {
    "nothing": (b"", 400, "malformed_json", "line 1"),
    "half an object": (b'{"items": [', 400, "malformed_json", "line 1 column 11"),
    "single quotes": (b"{'items': []}", 400, "malformed_json", "line 1 column 2"),
    "two objects": (b"{} {}", 400, "malformed_json", "line 1 column 4"),
    "bytes that are not UTF-8": (b'{"items": "\xff"}', 400, "malformed_json", "byte 11"),
    "half an escape": (b'{"items": "\\ud8', 400, "malformed_json", "line 1"),
    "a byte-order mark": (b"\xef\xbb\xbf{}", 400, "malformed_json", "line 1 column 1"),
    "300 nested arrays": (b"[" * 300 + b"]" * 300, 400, "malformed_json", "recursion limit"),
    "300 nested arrays and a surrogate": (
        b'["\\ud800",' + b"[" * 300 + b"]" * 300 + b"]",
        400,
        "malformed_json",
        "nested deeper than 200",
    ),
    "100,000 nested arrays and a surrogate": (b'["\\ud800",' + b"[" * 100_000, 400, "malformed_json", ""),
    "a number of 5,000 digits": (b'{"items": ' + b"1" * 5_000 + b"}", 400, "malformed_json", "out of range"),
    "an array": (b"[]", 422, "invalid_request", "must be an object, not an array"),
    "null": (b"null", 422, "invalid_request", "not null"),
    "a number": (b"7", 422, "invalid_request", "not a number"),
    "an empty object": (b"{}", 422, "invalid_request", ["items"]),
    "an empty batch": (b'{"items": []}', 422, "invalid_request", ["items"]),
    "items that are no list": (b'{"items": {}}', 422, "invalid_request", ["items"]),
    "NaN for the items": (b'{"items": NaN}', 422, "invalid_request", ["items"]),
    "an item that is no object": (b'{"items": ["x"]}', 422, "invalid_request", ["items[0]"]),
    "no responses": (items({"task": TASK}), 422, "invalid_request", ["items[1].responses"]),
    "an empty group": (items({"task": TASK, "responses": []}), 422, "invalid_request", ["items[1].responses"]),
    "no task": (items({"responses": ["x"]}), 422, "invalid_request", ["items[1].task"]),
    "a task that is no object": (items({**ITEM, "task": "math"}), 422, "invalid_request", ["items[1].task"]),
    "every unknown field": (
        items({**ITEM, "foo": 1}, {**ITEM, "bar": 1, "baz": 2}, qux=3),
        422,
        "invalid_request",
        ["items[1].foo", "items[2].bar", "items[2].baz", "qux"],
    ),
    "responses of other kinds": (
        items({**ITEM, "responses": ["x", 7, None, True, {}, [7]]}),
        422,
        "invalid_request",
        [*(f"items[1].responses[{j}]" for j in (1, 2, 3, 4)), "items[1].responses[5][0]"],
    ),
    "messages without a role or with odd content": (
        items(
            {**ITEM, "responses": [[{"content": "x"}, {"role": "user", "content": 7}, {"role": "a", "content": [1]}]]}
        ),
        422,
        "invalid_request",
        [f"items[1].responses[0][{at}]" for at in range(3)],
    ),
    "an id that is no string": (items({**ITEM, "id": 7}), 422, "invalid_request", ["items[1].id"]),
    "an id of 513 characters": (items({**ITEM, "id": "x" * 513}), 422, "invalid_request", ["items[1].id"]),
    "an id with a lone surrogate": (items({**ITEM, "id": "\ud800"}), 422, "invalid_request", ["items[1].id"]),
    "a source with a lone surrogate": (
        items({**ITEM, "source": "\ud800"}),
        422,
        "invalid_request",
        ["items[1].source"],
    ),
    "a field named by a surrogate": (items(**{"\ud800": 1}), 422, "invalid_request", ["body"]),
    "a deadline of 0": (items(deadline_seconds=0), 422, "invalid_request", ["deadline_seconds"]),
    "a deadline past an hour": (items(deadline_seconds=3601), 422, "invalid_request", ["deadline_seconds"]),
    "a deadline that is not a number": (
        items(deadline_seconds=float("nan")),
        422,
        "invalid_request",
        ["deadline_seconds"],
    ),
    "an infinite deadline": (items(deadline_seconds=float("inf")), 422, "invalid_request", ["deadline_seconds"]),
    "an unknown priority": (items(priority="urgent"), 422, "invalid_request", ["priority"]),
    "10,001 responses in one item": (
        items({**ITEM, "responses": ["x"] * 10_000}),
        422,
        "invalid_request",
        ["items"],
    ),
    "10,001 items": (items(*[ITEM] * 10_000), 422, "invalid_request", ["items"]),
    "101 fields in the envelope": (
        items(**{f"f{n}": 1 for n in range(100)}),
        422,
        "invalid_request",
        "the body: 101 fields",
    ),
    "120 fields in two items": (
        items({f"f{n}": 1 for n in range(119)}),
        422,
        "invalid_request",
        "items: 121 fields are more than 120",
    ),
    "200,000 fields in an item": (items({f"f{n}": 1 for n in range(200_000)}), 422, "invalid_request", "items: "),
}


def same_problem(answer: httpx.Response, status: int, code: str, said: list[str] | str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    problem = Problem.model_validate_json(answer.content)
    assert (problem.status, problem.code) == (status, code)
    assert problem.request_id == answer.headers["x-request-id"]
    if isinstance(said, str):
        assert said in problem.detail
    else:
        assert sorted(error.field for error in problem.errors) == sorted(said)


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
async def test_a_bad_request_is_a_problem(
    client: httpx.AsyncClient, queue: Any, case: tuple[bytes, int, str, list[str] | str]
) -> None:
    body, status, code, said = case
    same_problem(await client.post("/v1/grade", content=body), status, code, said)
    assert queue.jobs == []
    assert (await client.post("/v1/grade", content=items())).status_code == 200


async def test_at_most_a_hundred_fields_are_named(client: httpx.AsyncClient) -> None:
    for body in (items(*[{**ITEM, "foo": 1}] * 500), items({**ITEM, "responses": [[7] * 1_000_000]})):
        problem = Problem.model_validate_json((await client.post("/v1/grade", content=body)).content)
        assert (problem.status, len(problem.errors)) == (422, 100)


BODIES = {"as large as allowed": (MIB, 200), "one byte more": (MIB + 1, 413), "50 MB": (50_000_000, 413)}


@pytest.mark.parametrize(("size", "status"), BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("told", [True, False], ids=["length told", "length not told"])
async def test_a_body_is_bounded(running: Any, size: int, status: int, told: bool) -> None:
    body = items().ljust(size)
    pulled = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal pulled
        for at in range(0, size, 100_000):
            pulled += 1
            yield body[at : at + 100_000]

    async with running(max_body_bytes=MIB) as client:
        headers = {"content-length": str(size)} if told else {}
        answer = await client.post("/v1/grade", content=pieces(), headers=headers)
    assert answer.status_code == status
    if status == 413:
        same_problem(answer, 413, "too_large", "larger than 1,048,576 bytes")
        assert pulled <= (0 if told else 12)


async def test_a_length_of_forty_digits_is_too_large(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/grade", content=items(), headers={"content-length": "9" * 40})
    same_problem(answer, 413, "too_large", "")


TYPES: dict[str, tuple[dict[str, str], int]] = {
    "json": ({"content-type": "application/json"}, 200),
    "json with a charset": ({"content-type": "Application/JSON; charset=utf-8"}, 200),
    "a kind of json": ({"content-type": "application/vnd.x+json"}, 200),
    "a form": ({"content-type": "application/x-www-form-urlencoded"}, 415),
    "text": ({"content-type": "text/plain"}, 415),
    "json of another kind of media": ({"content-type": "image/x+json"}, 415),
    "no type at all, as a browser sends across origins": ({"content-type": ""}, 415),
    "a compressed body": ({"content-encoding": "gzip"}, 415),
    "a body that says it is not compressed": ({"content-encoding": "identity"}, 200),
}


@pytest.mark.parametrize("case", TYPES.values(), ids=TYPES)
async def test_only_json_is_read(client: httpx.AsyncClient, case: tuple[dict[str, str], int]) -> None:
    headers, status = case
    answer = await client.post("/v1/grade", content=items(), headers=headers)
    assert answer.status_code == status
    if status == 415:
        same_problem(answer, 415, "unsupported_media_type", "")


PATHS: dict[str, tuple[str, str, int, str]] = {
    "an unknown path": ("GET", "/v2/grade", 404, "not_found"),
    "a slash too many": ("POST", "/v1/grade/", 404, "not_found"),
    "a wrong method": ("GET", "/v1/grade", 405, "method_not_allowed"),
    "an unknown verifier": ("GET", "/v1/verifiers/mth", 404, "not_found"),
    "an unknown task": ("GET", "/v1/tasks/sha256:0", 404, "not_found"),
}


@pytest.mark.parametrize("case", PATHS.values(), ids=PATHS)
async def test_every_refusal_is_a_problem(client: httpx.AsyncClient, case: tuple[str, str, int, str]) -> None:
    method, path, status, code = case
    answer = await client.request(method, path)
    same_problem(answer, status, code, "")
    assert (answer.headers.get("allow") == "POST") == (status == 405)


async def test_a_full_queue_is_429_with_whole_seconds(client: httpx.AsyncClient, queue: Any) -> None:
    for seconds, header in ((0.0, "1"), (0.2, "1"), (1.0, "1"), (7.01, "8"), (60.0, "60")):
        queue.full = seconds
        answer = await client.post("/v1/grade", content=items())
        same_problem(answer, 429, "overloaded", "it is full")
        assert answer.headers["retry-after"] == header
    queue.full = None
    assert (await client.post("/v1/grade", content=items())).status_code == 200


async def test_bodies_that_are_held_are_bounded_together(running: Any, queue: Any) -> None:
    queue.holding = True
    async with running(max_bodies_bytes=2 * MIB) as client:
        large = [items().ljust(size) for size in (3 * MIB, 10)]  # the first always finds room
        first = asyncio.create_task(client.post("/v1/grade", content=large[0]))
        while not queue.jobs:
            await asyncio.sleep(0)
        for method, path in (("POST", "/v1/grade"), ("POST", "/v1/execute"), ("PUT", "/v1/tasks")):
            answer = await client.request(method, path, content=large[1])
            same_problem(answer, 429, "overloaded", "bytes of requests are held")
        queue.release()
        assert (await first).status_code == 200
        assert (await client.post("/v1/grade", content=large[1])).status_code == 200
        assert (await client.post("/v1/grade", content="{")).status_code == 400
        assert "veriward_bodies_bytes 0.0" in (await client.get("/metrics")).text


async def test_a_fault_of_ours_is_500_and_says_nothing_of_its_cause(client: httpx.AsyncClient, queue: Any) -> None:
    queue.submit = lambda *_: 1 / 0
    answer = await client.post("/v1/grade", content=items())
    same_problem(answer, 500, "internal", "the server failed")
    assert "Zero" not in answer.text
