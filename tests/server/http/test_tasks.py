"""Tasks by content hash: stored, named by ref, read back only by whoever may."""

import json
from hashlib import sha256
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from veriward.server.task_store import ENTRY_BYTES, TaskStore
from veriward.verifiers import Task, Verifier, correct
from veriward.wire import Problem, PutTasksResponse, StoredTask

TASK = {"verifier": "math", "answer": "é"}
CANONICAL = '{"answer":"é","verifier":"math"}'
REF = "sha256:" + sha256(CANONICAL.encode()).hexdigest()


async def put(client: httpx.AsyncClient, *tasks: Any) -> httpx.Response:
    return await client.put("/v1/tasks", content=json.dumps({"tasks": tasks}))


async def test_refs_are_content_hashes_in_the_order_sent(client: httpx.AsyncClient) -> None:
    answer = await put(client, {"verifier": "pairs", "answer": "1"}, TASK, {"answer": "é", "verifier": "math"})
    refs = PutTasksResponse.model_validate_json(answer.content).refs
    assert refs[1:] == [REF, REF]
    assert refs[0] != REF


async def test_a_ref_grades_as_its_task_does(client: httpx.AsyncClient, queue: Any) -> None:
    await put(client, TASK)
    for task in ({"ref": REF}, TASK):
        body = json.dumps({"items": [{"task": task, "responses": ["so é", "so e"]}]})
        answer = await client.post("/v1/grade", content=body)
        assert [result["reward"] for result in answer.json()["items"][0]["results"]] == [1.0, 0.0]
    assert queue.judged == 2  # the second from the cache: it is the same task


async def test_a_task_is_read_back_only_with_the_scope(running: Any) -> None:
    async with running(api_keys="grader,reader:tasks:read") as client:
        for key, task in (("grader", None), ("reader", TASK)):
            headers = {"authorization": f"Bearer {key}"}
            await client.put("/v1/tasks", content=json.dumps({"tasks": [TASK]}), headers=headers)
            answer = await client.get(f"/v1/tasks/{REF}", headers=headers)
            told = StoredTask.model_validate_json(answer.content)
            assert (told.ref, told.verifier, told.task) == (REF, "math", task)
            assert 0 < told.expires_seconds <= 24 * 3600
            assert ("é" in answer.text) == (key == "reader")


async def test_without_keys_nobody_reads_a_task_back(client: httpx.AsyncClient) -> None:
    await put(client, TASK)
    assert (await client.get(f"/v1/tasks/{REF}")).json()["task"] is None


BAD_TASKS: dict[str, tuple[list[Any], list[str]]] = {
    "no tasks": ([], ["tasks"]),
    "a task that is no object": ([TASK, "x"], ["tasks[1]"]),
    "every task at fault, by its first faulty field": (
        [TASK, {"verifier": "maths"}, {"verifier": "math"}, {**TASK, "weight": "x"}, {**TASK, "weight": float("nan")}],
        ["tasks[1].verifier", "tasks[2].answer", "tasks[3].weight", "tasks[4].weight"],
    ),
    "a task of 101 fields": ([{"verifier": "math", **{f"f{n}": 1 for n in range(100)}}], ["tasks[0].task"]),
    "a ref": ([{"ref": REF}], ["tasks[0].ref"]),
    "a lone surrogate": ([{**TASK, "answer": "\ud800"}], ["tasks[0].answer"]),
    "10,001 tasks": ([TASK] * 10_001, ["tasks"]),
}


@pytest.mark.parametrize("case", BAD_TASKS.values(), ids=BAD_TASKS)
async def test_one_bad_task_and_none_is_kept(client: httpx.AsyncClient, case: tuple[list[Any], list[str]]) -> None:
    tasks, fields = case
    answer = await put(client, *tasks)
    problem = Problem.model_validate_json(answer.content)
    assert (answer.status_code, problem.code) == (422, "invalid_request")
    assert [error.field for error in problem.errors] == fields
    assert (await client.get(f"/v1/tasks/{REF}")).status_code == 404


async def test_more_than_the_store_holds_is_refused(running: Any) -> None:
    async with running(tasks_bytes=10_000) as client:
        assert (await put(client, *[{**TASK, "answer": f"{n:0200}"} for n in range(10)])).status_code == 200
        answer = await put(client, *[{**TASK, "answer": f"{n:0200}"} for n in range(20)])
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


class OneField(Task):
    """One field."""

    x: str


def store_of(max_entries: int, clock: Any) -> TaskStore:
    task: type[BaseModel] = OneField
    verifiers = {"v": Verifier("v", 1, task, lambda *_: correct())}
    return TaskStore(verifiers, max_entries * (len('{"x":"0"}') + ENTRY_BYTES), ttl_seconds=100.0, clock=clock)


def test_the_store_drops_the_least_used_past_its_bytes() -> None:
    store = store_of(3, lambda: 0.0)
    refs = [store.put(store.resolve({"verifier": "v", "x": str(n)})) for n in range(3)]
    store.resolve({"ref": refs[0]})
    refs.append(store.put(store.resolve({"verifier": "v", "x": "3"})))
    assert [store.get(ref) is not None for ref in refs] == [True, False, True, True]


def test_a_task_expires_a_time_after_its_last_use() -> None:
    now = 0.0
    store = store_of(3, lambda: now)
    used, unused = (store.put(store.resolve({"verifier": "v", "x": x})) for x in "01")
    now = 60.0
    store.resolve({"ref": used})
    now = 120.0
    assert (store.get(unused), store.get(used) is not None) == (None, True)
    now = 221.0
    assert (store.get(used), len(store), store.bytes) == (None, 0, 0)
