"""Reads a request's body and starts its batch: once per `Idempotency-Key`, and without keeping the body."""

from collections.abc import Callable

from starlette.requests import Request

from veriward.server.batch import Batch
from veriward.server.body import read_body
from veriward.server.edge import arrival
from veriward.server.gateway import Gateway


async def admit(gateway: Gateway, request: Request, start: Callable[[bytes, str], Batch]) -> Batch:
    """The batch of `start(body, request_id)`, or that of an equal request before. Raises `Refusal`, `QueueFull`."""
    came = arrival(request.scope)
    body = await read_body(request, gateway.settings.max_body_bytes)
    batch = gateway.idempotency.batch(came.caller, request, body, lambda: start(body, came.request_id))
    came.rollouts = batch.remaining + len(batch.finished)
    return batch
