"""`POST /v1/grade`: what comes back, in which order, as what."""

from typing import Any

import httpx
import pytest
from pydantic_core import from_json

from veriward.wire import GradeResponse, Result, StreamEnd, StreamLine

TASK = {"verifier": "math", "answer": "72"}
USER = {"role": "user", "content": "6 * 12?"}


def said(content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


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


async def grade(client: httpx.AsyncClient, items: list[dict[str, Any]], **fields: Any) -> list[list[dict[str, Any]]]:
    answer = await client.post("/v1/grade", content=body(items, **fields))
    assert answer.status_code == 200, answer.text
    GradeResponse.model_validate_json(answer.content)
    return [item["results"] for item in answer.json()["items"]]


def body(items: list[dict[str, Any]], **fields: Any) -> str:
    import json

    return json.dumps({"items": items, **fields})


@pytest.mark.parametrize("case", RESPONSES.values(), ids=RESPONSES)
async def test_a_response_is_judged(client: httpx.AsyncClient, case: tuple[Any, str, float, str]) -> None:
    response, outcome, reward, reason = case
    for _ in range(2):  # the second time from the cache
        [[result, other]] = await grade(client, [{"task": TASK, "responses": [response, "72"]}])
        assert (result["status"], result["outcome"], result["reward"]) == ("graded", outcome, reward)
        assert result["reason"].startswith(reason)
        assert other["reward"] == 1.0
