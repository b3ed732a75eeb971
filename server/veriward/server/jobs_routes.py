"""`/v1/jobs`: rewards without holding a connection: submitted, waited for, followed, cancelled."""

import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from pydantic_core import to_json

from veriward.server.admission import begun, bring
from veriward.server.auth import Caller
from veriward.server.batch import Batch, Place
from veriward.server.body import body_bytes, read_body
from veriward.server.edge import Arrival, arrival
from veriward.server.gateway import Gateway
from veriward.server.grade import grading, parse_grade
from veriward.server.idempotency import Sent
from veriward.server.jobs_events import EVENT_STREAM, EventStream, last_seen
from veriward.server.jobs_held import HeldJob
from veriward.server.jobs_table import JobHead, JobView, Line, Taken
from veriward.server.openapi import documented
from veriward.server.problems import invalid_fields
from veriward.server.raw_route import add_raw_route
from veriward.server.rendering import items_json
from veriward.wire import FieldError, GradeItem, GradeRequest, JobState
from veriward.wire.jobs import MAX_JOB_WAIT_SECONDS

PATH = "/v1/jobs"
LINES_AT_A_TIME = 2_000
LOOK_SECONDS = 1.0  # a server that is told to stop answers who waits so soon
LEAST_SECONDS = 0.001


def add_jobs(app: FastAPI, gateway: Gateway) -> None:
    desk, settings = gateway.jobs, gateway.settings
    kind = grading(gateway, lambda body: parse_grade(body, settings.max_responses))

    async def submit_job(request: Request) -> Response:
        """Grade a body as of `/v1/grade`, and answer at once: under the same `Idempotency-Key`, once."""
        came = arrival(request.scope)
        size = body_bytes(came.headers, settings.max_body_bytes)
        gateway.bodies.take(size)
        held = False

        def begin() -> Batch:
            nonlocal held
            batch = begun(gateway, came, kind, asked)
            held = True
            batch.at_end(lambda: gateway.bodies.give(size))
            return batch

        try:
            body = await read_body(request.receive, settings.max_body_bytes)
            asked = kind.parse(body)
            came.rollouts = kind.rollouts(asked)
            if gateway.shared is not None:
                await bring(kind, asked, gateway.shared)
            view = await desk.submit(_head(came, asked, body), body, begin)
        finally:
            if not held:
                gateway.bodies.give(size)
        return _told(view, 202, {"location": f"{PATH}/{view.head.id}"})

    async def get_job(request: Request) -> Response:
        """How far a job is, and once it has ended its results. With `wait`, not before that or so many seconds."""
        id, caller = request.path_params["job"], arrival(request.scope).caller.key_digest
        until = time.monotonic() + _wait_seconds(request.query_params.get("wait", "0"))
        view = await desk.look(id, caller)
        while view.state == "running" and not gateway.draining and (left := until - time.monotonic()) > 0:
            await desk.more(id, view.answered, min(left, LOOK_SECONDS))
            view = await desk.look(id, caller)
        if view.state == "running":
            return _told(view)
        slots: list[list[bytes]] = [[b""] * count for count in view.head.counts]
        at = 0
        while at < view.head.rollouts:
            lines = (await desk.look(id, caller, at, LINES_AT_A_TIME)).lines
            for item, response, result in lines:
                slots[item][response] = result
            at += len(lines)
        return _told(view, items=items_json(view.head.ids, slots))

    async def follow_job(request: Request) -> Response:
        """The results of a job as they come, and those that came before; go on where one left by `Last-Event-ID`."""
        id, came = request.path_params["job"], arrival(request.scope)
        view = await desk.look(id, came.caller.key_digest)
        seen = last_seen(came.headers.get(b"last-event-id", b""), view.head.rollouts)
        return EventStream(gateway, id, came.caller.key_digest, seen)

    async def cancel_job(request: Request) -> Response:
        """Drop what waits of a job and kill what runs; what was graded stays. One that has ended is left as it is."""
        id, caller = request.path_params["job"], arrival(request.scope).caller.key_digest
        return _told(await desk.cancel(id, caller))

    def resume(taken: Taken) -> HeldJob:
        asked, places = rest_of(parse_grade(taken.body, settings.max_responses), taken.lines)
        left = max(asked.deadline_seconds - taken.seconds, LEAST_SECONDS)
        came = Arrival(taken.head.request_id, {}, Caller(taken.head.caller))
        batch = kind.begin(asked.model_copy(update={"deadline_seconds": left}), came)
        return HeldJob(taken.head, batch, taken.body, taken.lines, places)

    gateway.resume_job = resume
    answers = documented(GradeRequest, JobState)
    answers["responses"][202] = answers["responses"].pop(200)
    add_raw_route(app, PATH, submit_job, "POST", answers)
    one = PATH + "/{job}"
    wait = {"type": "number", "minimum": 0, "maximum": MAX_JOB_WAIT_SECONDS}
    add_raw_route(app, one, get_job, "GET", _documented(_parameter("wait", "query", wait)))
    follows = _documented(_parameter("last-event-id", "header", {"type": "integer", "minimum": 0}))
    data = "server-sent events; `data` is a `StreamLine`, and of the event `end` a `StreamEnd`"
    follows["responses"][200] = {"content": {EVENT_STREAM: {}}, "description": data}
    add_raw_route(app, f"{one}/events", follow_job, "GET", follows)
    add_raw_route(app, one, cancel_job, "DELETE", _documented())


def _parameter(name: str, where: str, schema: dict[str, Any], required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": schema}


def _documented(*parameters: dict[str, Any]) -> dict[str, Any]:
    documents = documented(None, JobState)
    named = _parameter("job", "path", {"type": "string"}, required=True)
    documents["openapi_extra"] = {"parameters": [named, *parameters]}
    return documents


def rest_of(asked: GradeRequest, lines: Sequence[Line]) -> tuple[GradeRequest, dict[Place, Place]]:
    """The request for what has no line yet, and where its results belong in the whole."""
    there = {(item, response) for item, response, _ in lines}
    items: list[GradeItem] = []
    places: dict[Place, Place] = {}
    for at, item in enumerate(asked.items):
        missing = [place for place in range(len(item.responses)) if (at, place) not in there]
        places.update({(len(items), own): (at, place) for own, place in enumerate(missing)})
        if missing:
            items.append(item.model_copy(update={"responses": [item.responses[place] for place in missing]}))
    return asked.model_copy(update={"items": items}), places


def _head(came: Arrival, asked: GradeRequest, body: bytes) -> JobHead:
    sent = Sent.of(came.caller, came.headers.get(b"idempotency-key"), PATH, body)
    return JobHead(
        id=uuid4().hex if sent is None else sent.digest.hex()[:32],
        caller=came.caller.key_digest,
        fingerprint=sha256(body).digest(),
        request_id=came.request_id,
        counts=[len(item.responses) for item in asked.items],
        ids=[item.id for item in asked.items],
        submitted_at=round(time.time(), 3),
        deadline_seconds=asked.deadline_seconds,
    )


def _wait_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_JOB_WAIT_SECONDS:
        raise invalid_fields([FieldError(field="wait", message=f"must be 0 to {MAX_JOB_WAIT_SECONDS} seconds")])
    return seconds


def _told(view: JobView, status: int = 200, headers: dict[str, str] | None = None, items: bytes = b"") -> Response:
    head = view.head
    state = JobState(
        id=head.id,
        request_id=head.request_id,
        state=view.state,
        rollouts=head.rollouts,
        answered=view.answered,
        submitted_at=head.submitted_at,
        kept_seconds=None if view.kept_seconds is None else round(view.kept_seconds, 3),
    )
    body = to_json(state, exclude_none=True)
    if items:
        body = b'%b,"items":%b}' % (body[:-1], items)
    return Response(body, status, headers, "application/json")
