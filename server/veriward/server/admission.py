"""Reads a request's body and starts its batch: once per `Idempotency-Key`, and without keeping the body."""

from collections.abc import Callable

from starlette.requests import Request

from veriward.server.batch import Batch
from veriward.server.body import body_bytes, read_body
from veriward.server.edge import arrival
from veriward.server.gateway import Gateway


async def admit(gateway: Gateway, request: Request, start: Callable[[bytes, str], Batch]) -> Batch:
    """The batch of `start(body, request_id)`, or that of an equal request before. Raises `Refusal`, `QueueFull`."""
    came = arrival(request.scope)
    most = gateway.settings.max_body_bytes
    size = body_bytes(came.headers, most)
    gateway.bodies.take(size)
    try:
        body = await read_body(request.receive, most)
        name = came.headers.get(b"idempotency-key")
        path = request.scope["path"]
        batch = gateway.idempotency.batch(came.caller, name, path, body, lambda: start(body, came.request_id))
    except BaseException:
        gateway.bodies.give(size)
        raise
    batch.at_end(lambda: gateway.bodies.give(size))
    came.rollouts = batch.remaining + len(batch.finished)
    return batch
