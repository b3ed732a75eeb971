"""The sessions of one keeper: opened, run, forked, reset, closed; evicted when nobody uses them, and told lost."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from veriward.sandbox import session_bounds, session_frames
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.execution import Isolation
from veriward.sandbox.readiness import is_readable
from veriward.sandbox.session import (
    Cell,
    CellResult,
    Loss,
    SessionBusy,
    SessionLost,
    SessionPlan,
    SessionUnknown,
    TooManySessions,
    said,
)
from veriward.sandbox.session_cells import INTERRUPTED, CellRun
from veriward.sandbox.session_forks import fork
from veriward.sandbox.session_nursery import SessionNursery
from veriward.sandbox.session_resident import Resident, end, nobody, settle

Answer = tuple[dict[str, Any], list[bytes]]


class Session:
    def __init__(self, name: str, plan: SessionPlan, resident: Resident) -> None:
        self.name = name
        self.plan = plan
        self.resident = resident
        self.cells = 0
        self.is_at_work = False
        self.run: CellRun | None = None
        self.is_cancelled = False
        self.has_changed = True
        """Whether a cell has run since it was forked last."""
        self.used = time.monotonic()
        self.loss = ""
        self.expiry: asyncio.TimerHandle | None = None


class SessionTable:
    """`tell` writes packed frames to whoever has the sessions; of their cells, `cells` run at once."""

    def __init__(
        self,
        nursery: SessionNursery,
        profile: str,
        most: int,
        cells: int,
        isolation: Isolation,
        tell: Callable[[bytes], object],
    ) -> None:
        self._tell = tell
        self._nursery = nursery
        self._profile = profile
        self._most = most
        self._cores = asyncio.Semaphore(cells)
        self._isolation = isolation
        self._sessions: dict[str, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch_zygote()

    async def do(self, head: dict[str, Any], blobs: list[bytes]) -> Answer:
        """What one request asks for. Raises `SandboxError`."""
        operation = head["op"]
        if operation == "open":
            self.open(head["session"], session_frames.read_plan(head, blobs))
            return {}, []
        session = self._session(head["session"])
        if operation == "run":
            return session_frames.result_answer(await self.run(session, session_frames.read_cell(head, blobs)))
        if operation == "fork":
            await self.fork(session, head["ids"])
            return {"idle_seconds": session.plan.idle_seconds}, []
        elif operation == "reset":
            await self.reset(session, dict(zip(head["files"], blobs, strict=True)))
        elif operation == "close":
            await self._close(session)
        elif operation == "interrupt":
            self.interrupt(session)
        elif operation == "look":
            return self._look(session), []
        else:
            raise SandboxError(f"sessions do not know {operation!r}")
        return {}, []

    def open(self, name: str, plan: SessionPlan) -> None:
        session_bounds.check_plan(plan)
        if plan.profile != self._profile:
            raise SandboxError(f"a keeper of profile {self._profile!r} was asked for {plan.profile!r}")
        self._require_room(1)
        kept = replace(plan, files={})
        self._add(Session(name, kept, settle(self._nursery, plan.limits, plan.files)))

    async def run(self, session: Session, cell: Cell) -> CellResult:
        session_bounds.check_cell(cell)
        with self._working(session):
            async with self._cores:
                limits = cell.limits.upon(session.plan.limits)
                if session.is_cancelled:  # before it began
                    return CellResult(session.cells, INTERRUPTED.status, INTERRUPTED.reason, isolation=self._isolation)
                session.cells += 1
                session.has_changed = True
                session.run = CellRun(session.resident, session.cells, cell, limits)
                try:
                    result = await session.run.run(self._isolation)
                finally:
                    session.run = None
            if result.lost:
                await self._lose(session, self._reason(result.lost), notice=False)
                if session.loss != result.lost:  # not by what the cell did
                    raise SessionLost(said(session.loss), session.loss)
        return result

    async def fork(self, session: Session, names: list[str]) -> None:
        session_bounds.check_count(len(names))
        self._require_room(len(names))
        with self._working(session):
            plan, parent = session.plan, session.resident.parent
            try:
                if parent is not None and parent.is_stem and not session.has_changed:
                    branches = await fork(parent, len(names), plan.limits, self._nursery)
                else:
                    # The process that is forked must rest from then on: the session itself goes on as a branch.
                    *branches, session.resident = await fork(
                        session.resident, len(names) + 1, plan.limits, self._nursery
                    )
            except SessionLost as lost:
                await self._lose(session, lost.reason, notice=False)
                raise
            session.has_changed = False
            self._guard(session)
        for name, branch in zip(names, branches, strict=True):
            forked = Session(name, plan, branch)
            forked.cells, forked.has_changed = session.cells, False
            self._add(forked)

    async def reset(self, session: Session, files: dict[str, bytes]) -> None:
        session_bounds.check_files(files)
        with self._working(session):
            old = session.resident
            session.resident = settle(self._nursery, session.plan.limits, files)
            session.cells, session.has_changed = 0, True
            self._guard(session)
            await end(old, self._nursery)

    def interrupt(self, session: Session) -> None:
        if session.is_at_work:
            session.is_cancelled = True
            if session.run is not None:
                session.run.interrupt()

    def _look(self, session: Session) -> dict[str, Any]:
        return {
            "cells": session.cells,
            "running": session.is_at_work,
            "idle_seconds": 0.0 if session.is_at_work else time.monotonic() - session.used,
            "generation": session.resident.generation,
            "memory_bytes": session.resident.child.memory_bytes(),
        }

    async def _close(self, session: Session) -> None:
        self.interrupt(session)
        await self._lose(session, Loss.CLOSED, notice=False)

    def _session(self, name: str) -> Session:
        session = self._sessions.get(name)
        if session is None:
            raise SessionUnknown(f"there is no session {name[:100]!r}")
        return session

    def _require_room(self, count: int) -> None:
        if len(self._sessions) + count > self._most:
            raise TooManySessions(f"{len(self._sessions)} sessions live here, and {self._most} is the bound")
        if not self._nursery.has_room:
            raise TooManySessions("forks of sessions that are kept for their forks leave no room for more")

    @contextlib.contextmanager
    def _working(self, session: Session) -> Any:
        if session.is_at_work:
            raise SessionBusy(f"session {session.name!r} is at work: one thing at a time")
        session.is_at_work, session.is_cancelled = True, False
        try:
            yield
        finally:
            session.is_at_work = False
            session.used = time.monotonic()
            self._stirred(session)

    def _add(self, session: Session) -> None:
        self._sessions[session.name] = session
        self._guard(session)
        self._expect(session)

    def _guard(self, session: Session) -> None:
        """Notice when it ends or speaks though nobody asked it for anything."""
        session.resident.stirred = lambda: self._stirred(session)

    def _stirred(self, session: Session) -> None:
        resident = session.resident
        if not session.is_at_work and (resident.has_ended or resident.has_spoken):
            self._go(self._lose(session, self._reason(Loss.ENDED)))

    def _expect(self, session: Session) -> None:
        loop = asyncio.get_running_loop()
        left = session.used + session.plan.idle_seconds - time.monotonic()
        if session.is_at_work:
            left = session.plan.idle_seconds
        if left > 0:
            session.expiry = loop.call_later(left, self._expect, session)
        else:
            self._go(self._lose(session, Loss.IDLE))

    async def _lose(self, session: Session, reason: str, *, notice: bool = True) -> None:
        if self._sessions.get(session.name) is not session:
            return
        del self._sessions[session.name]
        session.loss = reason
        session.resident.stirred = nobody
        if session.expiry is not None:
            session.expiry.cancel()
        if notice:
            self._tell(session_frames.pack_notice(session.name, reason))
        if not self._zygote_is_gone():
            await end(session.resident, self._nursery)

    def _reason(self, seen: str) -> str:
        """Why a session ended of which `seen` is all that its own process tells."""
        return Loss.SANDBOX if self._zygote_is_gone() else seen

    def _watch_zygote(self) -> None:
        asyncio.get_running_loop().add_reader(self._nursery.control, self._zygote_ended)

    def _zygote_ended(self) -> None:
        if not self._zygote_is_gone():
            return
        asyncio.get_running_loop().remove_reader(self._nursery.control)
        residents = set()
        for session in list(self._sessions.values()):
            at: Resident | None = session.resident
            while at is not None and at not in residents:
                residents.add(at)
                at = at.parent
            session.loss = Loss.SANDBOX
            if session.expiry is not None:
                session.expiry.cancel()
            self._tell(session_frames.pack_notice(session.name, Loss.SANDBOX))
        self._sessions.clear()
        for resident in residents:
            resident.forget()
        self._nursery.restart()
        self._watch_zygote()

    def _zygote_is_gone(self) -> bool:
        control = self._nursery.control
        if not is_readable(control.fileno()):
            return False
        return not control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)

    def _go(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
