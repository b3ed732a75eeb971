"""Jobs on a server by itself: submitted once, told of, followed from any result on, cancelled, forgotten in time."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import httpx
import pytest

from veriward.server.auth import ANYONE
from veriward.server.batch import Batch
from veriward.server.jobs_desk import JobDesk
from veriward.server.jobs_table import JobHead
from veriward.server.problems import Refusal
from veriward.wire import JobState


def body(*responses: str, **more: Any) -> dict[str, Any]:
    return {"items": [{"id": "a", "task": {"verifier": "math", "answer": "7"}, "responses": list(responses)}], **more}


async def submit(client: httpx.AsyncClient, *responses: str, **headers: str) -> dict[str, Any]:
    answer = await client.post("/v1/jobs", json=body(*responses), headers=headers)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    told: dict[str, Any] = answer.json()
    JobState.model_validate(told)
    return told


async def ended(client: httpx.AsyncClient, id: str) -> dict[str, Any]:
    answer = await client.get(f"/v1/jobs/{id}", params={"wait": 30})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    JobState.model_validate(told)
    return told


def events(text: str) -> list[tuple[int, str, Any]]:
    """(id, event, data) of each."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith((":", "retry")))
        if fields:
            found.append((int(fields["id"]), fields.get("event", "message"), json.loads(fields["data"])))
    return found


async def test_a_job_is_answered_at_once_and_its_results_are_those_of_grade(client: Any, queue: Any) -> None:
    queue.holding = True
    told = await submit(client, "7", "8")
    assert (told["state"], told["rollouts"], told["answered"]) == ("running", 2, 0)
    assert "items" not in told
    waiting = asyncio.create_task(ended(client, told["id"]))
    await asyncio.sleep(0)
    queue.holding = False
    queue.release()
    done = await waiting
    assert (done["state"], done["answered"]) == ("finished", 2)
    assert 0 < done["kept_seconds"] <= 3600
    graded = (await client.post("/v1/grade", json=body("7", "8"))).json()
    bare = [
        [{**one, "cached": 0, "seconds": 0} for one in item["results"]] for item in (*done["items"], *graded["items"])
    ]
    assert bare[0] == bare[1]
    assert [one["reward"] for one in bare[0]] == [1.0, 0.0]


async def test_without_a_wait_a_running_job_is_told_at_once(client: Any, queue: Any) -> None:
    queue.holding = True
    told = await submit(client, "7")
    assert (await client.get(f"/v1/jobs/{told['id']}")).json()["state"] == "running"
    queue.release()


WAITS = {"below zero": "-1", "too long": "61", "no number": "soon", "not a number": "nan", "endless": "inf"}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
async def test_a_wait_is_bounded(client: Any, wait: str) -> None:
    told = await submit(client, "7")
    answer = await client.get(f"/v1/jobs/{told['id']}", params={"wait": wait})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "wait")
    assert (await client.get(f"/v1/jobs/{told['id']}", params={"wait": "60"})).status_code == 200


async def test_the_same_key_and_body_are_one_job(client: Any, queue: Any) -> None:
    first = await submit(client, "7", **{"idempotency-key": "k"})
    again = await submit(client, "7", **{"idempotency-key": "k"})
    other = await submit(client, "7", **{"idempotency-key": "l"})
    assert first["id"] == again["id"] != other["id"]
    refused = await client.post("/v1/jobs", json=body("8"), headers={"idempotency-key": "k"})
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_mismatch")


async def test_a_refused_request_leaves_no_job(client: Any, queue: Any) -> None:
    queue.full = 3.0
    answer = await client.post("/v1/jobs", json=body("7"), headers={"idempotency-key": "k"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert (await client.post("/v1/jobs", json={"items": []})).status_code == 422
    assert (await client.post("/v1/jobs", content=b"{")).status_code == 400
    queue.full = None
    assert (await ended(client, (await submit(client, "7", **{"idempotency-key": "k"}))["id"]))["state"] == "finished"
    metrics = (await client.get("/metrics")).text
    assert "veriward_bodies_bytes 0.0" in metrics
    assert "veriward_jobs_submitted_total 1.0" in metrics


async def test_cancelling_drops_what_waits_and_keeps_what_was_graded(client: Any, queue: Any) -> None:
    queue.holding = True
    asked = {"items": [{"task": {"verifier": "pairs", "answer": "7"}, "responses": ["7", "8", "07"]}]}
    told = (await client.post("/v1/jobs", json=asked)).json()
    queue.release_last()
    cancelled = (await client.delete(f"/v1/jobs/{told['id']}")).json()
    assert (cancelled["state"], cancelled["answered"]) == ("cancelled", 3)
    assert queue.cancelled == 2
    done = await ended(client, told["id"])
    assert done["state"] == "cancelled"
    (results,) = [item["results"] for item in done["items"]]
    assert [(one["status"], one["reward"]) for one in results] == [
        ("cancelled", None), ("cancelled", None), ("graded", 1.0),
    ]  # fmt: skip
    assert (await client.delete(f"/v1/jobs/{told['id']}")).json()["state"] == "cancelled"


async def test_a_job_that_has_ended_is_not_cancelled(client: Any) -> None:
    told = await submit(client, "7")
    await ended(client, told["id"])
    assert (await client.delete(f"/v1/jobs/{told['id']}")).json()["state"] == "finished"


async def test_events_come_in_order_and_go_on_from_any_of_them(client: Any) -> None:
    told = await submit(client, "7", "8", "9")
    whole = await client.get(f"/v1/jobs/{told['id']}/events")
    assert whole.headers["content-type"].startswith("text/event-stream")
    seen = events(whole.text)
    assert [(number, kind) for number, kind, _ in seen] == [
        (1, "message"), (2, "message"), (3, "message"), (3, "end"),
    ]  # fmt: skip
    assert {(data["item"], data["response"]) for _, _, data in seen[:3]} == {(0, 0), (0, 1), (0, 2)}
    assert seen[3][2] == {"done": True, "request_id": told["request_id"], "results": 3}
    for last in range(4):
        rest = await client.get(f"/v1/jobs/{told['id']}/events", headers={"last-event-id": str(last)})
        assert events(rest.text) == seen[last:]


async def test_events_are_followed_while_the_job_runs(client: Any, queue: Any) -> None:
    queue.holding = True
    told = await submit(client, "7", "8")
    following = asyncio.create_task(client.get(f"/v1/jobs/{told['id']}/events"))
    await asyncio.sleep(0)
    queue.release()
    assert [number for number, _, _ in events((await following).text)] == [1, 2, 2]


IDS = {"past the end": "3", "no number": "x", "below zero": "-1", "far too long": "1" * 4_000}


@pytest.mark.parametrize("last", IDS.values(), ids=IDS)
async def test_an_id_that_no_event_has_is_refused(client: Any, last: str) -> None:
    told = await submit(client, "7", "8")
    answer = await client.get(f"/v1/jobs/{told['id']}/events", headers={"last-event-id": last})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Last-Event-ID")


async def test_another_keys_job_is_unknown_as_one_that_never_was(running: Any) -> None:
    async with running(api_keys="one,two") as client:
        mine, theirs = ({"authorization": f"Bearer {key}"} for key in ("one", "two"))
        told = await submit(client, "7", **mine, **{"idempotency-key": "k"})
        path = f"/v1/jobs/{told['id']}"
        for method, where in (("GET", path), ("DELETE", path), ("GET", f"{path}/events")):
            foreign = await client.request(method, where, headers=theirs)
            nobodys = await client.request(method, where.replace(told["id"], "0" * 32), headers=mine)
            assert foreign.status_code == nobodys.status_code == 404
            assert foreign.json()["code"] == nobodys.json()["code"] == "job_unknown"
            assert foreign.json()["detail"] == nobodys.json()["detail"].replace("0" * 32, told["id"])
        assert (await client.get(path, headers=mine)).status_code == 200
        assert (await client.get(path)).status_code == 401
        own = await submit(client, "8", **theirs, **{"idempotency-key": "k"})  # keys name jobs of their own
        assert own["id"] != told["id"]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def head(id: str) -> JobHead:
    return JobHead(id, ANYONE.key_digest, b"f", "r", [1], [""], 0.0, 30.0)


async def ended_job(desk: JobDesk, id: str, size: int = 1) -> None:
    batch = Batch("r", [1], [""])
    await desk.submit(head(id), b"", lambda: batch)
    batch.fill(0, 0, b"x" * size)


async def known(desk: JobDesk, *ids: str) -> list[str]:
    found = []
    for id in ids:
        with suppress(Refusal):
            found.append((await desk.look(id, ANYONE.key_digest)).head.id)
    return found


async def test_an_ended_job_is_forgotten_after_its_time() -> None:
    clock = Clock()
    desk = JobDesk(60.0, 1 << 20, clock)
    await ended_job(desk, "a")
    clock.now = 59.0
    await ended_job(desk, "b")
    assert await known(desk, "a", "b") == ["a", "b"]
    clock.now = 60.0
    assert await known(desk, "a", "b") == ["b"]
    assert desk.evicted == 0
    clock.now = 119.0
    assert await known(desk, "b") == []
    assert desk.bytes == 0


async def test_ended_jobs_are_bounded_in_bytes_and_the_last_can_be_read_however_large() -> None:
    desk = JobDesk(60.0, 10_000, Clock())
    for id in ("a", "b", "c"):
        await ended_job(desk, id, 3_000)
    assert await known(desk, "a", "b", "c") == ["b", "c"]
    await ended_job(desk, "d", 20_000)
    assert await known(desk, "b", "c", "d") == ["d"]
    assert desk.evicted == 3


async def test_a_running_job_is_not_forgotten() -> None:
    clock = Clock()
    desk = JobDesk(60.0, 1, clock)
    await desk.submit(head("a"), b"", lambda: Batch("r", [1], [""]))
    clock.now = 10_000.0
    assert await known(desk, "a") == ["a"]


async def test_a_client_that_goes_away_does_not_cancel_the_job(client: Any, queue: Any) -> None:
    queue.holding = True
    told = await submit(client, "7")
    following = asyncio.create_task(client.get(f"/v1/jobs/{told['id']}/events"))
    for _ in range(20):  # turns of the loop: it waits by then
        await asyncio.sleep(0)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    queue.release()
    assert (await ended(client, told["id"]))["state"] == "finished"
    assert queue.cancelled == 0
