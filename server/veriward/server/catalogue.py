"""`GET /v1/verifiers` and `GET /v1/verifiers/{name}`: what can be asked for, with schema, text and an example."""

from difflib import get_close_matches
from typing import Any

from fastapi import FastAPI, Response
from pydantic_core import to_json

from veriward.server.gateway import Gateway
from veriward.server.openapi import documented
from veriward.server.problems import Refusal
from veriward.verifiers import Verifier
from veriward.verifiers.conformance import BadCases, example
from veriward.verifiers.shaping import shaping_schema
from veriward.wire import ErrorCode, VerifierInfo, VerifierList


def add_catalogue(app: FastAPI, gateway: Gateway) -> None:
    verifiers = gateway.verifiers

    async def list_verifiers() -> Response:
        """Every verifier's name, version and summary."""
        told = [
            VerifierInfo(name=known.name, version=known.version, summary=known.summary) for known in verifiers.values()
        ]
        return Response(to_json(VerifierList(verifiers=told), exclude_none=True), media_type="application/json")

    async def get_verifier(name: str) -> Response:
        """One verifier, with the JSON Schema of its task, its full text, and a task that it can grade."""
        known = verifiers.get(name)
        if known is None:
            close = get_close_matches(name[:100], verifiers, n=1)
            raise Refusal(
                ErrorCode.NOT_FOUND, "no verifier of this name" + (f"; did you mean {close[0]!r}?" if close else "")
            )
        return Response(to_json(_described(known)), media_type="application/json")

    app.add_api_route("/v1/verifiers", list_verifiers, methods=["GET"], **documented(None, VerifierList))
    app.add_api_route("/v1/verifiers/{name}", get_verifier, methods=["GET"], **documented(None, VerifierInfo))


def _described(verifier: Verifier) -> VerifierInfo:
    try:
        task = {"verifier": verifier.name, **example(verifier)}
    except BadCases:  # an outsider's verifier may come without cases
        task = None
    return VerifierInfo(
        name=verifier.name,
        version=verifier.version,
        summary=verifier.summary,
        description=verifier.description,
        task_schema=_task_schema(verifier),
        example=task,
    )


def _task_schema(verifier: Verifier) -> dict[str, Any]:
    schema = verifier.task.model_json_schema()
    schema["properties"] = {**shaping_schema(), **schema.get("properties", {})}
    return schema
