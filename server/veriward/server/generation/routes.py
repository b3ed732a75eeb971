"""`/v1/generators`: what can be made, and `POST /v1/generators/{name}:sample`, which makes it."""

import asyncio
from difflib import get_close_matches

from fastapi import FastAPI, Request, Response
from pydantic_core import from_json, to_json

from veriward.server.auth import READ_TASKS
from veriward.server.body import ClientGone, body_bytes, parse_json, read_body
from veriward.server.edge import arrival
from veriward.server.envelope import check
from veriward.server.gateway import Gateway
from veriward.server.generation.pool import SLICE, Sample, SampleFailed
from veriward.server.openapi import documented
from veriward.server.problems import Refusal, invalid_fields
from veriward.server.raw_route import add_raw_route
from veriward.server.tasks import keep
from veriward.verifiers import InvalidTask
from veriward.verifiers.generators import Generator, generators, parameters_at
from veriward.wire import (
    ErrorCode,
    FieldError,
    GeneratorInfo,
    GeneratorList,
    SampledTask,
    SampleRequest,
    SampleResponse,
)


def add_generators(app: FastAPI, gateway: Gateway) -> None:
    async def list_generators() -> Response:
        """Every generator's name, version and summary."""
        told = GeneratorList(generators=[_described(known) for known in generators().values()])
        return Response(to_json(told, exclude_none=True), media_type="application/json")

    async def get_generator(name: str) -> Response:
        """One generator, with the JSON Schema of its parameters and its full text."""
        return Response(to_json(_described(_named(name), whole=True)), media_type="application/json")

    async def sample(request: Request) -> Response:
        """Make tasks: the same for the same seed. With `hide_answers` they are stored, and only a ref is told."""
        known = _named(request.path_params["name"])
        came = arrival(request.scope)
        most = gateway.settings.max_body_bytes
        size = body_bytes(came.headers, most)
        gateway.bodies.take(size)
        try:
            asked = check(SampleRequest, parse_json(await read_body(request.receive, most)))
            if not asked.hide_answers and gateway.keys and READ_TASKS not in came.caller.scopes:
                detail = f"this key may not see answers: ask with hide_answers, or with a key of the scope {READ_TASKS}"
                raise Refusal(ErrorCode.FORBIDDEN, detail)
            tasks = await _made(gateway, request, known, asked)
        finally:
            gateway.bodies.give(size)
        if asked.hide_answers:
            ready = [gateway.tasks.resolve(task.task) for task in tasks]
            refs = await keep(gateway, ready)
            tasks = [
                SampledTask(id=task.id, prompt=task.prompt, task={"ref": ref})
                for task, ref in zip(tasks, refs, strict=True)
            ]
        told = SampleResponse(generator=known.name, version=known.version, tasks=tasks)
        return Response(to_json(told), media_type="application/json")

    app.add_api_route("/v1/generators", list_generators, methods=["GET"], **documented(None, GeneratorList))
    add_raw_route(app, "/v1/generators/{name}:sample", sample, "POST", documented(SampleRequest, SampleResponse))
    app.add_api_route("/v1/generators/{name}", get_generator, methods=["GET"], **documented(None, GeneratorInfo))


async def _made(gateway: Gateway, request: Request, known: Generator, asked: SampleRequest) -> list[SampledTask]:
    """The tasks, slice after slice. Raises `Refusal` and `ClientGone`."""
    tasks: list[SampledTask] = []
    size = 0
    try:
        parameters_at(known, asked.difficulty, asked.parameters)
        async with asyncio.timeout(asked.deadline_seconds):
            while len(tasks) < asked.count:
                left = asked.count - len(tasks)
                wanted = Sample(
                    known, asked.seed, asked.start + len(tasks), min(left, SLICE), asked.difficulty, asked.parameters
                )
                made = await gateway.samplers.slice(wanted)
                size += sum(map(len, made))
                if size > gateway.settings.max_body_bytes:
                    detail = f"{len(tasks) + len(made)} of these tasks pass {gateway.settings.max_body_bytes:,} bytes"
                    raise Refusal(ErrorCode.TOO_LARGE, f"{detail}: ask for fewer at a time")
                tasks += [SampledTask.model_validate(from_json(one)) for one in made]
                if await request.is_disconnected():
                    raise ClientGone
    except InvalidTask as invalid:
        field = invalid.field if invalid.field in SampleRequest.model_fields else f"parameters.{invalid.field}"
        raise invalid_fields([FieldError(field=field, message=invalid.message)]) from None
    except SampleFailed as failed:
        raise Refusal(ErrorCode.INTERNAL, f"{known.name}: {failed}") from None
    except TimeoutError:
        told = f"{len(tasks)} of {asked.count} tasks were made within {asked.deadline_seconds:g} s: give more time, or"
        raise invalid_fields([FieldError(field="deadline_seconds", message=f"{told} ask for fewer")]) from None
    return tasks


def _named(name: str) -> Generator:
    known = generators().get(name)
    if known is None:
        close = get_close_matches(name[:100], generators(), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise Refusal(ErrorCode.NOT_FOUND, "no generator of this name" + hint)
    return known


def _described(known: Generator, whole: bool = False) -> GeneratorInfo:
    told = GeneratorInfo(
        name=known.name, version=known.version, summary=known.summary, verifier=known.verifier, unique=known.unique
    )
    if not whole:
        return told
    schema = known.parameters.model_json_schema()
    return told.model_copy(update={"description": known.description, "parameters_schema": schema})
