"""`/v1/sessions`: stateful Python, opened, run, forked, reset, looked at and closed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from veriward.server.body import ClientGone, body_bytes, parse_json, read_body
from veriward.server.edge import arrival
from veriward.server.envelope import MAX_FIELDS, check
from veriward.server.gateway import Gateway
from veriward.server.openapi import documented
from veriward.server.problems import Refusal
from veriward.server.raw_route import add_raw_route
from veriward.server.session_requests import SessionRequests
from veriward.wire import (
    CellRequest,
    CellResult,
    ErrorCode,
    ForkRequest,
    ResetRequest,
    SessionClosed,
    SessionList,
    SessionRequest,
    SessionState,
)

Model = TypeVar("Model", bound=BaseModel)
Work = Callable[[SessionRequests, bytes, str], Awaitable[BaseModel]]
WATCH_AFTER_SECONDS = 0.02  # most answers are there by then, and need no task that listens for a hang-up


def add_sessions(app: FastAPI, gateway: Gateway) -> None:
    async def answered(request: Request, work: Work) -> Response:
        """What `work` makes of the body, once per `Idempotency-Key`; it is cancelled when the client hangs up."""
        came = arrival(request.scope)
        most = gateway.settings.max_body_bytes
        size = body_bytes(came.headers, most)
        gateway.bodies.take(size)
        try:
            body = await read_body(request.receive, most)
            requests = SessionRequests(gateway.running_sessions(), gateway.settings, came)

            async def begin() -> bytes:
                return (await work(requests, body, came.request_id)).model_dump_json().encode()

            name, path = came.headers.get(b"idempotency-key"), request.scope["path"]
            once = gateway.once.answer(came.caller, name, path, body, begin)
            return Response(await _while_there(once, request), media_type="application/json")
        finally:
            gateway.bodies.give(size)

    async def open_sessions(request: Request) -> Response:
        """Open `count` sessions alike, or none."""
        return await answered(request, lambda asked, body, rid: asked.open(_parsed(SessionRequest, body), rid))

    async def run_cell(request: Request, session: str) -> Response:
        """Run a cell in a session. A client that hangs up interrupts it."""

        async def work(asked: SessionRequests, body: bytes, _: str) -> CellResult:
            result = await asked.run(session, _parsed(CellRequest, body))
            gateway.session_cells[result.status] += 1
            return result

        return await answered(request, work)

    async def fork_session(request: Request, session: str) -> Response:
        """Open `count` sessions that begin with the state and the files of this one."""
        return await answered(request, lambda asked, body, rid: asked.fork(session, _parsed(ForkRequest, body), rid))

    async def reset_session(request: Request, session: str) -> Response:
        """Let a session begin anew under its id."""
        return await answered(request, lambda asked, body, _: asked.reset(session, _parsed(ResetRequest, body)))

    async def get_session(request: Request, session: str) -> SessionState:
        """What a session is at. Does not count as use."""
        return await SessionRequests(gateway.running_sessions(), gateway.settings, arrival(request.scope)).look(session)

    async def close_session(request: Request, session: str) -> SessionClosed:
        """End a session, with whatever it runs."""
        requests = SessionRequests(gateway.running_sessions(), gateway.settings, arrival(request.scope))
        return await requests.close(session)

    one = "/v1/sessions/{session}"
    add_raw_route(app, "/v1/sessions", open_sessions, "POST", documented(SessionRequest, SessionList))
    for action, endpoint, body, answer in (
        ("run", run_cell, CellRequest, CellResult),
        ("fork", fork_session, ForkRequest, SessionList),
        ("reset", reset_session, ResetRequest, SessionState),
    ):
        add_raw_route(app, f"{one}/{action}", _named(endpoint), "POST", documented(body, answer))
    app.add_api_route(one, get_session, methods=["GET"], **documented(None, SessionState))
    app.add_api_route(one, close_session, methods=["DELETE"], **documented(None, SessionClosed))


def _named(endpoint: Callable[[Request, str], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """As a raw route calls it; the session's id is in the path."""

    async def route(request: Request) -> Response:
        return await endpoint(request, request.path_params["session"])

    route.__name__, route.__doc__ = endpoint.__name__, endpoint.__doc__
    return route


def _parsed(model: type[Model], body: bytes) -> Model:
    value: Any = parse_json(body)
    files = value.get("files") if isinstance(value, dict) else None
    if isinstance(files, dict) and len(files) > MAX_FIELDS:
        raise Refusal(ErrorCode.INVALID_REQUEST, f"files: {len(files):,} are more than {MAX_FIELDS}")
    return check(model, value)


async def _while_there(work: Awaitable[bytes], request: Request) -> bytes:
    """The outcome of `work`. Raises `ClientGone` when the client hangs up before, and cancels it."""
    working = asyncio.ensure_future(work)
    try:
        await asyncio.wait({working}, timeout=WATCH_AFTER_SECONDS)
        if not working.done():
            gone = asyncio.ensure_future(_until_gone(request))
            await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        if not working.done():
            working.cancel()


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
