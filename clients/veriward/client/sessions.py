"""`Session` and `AsyncSession`: stateful Python on a Veriward server, closed at the end of its context."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self

from veriward.client.errors import RequestRefused, SessionLost
from veriward.client.exchange import Conversation
from veriward.client.session_calls import CELL_SECONDS, Files, SessionCalls
from veriward.wire import CellLimits, CellResult, ErrorCode, SessionState

Drive = Callable[[Conversation[Any]], Any]
AsyncDrive = Callable[[Conversation[Any]], Awaitable[Any]]


class Session:
    """One session, by its `id`. Not for two threads at once: it does one thing at a time.

    Every method raises `SessionLost`, with the `reason`, once the session is gone.
    """

    def __init__(self, calls: SessionCalls, drive: Drive, id: str) -> None:
        self.id = id
        self._calls = calls
        self._drive = drive

    def run(
        self,
        code: str,
        *,
        limits: CellLimits | Mapping[str, float] | None = None,
        files: Files | None = None,
        fetch: Sequence[str] = (),
        deadline_seconds: float = CELL_SECONDS,
    ) -> CellResult:
        """Run a cell. What the session holds is there for it, and stays for the next.

        `files` are put into the session first; those named by `fetch` come back in `result.files`. Past its `limits`,
        or past `deadline_seconds`, the cell is interrupted: the state is kept, or `result.session` is `lost`.
        """
        result: CellResult = self._drive(
            self._calls.run(self.id, code, limits=limits, files=files, fetch=fetch, deadline_seconds=deadline_seconds)
        )
        return result

    def fork(self, count: int = 1) -> "list[Session]":
        """`count` sessions that begin with this one's state and files, and share nothing with it from then on."""
        ids: list[str] = self._drive(self._calls.fork(self.id, count))
        return [Session(self._calls, self._drive, one) for one in ids]

    def reset(self, files: Files | None = None) -> None:
        """Begin anew: no state, and no files but these."""
        self._drive(self._calls.reset(self.id, files))

    def state(self) -> SessionState:
        """What it is at. Does not count as use."""
        state: SessionState = self._drive(self._calls.state(self.id))
        return state

    def close(self) -> None:
        """End it. Nothing happens if it is gone already."""
        try:
            self._drive(self._calls.close(self.id))
        except (SessionLost, RequestRefused) as gone:
            _require_gone(gone)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncSession:
    """`Session` for asyncio: the same calls, awaited. Cancelling a `run` interrupts its cell."""

    def __init__(self, calls: SessionCalls, drive: AsyncDrive, id: str) -> None:
        self.id = id
        self._calls = calls
        self._drive = drive

    async def run(
        self,
        code: str,
        *,
        limits: CellLimits | Mapping[str, float] | None = None,
        files: Files | None = None,
        fetch: Sequence[str] = (),
        deadline_seconds: float = CELL_SECONDS,
    ) -> CellResult:
        """See `Session.run`."""
        result: CellResult = await self._drive(
            self._calls.run(self.id, code, limits=limits, files=files, fetch=fetch, deadline_seconds=deadline_seconds)
        )
        return result

    async def fork(self, count: int = 1) -> "list[AsyncSession]":
        """See `Session.fork`."""
        ids: list[str] = await self._drive(self._calls.fork(self.id, count))
        return [AsyncSession(self._calls, self._drive, one) for one in ids]

    async def reset(self, files: Files | None = None) -> None:
        """See `Session.reset`."""
        await self._drive(self._calls.reset(self.id, files))

    async def state(self) -> SessionState:
        """See `Session.state`."""
        state: SessionState = await self._drive(self._calls.state(self.id))
        return state

    async def close(self) -> None:
        """See `Session.close`."""
        try:
            await self._drive(self._calls.close(self.id))
        except (SessionLost, RequestRefused) as gone:
            _require_gone(gone)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.shield(self.close())


def _require_gone(refused: RequestRefused) -> None:
    if refused.problem.code not in (ErrorCode.SESSION_LOST, ErrorCode.SESSION_UNKNOWN):
        raise refused
