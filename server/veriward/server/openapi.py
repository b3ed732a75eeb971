"""What `/openapi.json` says of routes that read their bodies themselves: the wire models, and the problems."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from veriward import wire
from veriward.server.problems import HTTP_STATUS, MEDIA_TYPE
from veriward.wire import Problem

REF = "#/components/schemas/{model}"
_MODELS = tuple(
    model for name in wire.__all__ if isinstance(model := getattr(wire, name), type) and issubclass(model, BaseModel)
)


def documented(body: type[BaseModel] | None, answer: type[BaseModel]) -> dict[str, Any]:
    """Keyword arguments of `add_api_route` for a route that takes `body` and answers `answer`."""
    return {
        "response_model": None,
        "responses": {200: {"model": answer}, "default": _problem()},
        "openapi_extra": {} if body is None else {"requestBody": _content(body)},
    }


def add_openapi(app: FastAPI) -> None:
    """Let `app.openapi()` include the models that `documented` refers to, and the bearer key."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            components = schema.setdefault("components", {})
            _, definitions = models_json_schema([(model, "validation") for model in _MODELS], ref_template=REF)
            components["schemas"] = {**components.get("schemas", {}), **definitions["$defs"]}
            components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
            schema["security"] = [{}, {"bearer": []}]
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def references(*models: type[BaseModel]) -> list[dict[str, str]]:
    return [{"$ref": REF.format(model=model.__name__)} for model in models]


def _content(model: type[BaseModel]) -> dict[str, Any]:
    [schema] = references(model)
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _problem() -> dict[str, Any]:
    [schema] = references(Problem)
    statuses = ", ".join(str(status) for status in sorted(set(HTTP_STATUS.values())))
    return {
        "description": f"A problem ({statuses}); branch on its `code`",
        "content": {MEDIA_TYPE: {"schema": schema}},
    }
