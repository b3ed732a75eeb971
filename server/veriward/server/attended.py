"""Work that is done while its client is there, and once per `Idempotency-Key`: for answers that are no batches."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

from veriward.server.body import ClientGone, body_bytes, read_body
from veriward.server.edge import Arrival, arrival
from veriward.server.gateway import Gateway

Work = Callable[[bytes, Arrival], Awaitable[BaseModel]]
WATCH_AFTER_SECONDS = 0.02  # most answers are there by then, and need no task that listens for a hang-up


async def answered(gateway: Gateway, request: Request, work: Work) -> Response:
    """What `work` makes of the body; it is cancelled when the client hangs up."""
    came = arrival(request.scope)
    most = gateway.settings.max_body_bytes
    size = body_bytes(came.headers, most)
    gateway.bodies.take(size)
    try:
        body = await read_body(request.receive, most)

        async def begin() -> bytes:
            return (await work(body, came)).model_dump_json().encode()

        name, path = came.headers.get(b"idempotency-key"), request.scope["path"]
        once = gateway.once.answer(came.caller, name, path, body, begin)
        return Response(await _while_there(once, request), media_type="application/json")
    finally:
        gateway.bodies.give(size)


def named(endpoint: Callable[..., Awaitable[Response]], *names: str) -> Callable[[Request], Awaitable[Response]]:
    """As a raw route calls it; what `names` say is in the path."""

    async def route(request: Request) -> Response:
        given: dict[str, Any] = request.path_params
        return await endpoint(request, *(given[name] for name in names))

    route.__name__, route.__doc__ = endpoint.__name__, endpoint.__doc__
    return route


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
