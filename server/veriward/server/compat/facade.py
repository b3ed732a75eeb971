"""What facades share: a foreign body becomes a request of ours, and its results a foreign answer.

Bounds, quotas, keys and queue are those of `/v1/grade` and `/v1/execute`. These formats have no word for "not graded":
there an answer is refused, so that the trainer tries again or masks the rollout, and no reward is made up.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from veriward.server.admission import Kind, admit
from veriward.server.body import parse_json
from veriward.server.edge import arrival
from veriward.server.envelope import check
from veriward.server.execute import executing, parse_execute
from veriward.server.gateway import Gateway
from veriward.server.grade import grading, parse_grade
from veriward.server.problems import Refusal, invalid_fields, retry_after
from veriward.server.raw_route import add_raw_route
from veriward.server.reader import Reader
from veriward.wire import ErrorCode, ExecuteRequest, FieldError, GradeRequest, Status

RETRY_SECONDS = 1
IDEMPOTENCY_KEY = b"idempotency-key"  # none of these formats has one, and answers are made from the body

Results = list[dict[str, Any]]


class Foreign(BaseModel):
    """A body of another's format: fields that we have no use for are let through."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())


F = TypeVar("F", bound=Foreign)


def add_grading_facade(
    app: FastAPI,
    gateway: Gateway,
    path: str,
    body: type[F],
    items: Callable[[F, Mapping[str, str]], list[dict[str, Any]]],
    answer: Callable[[F, Results], Any],
) -> None:
    """POST `path`: `items(asked, query parameters)` are what is graded; `answer` gets their results in order.

    An item is `{"task", "responses"}` as in `POST /v1/grade`. Where there is none, `answer` gets no results.
    """

    async def endpoint(request: Request) -> Response:
        read: list[F] = []

        def parse(raw: bytes) -> GradeRequest:
            asked = check(body, parse_json(raw))
            read.append(asked)
            wanted = items(asked, request.query_params)
            if not wanted:
                raise _NothingAsked
            return parse_grade(to_json({"items": wanted}), gateway.settings.max_responses)

        try:
            results = await _results(gateway, request, grading(gateway, parse))
        except _NothingAsked:
            return JSONResponse(answer(read[0], []))
        return JSONResponse(answer(read[0], [_graded(one) for one in results]))

    add_raw_route(app, path, endpoint, "POST", _documented(body))


def add_executing_facade(
    app: FastAPI,
    gateway: Gateway,
    path: str,
    body: type[F],
    runs: Callable[[F], list[dict[str, Any]]],
    answer: Callable[[F, Results], Any],
) -> None:
    """POST `path`: `runs(asked)` are programs as in `POST /v1/execute`; `answer` gets how they ended, in order."""

    async def endpoint(request: Request) -> Response:
        read: list[F] = []

        def parse(raw: bytes) -> ExecuteRequest:
            asked = check(body, parse_json(raw))
            read.append(asked)
            return parse_execute(to_json({"runs": runs(asked)}))

        results = await _results(gateway, request, executing(gateway, parse))
        for run in results:
            if run["reason"].startswith(f"{Status.INVALID_TASK}:"):  # trying again would not mend it
                raise bad_field("body", run["reason"])
        return JSONResponse(answer(read[0], results))

    add_raw_route(app, path, endpoint, "POST", _documented(body))


def bad_field(field: str, message: str) -> Refusal:
    return invalid_fields([FieldError(field=field, message=message)])


class _NothingAsked(Exception):
    """The request holds no rollout: it is answered at once."""


async def _results(gateway: Gateway, request: Request, kind: Kind[Any]) -> Results:
    came = arrival(request.scope)
    came.headers = {name: value for name, value in came.headers.items() if name != IDEMPOTENCY_KEY}
    batch = await admit(gateway, request, kind)
    async with Reader(batch, request.receive) as reader:
        await reader.end()
    return [json.loads(slot) for item in batch.slots for slot in item]


def _graded(result: dict[str, Any]) -> dict[str, Any]:
    """The result, if it has a reward. Raises `Refusal`: for a broken task for good, else for now."""
    if result["status"] == Status.GRADED:
        return result
    told = f"not graded, {result['status']}: {result['reason']}"
    if result["status"] == Status.INVALID_TASK:
        raise bad_field("task", told)
    raise Refusal(ErrorCode.NOT_GRADED, told, headers=retry_after(RETRY_SECONDS))


def _documented(body: type[Foreign]) -> dict[str, Any]:
    """The form is another's, and theirs to describe: OpenAPI names the fields that are read."""
    fields: dict[str, Any] = {name: {} for name in body.model_fields}
    schema = {"type": "object", "title": body.__name__, "properties": fields}
    content = {"application/json": {"schema": schema}}
    return {"tags": ["compat"], "openapi_extra": {"requestBody": {"required": True, "content": content}}}
