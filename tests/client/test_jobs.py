"""Jobs through both clients: submitted whole, waited for in pieces, followed over connections that break."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from veriward.client import AsyncClient, Client, DeadlineExceeded, Limits, RequestRefused, StreamBroken

ITEM = {"task": {"verifier": "same", "answer": "a"}, "responses": ["a", "b", "c"]}
RESULT = {"status": "graded", "reward": 1.0, "outcome": "correct"}

Used = Callable[..., Any]


def state(name: str = "running", answered: int = 0, **more: Any) -> str:
    told = {"id": "j", "request_id": "r", "state": name, "rollouts": 3, "answered": answered, "submitted_at": 1.0}
    return json.dumps(told | more)


FINISHED = state("finished", 3, items=[{"id": "", "results": [RESULT] * 3}])


def event(number: int) -> str:
    return f"id: {number}\ndata: {json.dumps({'item': 0, 'response': number - 1, 'result': RESULT})}\n\n"


END = 'event: end\nid: 3\ndata: {"done": true, "request_id": "r", "results": 3}\n\n'


@pytest.fixture(params=["Job", "AsyncJob"])
def used(request: pytest.FixtureRequest, standin: Any) -> Used:
    """`used("wait", …)`: a call of either job, or `submit` of either client."""

    def blocking(call: str, *args: Any, client: dict[str, Any] | None = None, **named: Any) -> Any:
        with Client(standin.url, **(client or {})) as made:
            if call == "submit":
                return made.submit(*args, **named).id
            answer = getattr(made.job("j"), call)(*args, **named)
            return list(answer) if call == "events" else answer

    def awaited(call: str, *args: Any, client: dict[str, Any] | None = None, **named: Any) -> Any:
        async def main() -> Any:
            async with AsyncClient(standin.url, **(client or {})) as made:
                if call == "submit":
                    return (await made.submit(*args, **named)).id
                answer = getattr(made.job("j"), call)(*args, **named)
                return [line async for line in answer] if call == "events" else await answer

        return asyncio.run(main())

    return blocking if request.param == "Job" else awaited


def test_submitting_sends_what_grade_would_and_gives_the_id(used: Used, standin: Any) -> None:
    standin.will_say(state(), 202)
    assert used("submit", [ITEM], deadline_seconds=7.0, priority="low") == "j"
    (seen,) = standin.seen
    assert (seen.method, seen.path, seen.body["items"]) == ("POST", "/v1/jobs", [ITEM])
    assert (seen.body["deadline_seconds"], seen.body["priority"]) == (7.0, "low")
    assert seen.key


def test_a_submission_that_was_cut_off_is_sent_again_under_its_key(used: Used, standin: Any) -> None:
    standin.will_cut_off("{")
    standin.will_say(state(), 202)
    assert used("submit", [ITEM]) == "j"
    first, second = standin.seen
    assert (first.key, first.body) == (second.key, second.body)


TOO_MUCH = {
    "more than a server takes at once": ([ITEM], Limits(responses=2), "submit so many jobs"),
    "nothing": ([], Limits(), "nothing to grade"),
}


@pytest.mark.parametrize(("items", "limits", "said"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_is_no_one_job_is_not_sent(used: Used, standin: Any, items: Any, limits: Limits, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        used("submit", items, client={"limits": limits})
    assert not standin.seen


def test_waiting_asks_again_until_the_job_has_ended(used: Used, standin: Any) -> None:
    standin.will_say(state())
    standin.will_say(state(answered=2))
    standin.will_say(FINISHED)
    response = used("wait", 90.0)
    assert [result.reward for result in response.items[0].results] == [1.0] * 3
    assert response.request_id == "r"
    assert [seen.path for seen in standin.seen] == ["/v1/jobs/j"] * 3


def test_waiting_ends_with_the_deadline_and_the_job_goes_on(used: Used, standin: Any) -> None:
    standin.will_say(state())
    with pytest.raises(DeadlineExceeded):
        used("wait", 0.0)


def test_a_cancelled_jobs_results_are_told(used: Used, standin: Any) -> None:
    standin.will_say(state("cancelled", 3))
    assert used("cancel").state == "cancelled"
    standin.will_say(state("cancelled", 3, items=[{"id": "", "results": [{"status": "cancelled"}] * 3}]))
    assert [result.reward for result in used("wait").items[0].results] == [None] * 3
    assert [(seen.method, seen.path) for seen in standin.seen] == [("DELETE", "/v1/jobs/j"), ("GET", "/v1/jobs/j")]


def test_events_go_on_where_a_connection_broke(used: Used, standin: Any) -> None:
    standin.will_cut_off("retry: 1000\n\n" + event(1) + event(2)[:20])
    standin.will_say(": waiting\n\n" + event(2))  # ended without the event `end`: the server stopped
    standin.will_say(event(3) + END)
    assert [line.response for line in used("events")] == [0, 1, 2]
    assert [seen.headers["last-event-id"] for seen in standin.seen] == ["0", "1", "2"]
    assert {seen.headers["accept"] for seen in standin.seen} == {"text/event-stream"}


BROKEN = {
    "a number that is missing": [event(1) + event(3)],
    "a result that is none": ["id: 1\ndata: {}\n\n"],
    "never a result": [""] * 5,
}


@pytest.mark.parametrize("said", BROKEN.values(), ids=BROKEN)
def test_events_that_cannot_be_read_are_an_error(used: Used, standin: Any, said: list[str]) -> None:
    for text in said:
        standin.will_say(text)
    with pytest.raises(StreamBroken):
        used("events")


def test_an_unknown_job_is_refused(used: Used, standin: Any) -> None:
    for call in ("state", "wait", "events", "cancel"):
        standin.will_refuse(404, "job_unknown", "there is no job 'j'")
        with pytest.raises(RequestRefused, match="there is no job 'j'"):
            used(call)
