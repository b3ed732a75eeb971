"""A job's results as server-sent events. Their ids count results, so that a reader goes on where it was cut off.

The number of a result is the same at every gateway of a fleet. A stream that ends without its event `end` broke, or
its server is going to stop: ask again, with the last id.
"""

import asyncio
from collections.abc import Sequence

from fastapi import Response
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from veriward.server.gateway import Gateway
from veriward.server.jobs_table import JobView, Line
from veriward.server.problems import invalid_fields
from veriward.wire import FieldError

EVENT_STREAM = "text/event-stream"
LINES_AT_A_TIME = 500
ALIVE_SECONDS = 10.0  # after so long without a result a comment is sent: proxies and clients see that we live
LOOK_SECONDS = 1.0
RETRY_MS = 1_000  # that a browser waits before it comes again
MAX_ID_DIGITS = 9


def last_seen(header: bytes, rollouts: int) -> int:
    """How many results a reader has. Raises `Refusal` for an id that no event of this job has."""
    if not header:
        return 0
    if not header.isdigit() or len(header) > MAX_ID_DIGITS or int(header) > rollouts:
        raise invalid_fields([FieldError(field="Last-Event-ID", message=f"must be 0 to {rollouts}")])
    return int(header)


class EventStream(Response):
    """Ends with the job, with the client, or where the server drains and another has the job."""

    media_type = EVENT_STREAM

    def __init__(self, gateway: Gateway, id: str, caller: bytes, seen: int) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._gateway = gateway
        self._id = id
        self._caller = caller
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send(_chunk(b"retry: %d\n\n" % RETRY_MS))
            await self._tell(send, gone)
            await send(_chunk(b"", more=False))
        finally:
            gone.cancel()

    async def _tell(self, send: Send, gone: "asyncio.Future[None]") -> None:
        desk, quiet = self._gateway.jobs, 0.0
        while not gone.done():
            view = await desk.look(self._id, self._caller, self._seen, LINES_AT_A_TIME)
            if view.lines:
                quiet = 0.0
                await send(_chunk(_events(self._seen, view.lines)))
                self._seen += len(view.lines)
            elif view.state != "running" and self._seen == view.head.rollouts:
                await send(_chunk(_end(view)))
                return
            elif self._gateway.draining and self._gateway.shared is not None:
                return
            else:
                if quiet >= ALIVE_SECONDS:
                    quiet = 0.0
                    await send(_chunk(b": waiting\n\n"))
                began = asyncio.get_running_loop().time()
                more = asyncio.ensure_future(desk.more(self._id, self._seen, LOOK_SECONDS))
                await asyncio.wait({more, gone}, return_when=asyncio.FIRST_COMPLETED)
                more.cancel()
                quiet += asyncio.get_running_loop().time() - began


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _events(seen: int, lines: Sequence[Line]) -> bytes:
    return b"".join(
        b'id: %d\ndata: {"item":%d,"response":%d,"result":%b}\n\n' % (number, item, response, result)
        for number, (item, response, result) in enumerate(lines, seen + 1)
    )


def _end(view: JobView) -> bytes:
    told = {"done": True, "request_id": view.head.request_id, "results": view.head.rollouts}
    return b"event: end\nid: %d\ndata: %b\n\n" % (view.head.rollouts, to_json(told))


def _chunk(body: bytes, more: bool = True) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": more}
