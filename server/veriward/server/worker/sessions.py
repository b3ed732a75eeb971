"""The sessions of a worker: a session keeper per profile, started when the first session of it is asked for.

This host's kernel isolates them, whichever backend programs have.

What runs inside the worker, and has sessions of its own, calls `open`; requests of gateways come in by `ask`.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from veriward.sandbox import launch, session_frames
from veriward.sandbox.errors import ExecutionRefused, SandboxError
from veriward.sandbox.levels import Report, require
from veriward.sandbox.profiles import known
from veriward.sandbox.session import (
    NO_LIMITS_OF_ITS_OWN,
    Cell,
    CellLimits,
    CellResult,
    Loss,
    SessionPlan,
    SessionUnknown,
    TooManySessions,
)
from veriward.sandbox.session_book import Answer, SessionBook
from veriward.sandbox.session_client import keeper_options, new_name
from veriward.server.worker.channel import Channel
from veriward.server.worker.processes import Reaper

Given = tuple[session_frames.Head, list[bytes]]
MAX_OWNERS = 50_000  # remembered: those of lost sessions too, so that nobody else is told of them


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """`most` sessions of a profile live at once, `per_owner` of one API key (0: any number)."""

    most: int
    per_owner: int
    cells: int
    min_isolation: str


class WorkerSession:
    """One session, for asyncio code in this worker. Its methods raise as `sandbox.session_client.Session`'s do."""

    def __init__(self, sessions: "WorkerSessions", name: str) -> None:
        self._sessions = sessions
        self.name = name

    async def run(
        self,
        code: str,
        *,
        limits: CellLimits = NO_LIMITS_OF_ITS_OWN,
        files: Mapping[str, bytes] | None = None,
        fetch: Sequence[str] = (),
    ) -> CellResult:
        """Run a cell; when the task that awaits it is cancelled, it is interrupted."""
        cell = Cell(code, limits, dict(files or {}), tuple(fetch))
        return session_frames.read_result(*await self._sessions.ask(*session_frames.run_request(self.name, cell)))

    async def fork(self, count: int = 1) -> "list[WorkerSession]":
        names = [new_name() for _ in range(count)]
        await self._sessions.ask({"op": "fork", "session": self.name, "ids": names}, [])
        return [WorkerSession(self._sessions, name) for name in names]

    async def reset(self, files: Mapping[str, bytes] | None = None) -> None:
        given = dict(files or {})
        head = {"op": "reset", "session": self.name, "files": list(given)}
        await self._sessions.ask(head, list(given.values()))

    async def close(self) -> None:
        """End it. Nothing happens if it is gone already."""
        try:
            await self._sessions.ask({"op": "close", "session": self.name}, [])
        except SandboxError:
            pass


@dataclass(eq=False)
class _Keeper:
    process: subprocess.Popen[bytes]
    ready: "asyncio.Future[Report]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    channel: Channel | None = None


class WorkerSessions:
    """`lost(name, reason)` is called for each session that is gone unasked."""

    def __init__(
        self, settings: SessionSettings, reaper: Reaper, lost: Callable[[str, str], object] = lambda *_: None
    ) -> None:
        self._settings = settings
        self._reaper = reaper
        self._lost = lost
        self._keepers: dict[str, _Keeper] = {}
        self._starting: dict[str, asyncio.Lock] = {}
        self._books: dict[str, SessionBook] = {}
        self._owners: OrderedDict[str, tuple[str, str]] = OrderedDict()  # of each session: its profile, whose it is
        self._closed = False

    @property
    def live(self) -> int:
        return sum(map(len, self._books.values()))

    async def open(self, plan: SessionPlan | None = None) -> WorkerSession:
        """Raises `TooManySessions`, `ExecutionRefused`, `IsolationUnavailable`, `SandboxError`."""
        session = WorkerSession(self, new_name())
        await self.ask(*session_frames.open_request(session.name, plan or SessionPlan()))
        return session

    async def ask(self, head: session_frames.Head, blobs: list[bytes], owner: str = "") -> Given:
        """The answer to a request of `session_frames.py`. Raises `SandboxError`; when cancelled, interrupts a cell."""
        name = head["session"]
        if head["op"] == "open":
            profile = head["profile"]
            self._admit(owner)
            await self._require(profile)
            self._own(name, profile, owner)
        else:
            profile, owned_by = self._owners.get(name, ("", ""))
            if not profile or owned_by != owner:
                raise SessionUnknown(f"there is no session {name[:100]!r}")
            if head["op"] == "fork":
                self._admit(owner, len(head["ids"]))
                for branch in head["ids"]:
                    self._own(branch, profile, owner)
        answer = await self._answer(self._books[profile], head, blobs)
        if isinstance(answer, SandboxError):
            raise answer
        return answer

    def close(self) -> None:
        """The keepers end by themselves when nobody is left to speak with, and leave nothing."""
        self._closed = True
        for keeper in self._keepers.values():
            if keeper.channel is not None:
                keeper.channel.close()
            self._reaper.expect(keeper.process)

    async def _answer(self, book: SessionBook, head: session_frames.Head, blobs: list[bytes]) -> Answer:
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def done(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        book.ask(head, blobs, done)
        try:
            return await answered
        except asyncio.CancelledError:
            if head["op"] == "run":
                book.ask({"op": "interrupt", "session": head["session"]}, [], lambda _: None)
            raise

    def _admit(self, owner: str, count: int = 1) -> None:
        if not self._settings.most:
            raise TooManySessions("this worker holds no sessions: the setting `sessions` is 0")
        most = self._settings.per_owner
        if not owner or not most:
            return
        have = sum(
            owned_by == owner and self._books[profile].is_live(name)
            for name, (profile, owned_by) in self._owners.items()
            if profile in self._books
        )
        if have + count > most:
            raise TooManySessions(f"this API key has {have} sessions here, and {most} is its bound")

    def _own(self, name: str, profile: str, owner: str) -> None:
        self._owners[name] = profile, owner
        if len(self._owners) > MAX_OWNERS:
            self._owners.popitem(last=False)

    async def _require(self, profile: str) -> None:
        """Have a keeper of the profile. Raises `SandboxError`."""
        if profile not in known():
            raise ExecutionRefused("profile", f"{profile[:100]!r} is not one of {', '.join(known())}")
        async with self._starting.setdefault(profile, asyncio.Lock()):
            if profile not in self._keepers:
                await self._start(profile)

    async def _start(self, profile: str) -> None:
        settings = self._settings
        ours, theirs = socket.socketpair()
        options = keeper_options(settings.min_isolation, profile, settings.most, settings.cells)
        with theirs:
            arguments = (str(os.getpid()), str(theirs.fileno()), *options)
            process = subprocess.Popen(
                launch.command("session_keeper", None, *arguments),
                env=launch.keeper_environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        keeper = _Keeper(process)
        channel = await Channel.open(ours, partial(self._frame, profile, keeper), partial(self._ended, profile, keeper))
        keeper.channel = channel
        try:
            report = await keeper.ready
            require(report, settings.min_isolation)
        except BaseException:
            channel.close()
            self._reaper.expect(process)
            raise
        self._keepers[profile] = keeper
        known_before = self._books.get(profile)
        if known_before is None:
            self._books[profile] = SessionBook(channel.write, self._lost)
        else:
            known_before.begin(channel.write)

    def _frame(self, profile: str, keeper: _Keeper, kind: bytes, payload: bytes) -> None:
        if keeper.ready.done():
            self._books[profile].hear(kind, payload)
        elif kind == b"H":
            keeper.ready.set_result(Report.unpack(payload))
        else:
            keeper.ready.set_exception(SandboxError(payload.decode(errors="replace")))

    def _ended(self, profile: str, keeper: _Keeper) -> None:
        if not keeper.ready.done():
            keeper.ready.set_exception(SandboxError("a session keeper ended before it was ready"))
            return
        if self._keepers.get(profile) is keeper:
            del self._keepers[profile]
            self._books[profile].end(Loss.SANDBOX)
        if not self._closed:
            print(f"the keeper of sessions of profile {profile} died; the next session starts another", file=sys.stderr)
            self._reaper.end(keeper.process)
