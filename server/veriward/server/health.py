"""`/healthz`: the process answers. `/readyz`: a canary went through the queue and was judged right. `/metrics`."""

import asyncio
import time
from typing import Any

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic_core import to_json

from veriward.server.gateway import Gateway
from veriward.server.jobs import Job, Priority, RolloutResult
from veriward.server.problems import Refusal, retry_after
from veriward.server.queue import QueueDown, QueueFull
from veriward.wire import ErrorCode, Status

CANARY_VERIFIER = "math"
CANARY_PAYLOAD = to_json({"task": {"answer": "72"}, "responses": [r"so it is \boxed{72}"]})
CANARY_SECONDS = 5.0
FRESH_SECONDS = 1.0  # an answer this old is given again, so that probes cannot load the queue


def add_health(app: FastAPI, gateway: Gateway) -> None:
    canary = Canary(gateway)

    async def healthz() -> Response:
        """The process answers; nothing is said of the queue."""
        return _json({"status": "ok"})

    async def readyz() -> Response:
        """A rollout goes through the queue to a grader and back. 503 where it does not, or the server is draining."""
        if gateway.draining:
            raise Refusal(ErrorCode.DRAINING, "this server is shutting down", headers=retry_after(CANARY_SECONDS))
        queue = gateway.running_queue()
        seconds = await canary.seconds()
        depth = queue.depth()
        return _json(
            {
                "status": "ready",
                "canary_seconds": round(seconds, 6),
                "queue": {
                    "waiting": depth.waiting,
                    "running": depth.running,
                    "oldest_seconds": round(depth.oldest_seconds, 3),
                },
                "workers": depth.workers,
                "isolation": gateway.isolation,
            }
        )

    async def metrics() -> Response:
        """Prometheus's text format."""
        return Response(gateway.metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})

    app.add_api_route("/healthz", healthz, methods=["GET"], response_model=None)
    app.add_api_route("/readyz", readyz, methods=["GET"], response_model=None)
    app.add_api_route("/metrics", metrics, methods=["GET"], response_model=None)


class Canary:
    """One rollout whose verdict is known; probes that come together share one."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._lock = asyncio.Lock()
        self._flown = 0.0
        self._seconds = 0.0

    async def seconds(self) -> float:
        """How long the canary took. Raises `Refusal` where it did not come back right."""
        async with self._lock:
            if time.monotonic() - self._flown > FRESH_SECONDS or not self._flown:
                self._seconds = await self._fly()
                self._flown = time.monotonic()
            return self._seconds

    async def _fly(self) -> float:
        if CANARY_VERIFIER not in self._gateway.verifiers:
            raise _not_ready(f"there is no verifier {CANARY_VERIFIER!r} to try the queue with", CANARY_SECONDS)
        began = time.monotonic()
        ended: asyncio.Future[RolloutResult] = asyncio.get_running_loop().create_future()

        def deliver(_: Job, index: int, result: RolloutResult) -> None:
            if not ended.done():
                ended.set_result(result)

        by = began + CANARY_SECONDS
        job = Job("grade", CANARY_VERIFIER, CANARY_PAYLOAD, 1, Priority.HIGH, start_by=by, finish_by=by)
        try:
            ticket = self._gateway.running_queue().submit([job], deliver)
        except QueueFull as full:
            raise _not_ready(f"the queue is full: {full}", full.retry_after_seconds) from None
        except QueueDown as down:
            raise _not_ready(str(down), down.retry_after_seconds) from None
        try:
            async with asyncio.timeout(2 * CANARY_SECONDS):
                result = await ended
        except TimeoutError:
            raise _not_ready("the canary did not come back", CANARY_SECONDS) from None
        finally:
            ticket.cancel()
        if result["status"] != Status.GRADED or result["reward"] != 1.0:
            told = {name: result.get(name) for name in ("status", "reward", "reason")}
            raise _not_ready(f"the canary came back as {told}", CANARY_SECONDS)
        return time.monotonic() - began


def _not_ready(detail: str, retry_seconds: float) -> Refusal:
    return Refusal(ErrorCode.NOT_READY, detail, headers=retry_after(retry_seconds))


def _json(value: Any) -> Response:
    return Response(to_json(value), media_type="application/json")
