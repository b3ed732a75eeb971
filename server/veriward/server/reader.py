"""One client's wait for a batch: it ends with the results, or when the client hangs up."""

import asyncio
from types import TracebackType
from typing import Self

from starlette.types import Receive

from veriward.server.batch import Batch, Place
from veriward.server.body import ClientGone

WATCH_AFTER_SECONDS = 0.02  # most answers are there by then, and need no task that listens for a hang-up


class Reader:
    """An async context in which `end` or `next` may be awaited. Both raise `ClientGone`."""

    def __init__(self, batch: Batch, receive: Receive) -> None:
        self._batch = batch
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._wakened: asyncio.Future[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._seen = 0
        self._gone = False

    async def __aenter__(self) -> Self:
        self._batch.join()
        if self._batch.remaining:
            self._timer = self._loop.call_later(WATCH_AFTER_SECONDS, self._start_watching)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
        self._batch.leave()

    async def end(self) -> None:
        """Wait for the last result."""
        if self._batch.remaining:
            self._wakened = self._loop.create_future()
            self._batch.at_end(self._wake)
            await self._wakened
        if self._gone:
            raise ClientGone

    async def next(self) -> list[Place]:
        """The places filled since the last call, at least one; none once all are."""
        batch = self._batch
        while len(batch.finished) == self._seen and batch.remaining and not self._gone:
            self._wakened = self._loop.create_future()
            batch.at_progress(self._wake)
            await self._wakened
        if self._gone:
            raise ClientGone
        fresh = batch.finished[self._seen :]
        self._seen += len(fresh)
        return fresh

    def _start_watching(self) -> None:
        self._watch = self._loop.create_task(self._until_gone())

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._wake()

    def _wake(self) -> None:
        if self._wakened is not None and not self._wakened.done():
            self._wakened.set_result(None)
