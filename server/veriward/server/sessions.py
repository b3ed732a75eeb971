"""`/v1/sessions`: stateful Python, opened, run, forked, reset, looked at and closed."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from veriward.server import attended
from veriward.server.body import parse_json
from veriward.server.edge import Arrival, arrival
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


def add_sessions(app: FastAPI, gateway: Gateway) -> None:
    async def answered(request: Request, work: Work) -> Response:
        def begin(body: bytes, came: Arrival) -> Awaitable[BaseModel]:
            requests = SessionRequests(gateway.running_sessions(), gateway.settings, came)
            return work(requests, body, came.request_id)

        return await attended.answered(gateway, request, begin)

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
        add_raw_route(app, f"{one}/{action}", attended.named(endpoint, "session"), "POST", documented(body, answer))
    app.add_api_route(one, get_session, methods=["GET"], **documented(None, SessionState))
    app.add_api_route(one, close_session, methods=["DELETE"], **documented(None, SessionClosed))


def _parsed(model: type[Model], body: bytes) -> Model:
    value: Any = parse_json(body)
    files = value.get("files") if isinstance(value, dict) else None
    if isinstance(files, dict) and len(files) > MAX_FIELDS:
        raise Refusal(ErrorCode.INVALID_REQUEST, f"files: {len(files):,} are more than {MAX_FIELDS}")
    return check(model, value)
