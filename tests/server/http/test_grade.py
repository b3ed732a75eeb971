"""`POST /v1/grade`: what comes back, in which order, as what."""

import json
from typing import Any

import httpx
import pytest

from veriward.wire import GradeResponse, Result, StreamEnd, StreamLine

TASK = {"verifier": "math", "answer": "72"}
USER = {"role": "user", "content": "6 * 12?"}
STREAM = {"accept": "application/x-ndjson"}


def said(content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


async def grade(client: httpx.AsyncClient, items: list[dict[str, Any]], **fields: Any) -> list[list[dict[str, Any]]]:
    answer = await client.post("/v1/grade", content=json.dumps({"items": items, **fields}))
    assert answer.status_code == 200, answer.text
    GradeResponse.model_validate_json(answer.content)
    return [item["results"] for item in answer.json()["items"]]


RESPONSES: dict[str, tuple[Any, str, float, str]] = {
    "a text that is right": ("so 72", "correct", 1.0, ""),
    "a text that is wrong": ("so 71", "wrong", 0.0, ""),
    "an empty text": ("", "wrong", 0.0, ""),
    "text of a million characters": ("x" * 999_998 + "72", "correct", 1.0, ""),
    "one character more": ("x" * 999_999 + "72", "unparsed", 0.0, "the response has 1,000,001 characters"),
    "two million characters": ("x" * 2_000_000, "unparsed", 0.0, "the response has 2,000,000 characters"),
    "a lone high surrogate": ("\ud800 72", "unparsed", 0.0, "the response holds a lone surrogate"),
    "a lone low surrogate at the end": ("72\udfff", "unparsed", 0.0, "the response holds a lone surrogate"),
    "the last assistant message counts": ([USER, said("71"), USER, said("72")], "correct", 1.0, ""),
    "text parts are joined, others passed over": (
        [said([{"type": "text", "text": "7"}, {"type": "image_url"}, {"type": "text", "text": "2"}])],
        "correct",
        1.0,
        "",
    ),
    "null content is an empty text": ([said(None)], "wrong", 0.0, ""),
    "fields beyond role and content are ignored": ([{**said("72"), "name": "x", "logprob": -1}], "correct", 1.0, ""),
    "a surrogate in the judged message": ([said("\ud83d72")], "unparsed", 0.0, "the response holds a lone surrogate"),
    "no assistant message": ([USER], "unparsed", 0.0, "no assistant message"),
    "no message at all": ([], "unparsed", 0.0, "no assistant message"),
    "characters of four bytes": ("𝟟🙂 72", "correct", 1.0, ""),
    "a NUL": ("\x0072", "correct", 1.0, ""),
}


@pytest.mark.parametrize("case", RESPONSES.values(), ids=RESPONSES)
async def test_a_response_is_judged(client: httpx.AsyncClient, case: tuple[Any, str, float, str]) -> None:
    response, outcome, reward, reason = case
    for _ in range(2):  # the second time from the cache
        [[result, other]] = await grade(client, [{"task": TASK, "responses": [response, "72"]}])
        assert (result["status"], result["outcome"], result["reward"]) == ("graded", outcome, reward)
        assert result["reason"].startswith(reason)
        assert other["reward"] == 1.0


TURNS: dict[str, tuple[Any, str]] = {
    "all messages arrive": ([USER, said("x"), USER, said("y")], "correct"),
    "a text is one message of the assistant": ("x", "wrong"),
    "a number that is not finite in a message": ([USER, {**said("x"), "p": float("nan")}, USER], "unparsed"),
    "a surrogate in a message that is not judged": ([{**USER, "content": "\ud800"}, said("x")], "unparsed"),
    "no assistant message": ([USER] * 4, "unparsed"),
}


@pytest.mark.parametrize("case", TURNS.values(), ids=TURNS)
async def test_a_verifier_of_messages_gets_them_all(client: httpx.AsyncClient, case: tuple[Any, str]) -> None:
    response, outcome = case
    [[result]] = await grade(client, [{"task": {"verifier": "turns", "answer": "4"}, "responses": [response]}])
    assert (result["status"], result["outcome"]) == ("graded", outcome)


INVALID_TASKS: dict[str, tuple[dict[str, Any], str]] = {
    "no verifier": ({"answer": "72"}, "verifier: is missing"),
    "an empty task": ({}, "verifier: is missing"),
    "a verifier that is no string": ({"verifier": ["math"]}, "verifier: must be a string"),
    "an unknown verifier, with the nearest known": ({"verifier": "maths"}, "verifier: 'maths' is not known here; did"),
    "an unknown verifier like none": ({"verifier": "?"}, "verifier: '?' is not known here; known: math, pairs"),
    "a verifier's name of 100,000 characters": ({"verifier": "m" * 100_000}, "verifier: 'mmm"),
    "an unknown ref": ({"ref": "sha256:0"}, "ref: no task is kept"),
    "a ref that is no string": ({"ref": 1}, "ref: no task is kept"),
    "a ref beside other fields": ({"ref": "sha256:0", "answer": "1"}, "answer: a task with `ref`"),
    "an unknown field": ({**TASK, "answr": "1"}, "answr: "),
    "a missing field": ({"verifier": "math"}, "answer: "),
    "a wrong type": ({**TASK, "answer": 72}, "answer: "),
    "NaN": ({**TASK, "weight": float("nan")}, "weight: is not a finite number"),
    "Infinity deep inside": ({**TASK, "x": {"y": [1, float("-inf")]}}, "x.y[1]: is not a finite number"),
    "a surrogate in a field": ({**TASK, "x": [{"y": "\udc00"}]}, "x[0].y: holds a lone surrogate"),
    "a surrogate in a name": ({**TASK, "\udc00": 1}, "task: holds a lone surrogate"),
    "a gold answer that does not parse": ({"verifier": "broken", "answer": "?"}, "answer: does not parse"),
}


@pytest.mark.parametrize("case", INVALID_TASKS.values(), ids=INVALID_TASKS)
async def test_a_broken_task_costs_its_item_alone(client: httpx.AsyncClient, case: tuple[dict[str, Any], str]) -> None:
    task, reason = case
    items = [{"task": task, "responses": ["72", "71"]}, {"task": TASK, "responses": ["72"]}]
    first, [second] = await grade(client, items)
    assert [(result["status"], result["reward"], result["outcome"]) for result in first] == [
        ("invalid_task", None, None)
    ] * 2
    assert all(result["reason"].startswith(reason) and len(result["reason"]) < 1_000 for result in first)
    assert second["reward"] == 1.0


async def test_results_keep_the_order_of_the_request(client: httpx.AsyncClient) -> None:
    items = [
        {"id": f"i{i}", "task": {"verifier": name, "answer": str(i)}, "responses": [f"{j}" for j in range(7)]}
        for i, name in enumerate(["pairs", "math", "unknown", "pairs"])
    ]
    answer = await client.post("/v1/grade", content=json.dumps({"items": items}))
    got = GradeResponse.model_validate_json(answer.content)
    assert [item.id for item in got.items] == ["i0", "i1", "i2", "i3"]
    for i, item in enumerate(got.items):
        assert [result.reward for result in item.results] == [None if i == 2 else float(i == j) for j in range(7)]


async def test_a_streams_lines_are_the_plain_answers_results(client: httpx.AsyncClient) -> None:
    items = [{"task": {"verifier": "pairs", "answer": "1"}, "responses": ["1", "2", "\ud800"]}] * 2
    plain = await grade(client, items)
    answer = await client.post("/v1/grade", content=json.dumps({"items": items}), headers=STREAM)
    assert answer.headers["content-type"] == "application/x-ndjson"
    *lines, end = answer.text.splitlines()
    assert StreamEnd.model_validate_json(end) == StreamEnd(request_id=answer.headers["x-request-id"], results=6)
    for line in lines:
        told = StreamLine.model_validate_json(line)
        assert told.result.reward == plain[told.item][told.response]["reward"]
    assert len(lines) == 6


async def test_a_result_has_exactly_the_fields_of_the_wire(client: httpx.AsyncClient) -> None:
    items: list[dict[str, Any]] = [{"task": {"verifier": name, "answer": "1"}, "responses": ["1"]} for name in "ab"]
    items += [{"task": TASK, "responses": ["1", "1", [], "x"]}]
    for results in await grade(client, items):
        for result in results:
            assert result.keys() == Result.model_fields.keys()
            assert result["seconds"].keys() == {"queued", "graded"}


async def test_a_refused_response_earns_what_an_empty_one_does(client: httpx.AsyncClient) -> None:
    [[result]] = await grade(client, [{"task": {"verifier": "stern", "answer": "1"}, "responses": ["\ud800"]}])
    assert (result["outcome"], result["reward"], result["parts"]) == ("unparsed", -1.0, {"answer": -1.0})
