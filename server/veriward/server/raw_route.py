"""A route whose endpoint gets the request as it came: FastAPI documents it, and solves no parameters for it.

Solving them costs as much as judging a short answer.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute

Endpoint = Callable[[Request], Awaitable[Response]]


class RawRoute(APIRoute):
    """Calls `endpoint(request)`, which reads the body itself and answers with a `Response`."""

    def get_route_handler(self) -> Any:
        return self.endpoint


def add_raw_route(app: FastAPI, path: str, endpoint: Endpoint, method: str, documents: dict[str, Any]) -> None:
    app.router.add_api_route(path, endpoint, methods=[method], route_class_override=RawRoute, **documents)
