"""`Job` and `AsyncJob`: grading that goes on at the server while the client does something else."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, closing
from typing import Any

from veriward.client.exchange import Conversation
from veriward.client.job_calls import JOB_SECONDS, JobCalls
from veriward.client.job_events import EventReader
from veriward.wire import GradeResponse, JobState, StreamLine

Drive = Callable[[Conversation[Any]], Any]
AsyncDrive = Callable[[Conversation[Any]], Awaitable[Any]]


class Job:
    """One job, by its `id`, which another process may give to `Client.job`."""

    def __init__(self, calls: JobCalls, drive: Drive, id: str) -> None:
        self.id = id
        self._calls = calls
        self._drive = drive

    def state(self) -> JobState:
        """How far it is, and its results once it has ended."""
        state: JobState = self._drive(self._calls.state(self.id))
        return state

    def wait(self, deadline_seconds: float = JOB_SECONDS) -> GradeResponse:
        """The results, as of `Client.grade`. Raises `DeadlineExceeded` when they are not there in time: it goes on."""
        answer: GradeResponse = self._drive(self._calls.wait(self.id, deadline_seconds))
        return answer

    def events(self) -> Iterator[StreamLine]:
        """Each result once, the first ones too, in the order in which they came. A connection that breaks is made
        again, and goes on where the last one was."""
        reader = EventReader()
        while not reader.ended:
            response = self._drive(self._calls.follow(self.id, reader.seen))
            with closing(response), reader.reading(str(response.request.url)):
                for chunk in response.iter_bytes():
                    yield from reader.feed(chunk)

    def cancel(self) -> JobState:
        """Drop what waits and kill what runs; what was graded stays. One that has ended is left as it is."""
        state: JobState = self._drive(self._calls.cancel(self.id))
        return state


class AsyncJob:
    """`Job` for asyncio: the same calls, awaited."""

    def __init__(self, calls: JobCalls, drive: AsyncDrive, id: str) -> None:
        self.id = id
        self._calls = calls
        self._drive = drive

    async def state(self) -> JobState:
        """See `Job.state`."""
        state: JobState = await self._drive(self._calls.state(self.id))
        return state

    async def wait(self, deadline_seconds: float = JOB_SECONDS) -> GradeResponse:
        """See `Job.wait`."""
        answer: GradeResponse = await self._drive(self._calls.wait(self.id, deadline_seconds))
        return answer

    async def events(self) -> AsyncIterator[StreamLine]:
        """See `Job.events`."""
        reader = EventReader()
        while not reader.ended:
            response = await self._drive(self._calls.follow(self.id, reader.seen))
            async with aclosing(response):
                with reader.reading(str(response.request.url)):
                    async for chunk in response.aiter_bytes():
                        for line in reader.feed(chunk):
                            yield line

    async def cancel(self) -> JobState:
        """See `Job.cancel`."""
        state: JobState = await self._drive(self._calls.cancel(self.id))
        return state
