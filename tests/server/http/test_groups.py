"""Group shaping over HTTP: a group's results wait for each other; what is kept of them is unshaped."""

import asyncio
import json
from math import exp
from typing import Any

import httpx
import pytest

from veriward.wire import GradeResponse, StreamLine

STREAM = {"accept": "application/x-ndjson"}
TASK = {"verifier": "pairs", "answer": "1"}
LENGTH = [{"kind": "relative_length", "weight": 0.5}]
MAJORITY = [{"kind": "majority"}]


def item(*responses: Any, shaping: Any = None, **fields: Any) -> dict[str, Any]:
    more = {} if shaping is None else {"group_shaping": shaping}
    return {"task": TASK, "responses": list(responses), **more, **fields}


async def grade(client: httpx.AsyncClient, *items: dict[str, Any]) -> list[list[dict[str, Any]]]:
    answer = await client.post("/v1/grade", content=json.dumps({"items": items}))
    assert answer.status_code == 200, answer.text
    GradeResponse.model_validate_json(answer.content)
    return [told["results"] for told in answer.json()["items"]]


def rewards(results: list[dict[str, Any]]) -> list[float | None]:
    return [result["reward"] for result in results]


def factor(z: float) -> float:
    return 1 - 0.5 / (1 + exp(-z))


async def test_lengths_are_compared_with_the_right_ones(client: httpx.AsyncClient) -> None:
    chat = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "xx1"}]
    [results] = await grade(client, item("1", chat, "wrong", shaping=LENGTH))
    assert rewards(results) == pytest.approx([factor(-1), factor(1), 0])
    assert results[0]["parts"] == {"answer": 1.0, "ungrouped": 1.0, "group.relative_length": pytest.approx(factor(-1))}


async def test_the_majority_may_be_wrong(client: httpx.AsyncClient) -> None:
    [results] = await grade(client, item("2", "2", "1", shaping=MAJORITY))
    assert [(result["reward"], result["outcome"]) for result in results] == [(1, "correct")] * 2 + [(0, "wrong")]
    assert results[0]["metrics"] == {"group.majority_share": pytest.approx(2 / 3)}


async def test_who_is_not_graded_stays_so_and_does_not_count(client: httpx.AsyncClient, queue: Any) -> None:
    def answer(job: Any, index: int) -> dict[str, Any]:
        if job.places[index] < 2:
            return {"status": "timeout", "reason": "slow"}
        return {"status": "graded", "reward": 1.0, "outcome": "correct", "extracted": "7"}

    queue.answer = answer
    [results] = await grade(client, item("x" * 900, "y" * 900, "1", "321", shaping=LENGTH))
    assert rewards(results) == [None, None, pytest.approx(factor(-1)), pytest.approx(factor(1))]
    assert results[0]["status"] == "timeout"
    assert results[0]["parts"] == {}


async def test_nobody_graded_is_no_group(client: httpx.AsyncClient, queue: Any) -> None:
    queue.answer = lambda job, index: {"status": "error"}
    [results] = await grade(client, item("1", "2", shaping=[*LENGTH, *MAJORITY]))
    assert rewards(results) == [None, None]


async def test_a_broken_task_is_told_for_each(client: httpx.AsyncClient) -> None:
    task = {"verifier": "oracle"}
    [results, fine] = await grade(client, {**item("1", "2", shaping=MAJORITY), "task": task}, item("1"))
    assert [result["status"] for result in results] == ["invalid_task"] * 2
    assert rewards(fine) == [1.0]


async def test_what_is_kept_is_unshaped(client: httpx.AsyncClient, queue: Any) -> None:
    [shaped] = await grade(client, item("1", "xx1", shaping=LENGTH))
    [plain] = await grade(client, item("1", "xx1"))
    [again] = await grade(client, item("1", "xx1", shaping=LENGTH))
    assert rewards(plain) == [1.0, 1.0]
    assert plain[0]["parts"] == {"answer": 1.0}
    assert rewards(again) == rewards(shaped)
    assert [result["cached"] for result in shaped + plain + again] == [False] * 2 + [True] * 4
    assert queue.judged == 2


async def test_equal_responses_of_a_group_are_judged_once(client: httpx.AsyncClient, queue: Any) -> None:
    [results] = await grade(client, item("2", "2", "1", shaping=MAJORITY))
    assert (rewards(results), queue.judged) == ([1.0, 1.0, 0.0], 2)


async def test_an_unshaped_request_follows_a_shaped_one(client: httpx.AsyncClient, queue: Any) -> None:
    queue.holding = True
    asked = [asyncio.create_task(grade(client, item("1", "xx1", shaping=s))) for s in (LENGTH, None)]
    while queue.judged < 2:
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    queue.release()
    [[shaped], [plain]] = await asyncio.gather(*asked)
    assert rewards(shaped) == pytest.approx([factor(-1), factor(1)])
    assert (rewards(plain), queue.judged) == ([1.0, 1.0], 2)


async def test_a_refused_response_is_in_its_group(client: httpx.AsyncClient) -> None:
    [results] = await grade(client, item("\ud800", "1", "1", shaping=MAJORITY))
    assert [(result["reward"], result["outcome"]) for result in results] == [
        (0.0, "unparsed"),
        (1.0, "correct"),
        (1.0, "correct"),
    ]


async def test_a_stream_holds_a_group_until_it_is_complete(client: httpx.AsyncClient, queue: Any) -> None:
    """Its first results are there long before the last; then all of the group's lines come together, shaped."""
    queue.holding = True
    items = [item("1", "xx1", "wrong", shaping=LENGTH), item("1", "2", task={"verifier": "math", "answer": "1"})]
    asked = asyncio.create_task(client.post("/v1/grade", content=json.dumps({"items": items}), headers=STREAM))
    while not queue.waiting:
        await asyncio.sleep(0)
    [ticket] = queue.waiting
    first, *rest = ticket.jobs
    ticket.jobs[:] = [first]
    deliver = ticket.deliver
    for job in [first, *reversed(rest)]:  # of the group: places 0 and 1, at the very end place 2
        for index, result in enumerate(queue._results(job)):
            deliver(job, index, result)
    queue.waiting.clear()
    answer = await asked
    *lines, _ = answer.text.splitlines()
    told = [StreamLine.model_validate_json(line) for line in lines]
    assert [(line.item, line.response) for line in told] == [(1, 0), (1, 1), (0, 0), (0, 1), (0, 2)]
    assert [line.result.reward for line in told[2:]] == pytest.approx([factor(-1), factor(1), 0])


async def test_metrics_count_what_was_paid(client: httpx.AsyncClient) -> None:
    await grade(client, item("2", "2", "1", shaping=MAJORITY, source="ttrl"))
    lines = (await client.get("/metrics")).text.splitlines()
    assert 'veriward_source_reward_sum{source="ttrl"} 2.0' in lines


async def test_the_request_names_what_is_wrong_with_group_shaping(client: httpx.AsyncClient) -> None:
    refused = await client.post("/v1/grade", content=json.dumps({"items": [item("1", shaping=[{"kind": "fun"}])]}))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "items[0].group_shaping[0].kind"


async def test_a_task_shaped_by_its_tools_gets_the_messages(client: httpx.AsyncClient, queue: Any) -> None:
    call: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [{}]}
    chat = [call, {"role": "tool", "content": "1"}, {"role": "assistant", "content": "1"}]
    [[result]] = await grade(client, {"task": {**TASK, "preset": "otc"}, "responses": [chat]})
    assert result["parts"]["shaping.tool_use"] == pytest.approx(0.8660254)
