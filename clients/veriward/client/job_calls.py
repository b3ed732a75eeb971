"""What a client can ask of jobs, each call once, as a conversation; `Job` and `AsyncJob` drive these."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from veriward.client.calls import ASK_SECONDS, Calls
from veriward.client.errors import DeadlineExceeded
from veriward.client.exchange import Conversation, Question, with_deadline
from veriward.client.payload import cut, encode_item, items_json
from veriward.wire import GradeItem, GradeResponse, JobState, Priority
from veriward.wire.jobs import MAX_JOB_WAIT_SECONDS

JOB_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class JobCalls:
    """Every method raises a `VeriwardError` when there is no answer."""

    calls: Calls

    def submit(
        self,
        items: Sequence[GradeItem | Mapping[str, Any]],
        deadline_seconds: float,
        priority: Priority,
        idempotency_key: str | None,
    ) -> Conversation[str]:
        """The new job's id."""
        groups = [encode_item(item) for item in items]
        if not groups:
            raise ValueError("nothing to grade: give at least one item")
        requests = list(cut(groups, self.calls.limits.responses, self.calls.limits.body_bytes))
        if len(requests) > 1:
            raise ValueError(f"a server takes these items in {len(requests)} parts: submit so many jobs")
        body = with_deadline(b'{"items":' + items_json(groups, requests[0]), priority, deadline_seconds)
        question = Question("POST", "/v1/jobs", body, idempotency_key)
        return (yield from self.calls.ask(question, JobState, ASK_SECONDS)).id

    def state(self, job: str) -> Conversation[JobState]:
        return (yield from self.calls.ask(Question("GET", f"/v1/jobs/{job}"), JobState, ASK_SECONDS))

    def wait(self, job: str, deadline_seconds: float) -> Conversation[GradeResponse]:
        """The results, once all are there. Raises `DeadlineExceeded`; the job goes on."""
        clock = self.calls.asker.chance.clock
        began = clock()
        while True:
            left = began + deadline_seconds - clock()
            seconds = min(MAX_JOB_WAIT_SECONDS, max(0, math.ceil(left)))
            question = Question("GET", f"/v1/jobs/{job}?wait={seconds}")
            told = yield from self.calls.ask(question, JobState, seconds + ASK_SECONDS)
            if told.items is not None:
                return GradeResponse(request_id=told.request_id, items=told.items)
            self.calls.expect(told.state == "running", question, "no items of a job that has ended")
            if left <= 0:
                raise DeadlineExceeded(self.calls.asker.servers.current, f"GET /v1/jobs/{job}", clock() - began)

    def follow(self, job: str, seen: int) -> Conversation[httpx.Response]:
        """The open stream of its events, after the `seen` first."""
        headers = (("Accept", "text/event-stream"), ("Last-Event-ID", str(seen)))
        question = Question("GET", f"/v1/jobs/{job}/events", stream=True, headers=headers)
        return (yield from self.calls.asker.ask(question, ASK_SECONDS))

    def cancel(self, job: str) -> Conversation[JobState]:
        return (yield from self.calls.ask(Question("DELETE", f"/v1/jobs/{job}"), JobState, ASK_SECONDS))
