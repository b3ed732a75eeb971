"""What the dashboard's routes tell, to whom, and the headers that guard its page."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from veriward.server.dashboard.pages import FILES, FOLDER
from veriward.server.dashboard.recent import ITEMS_PER_SECOND, MAX_RESPONSES, MAX_TASK_BYTES, MAX_TEXT_CHARS
from veriward.server.dashboard.routes import PAGE
from veriward.wire import Overview, RecentItems, RolloutDetail

OWN, OTHER, AUDITOR = ({"authorization": f"Bearer {key}"} for key in ("own", "other", "auditor"))


def item(answer: str, *responses: Any, **more: Any) -> dict[str, Any]:
    return {"task": {"verifier": "math", "answer": answer}, "responses": list(responses), **more}


async def grade(client: httpx.AsyncClient, *items: dict[str, Any], **headers: str) -> None:
    answer = await client.post("/v1/grade", json={"items": list(items)}, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.fixture
async def keyed(running: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with running(api_keys="own,other,auditor:tasks:read") as client:
        yield client


@pytest.mark.parametrize("path", FILES)
async def test_the_page_is_open_and_guarded(keyed: httpx.AsyncClient, path: str) -> None:
    answer = await keyed.get(path)
    assert answer.status_code == 200
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_every_file_of_the_page_is_served_and_none_beside_it(client: httpx.AsyncClient) -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(FILES.values())
    for path in ("/dashboard/", "/dashboard/..%2fpages.py", "/dashboard/none.js", "/dashboard/../pages.py"):
        assert (await client.get(path)).status_code == 404


def test_the_page_loads_nothing_from_elsewhere_and_builds_no_markup_from_text() -> None:
    for path in FOLDER.iterdir():
        text = path.read_text()
        assert set(re.findall(r"https?://[^\"'\s)]+", text)) <= {"http://www.w3.org/2000/svg"}, path.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b", text), (
            path.name
        )
        assert not re.search(r"<[^>]+\s(on\w+|style)=", text), path.name


async def test_what_is_shown_needs_a_key(keyed: httpx.AsyncClient) -> None:
    for path in ("/v1/overview", "/v1/rollouts", "/v1/rollouts/1"):
        assert (await keyed.get(path)).status_code == 401


async def test_the_overview_tells_each_source(client: httpx.AsyncClient) -> None:
    whole, mixed = item("7", "7", "so 7", source="a"), item("7", "7", "8", "9", source="a")
    broken = {"task": {"verifier": "none"}, "responses": ["x"], "source": "a"}
    await grade(client, whole, mixed, broken, item("7", "8", source="b"))
    told = Overview.model_validate((await client.get("/v1/overview")).json())
    first, second = told.sources
    assert (first.name, first.rollouts, first.statuses) == ("a", 6, {"graded": 5, "invalid_task": 1})
    assert (first.outcomes, first.reward_mean, first.pass_rate) == ({"correct": 3, "wrong": 2}, 0.6, 0.6)
    assert (first.groups, first.groups_all, first.groups_none, first.chars_mean) == (2, 1, 0, 1.6)
    assert (second.name, second.groups, second.reward_mean) == ("b", 0, 0.0)
    assert sum(first.timeline.rollouts) == 6
    assert {one.name: one.statuses for one in told.verifiers}["math"] == {"graded": 6}
    assert told.now.rollouts_per_second > 0
    assert told.queue.workers == 1


async def test_recent_rollouts_are_told_to_who_sent_them_and_to_auditors(keyed: httpx.AsyncClient) -> None:
    await grade(keyed, item("7", "7", "8", id="mine", source="a"), **OWN)
    await grade(keyed, item("7", "9", id="theirs"), **OTHER)

    async def ids(headers: dict[str, str]) -> list[str]:
        told = RecentItems.model_validate((await keyed.get("/v1/rollouts", headers=headers)).json())
        return [one.item_id for one in told.items]

    assert (await ids(OWN), await ids(OTHER), await ids(AUDITOR)) == (["mine"], ["theirs"], ["theirs", "mine"])
    assert (await keyed.get("/v1/rollouts/1", headers=OTHER)).status_code == 404
    detail = RolloutDetail.model_validate((await keyed.get("/v1/rollouts/1", headers=OWN)).json())
    assert [(shown.response, shown.result.reward) for shown in detail.rollouts] == [("7", 1.0), ("8", 0.0)]
    assert detail.task is None
    assert detail.task_fields == {"verifier": "text of 4 characters", "answer": "text of 1 characters"}
    audited = (await keyed.get("/v1/rollouts/1", headers=AUDITOR)).json()
    assert audited["task"] == {"verifier": "math", "answer": "7"}


async def test_a_stored_task_is_told_whole_to_an_auditor_alone(keyed: httpx.AsyncClient) -> None:
    task = {"verifier": "math", "answer": "7"}
    ref = (await keyed.put("/v1/tasks", json={"tasks": [task]}, headers=OWN)).json()["refs"][0]
    await grade(keyed, {"task": {"ref": ref}, "responses": ["7"]}, **OWN)
    assert (await keyed.get("/v1/rollouts/1", headers=OWN)).json()["task"] is None
    audited = (await keyed.get("/v1/rollouts/1", headers=AUDITOR)).json()
    assert (audited["task"], audited["verifier"]) == (task, "math")


async def test_rollouts_are_filtered_and_paged(client: httpx.AsyncClient) -> None:
    for number in range(PAGE + 3):
        await grade(client, item("7", "7" if number % 2 else "8", id=str(number), source=f"s{number}"))
    first = (await client.get("/v1/rollouts")).json()
    assert len(first["items"]) == PAGE
    rest = (await client.get("/v1/rollouts", params={"before": first["before"]})).json()
    assert [one["item_id"] for one in rest["items"]] == ["2", "1", "0"]
    assert rest["before"] is None
    wrong = (await client.get("/v1/rollouts", params={"outcome": "wrong"})).json()["items"]
    assert {one["results"][0]["outcome"] for one in wrong} == {"wrong"}
    assert [one["item_id"] for one in (await client.get("/v1/rollouts?source=s4")).json()["items"]] == ["4"]


BAD = {
    "no number": "/v1/rollouts?before=x",
    "digits of another script": "/v1/rollouts?before=%D9%A1",
    "too many digits": "/v1/rollouts/" + "1" * 16,
    "a source too long": "/v1/rollouts?source=" + "a" * 513,
}


@pytest.mark.parametrize("path", BAD.values(), ids=BAD)
async def test_bad_questions_are_refused(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 422


async def test_what_is_kept_is_a_bounded_sample(client: httpx.AsyncClient, app: Any) -> None:
    recent = app.state.gateway.insight.recent
    many = [item("7", str(number), id=str(number)) for number in range(3 * ITEMS_PER_SECOND)]
    broken = [{"task": {"verifier": "none"}, "responses": ["x"]} for _ in range(3 * ITEMS_PER_SECOND)]
    await grade(client, *many, *broken)
    assert len(recent) == 2 * ITEMS_PER_SECOND
    assert sum(entry.verdicts[0][0] == "invalid_task" for entry in recent._entries) == ITEMS_PER_SECOND


async def test_long_responses_large_groups_and_tasks_are_cut_and_told(running: Any) -> None:
    async with running(api_keys="auditor:tasks:read") as client:
        client.headers.update(AUDITOR)
        many = item("7", "x" * (MAX_TEXT_CHARS + 1), "lone \ud800", *["7"] * MAX_RESPONSES)
        await client.post("/v1/grade", content=json.dumps({"items": [many]}))
        told = (await client.get("/v1/rollouts/1")).json()
        assert (len(told["rollouts"]), told["left_out"]) == (MAX_RESPONSES, 2)
        assert (len(told["rollouts"][0]["response"]), told["rollouts"][0]["cut"]) == (MAX_TEXT_CHARS, 1)
        assert told["rollouts"][1]["response"] == "lone ?"
        await grade(client, item("7" * (MAX_TASK_BYTES + 1), "7", source="large"))
        told = (await client.get("/v1/rollouts/2")).json()
        assert told["task"] is None
        assert told["task_fields"]["answer"] == f"text of {MAX_TASK_BYTES + 1:,} characters"
        said = {"role": "assistant", "content": [{"type": "text", "text": "7"}]}
        messages = [{"role": "user", "content": "y" * MAX_TEXT_CHARS}, said]
        await grade(client, item("7", messages, source="chat"))
        (shown,) = (await client.get("/v1/rollouts/3")).json()["rollouts"]
        assert "7" in shown["response"][1]["content"]  # the last message is whole, the first is cut
        assert 0 < shown["cut"] < 100


async def test_memory_and_time_bound_what_is_kept(running: Any) -> None:
    async with running(recent_bytes=20_000) as client:
        for number in range(12):
            await grade(client, item("7", "x" * 3_000, id=str(number), source=str(number)))
        kept = (await client.get("/v1/rollouts")).json()["items"]
        assert 3 <= len(kept) <= 6
        assert kept[0]["item_id"] == "11"
    async with running(recent_seconds=0.000_001) as client:
        await grade(client, item("7", "7"))
        assert (await client.get("/v1/rollouts")).json()["items"] == []
    async with running(recent_bytes=0) as client:
        await grade(client, item("7", "7"))
        assert (await client.get("/v1/rollouts")).json()["items"] == []
        assert (await client.get("/v1/overview")).json()["rollouts_kept_seconds"] == 0
