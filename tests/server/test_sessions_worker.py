"""A worker's sessions: whose they are, how many one may have, and a keeper for each profile."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from veriward.sandbox.errors import ExecutionRefused
from veriward.sandbox.session import Cell, CellLimits, SessionLost, SessionPlan, SessionUnknown, TooManySessions
from veriward.sandbox.session_client import new_name
from veriward.sandbox.session_frames import open_request, run_request
from veriward.server.worker.processes import Reaper
from veriward.server.worker.sessions import SessionSettings, WorkerSession, WorkerSessions

pytestmark = pytest.mark.sandbox


@pytest.fixture
async def sessions() -> AsyncIterator[WorkerSessions]:
    reaper = Reaper()
    sessions = WorkerSessions(SessionSettings(most=20, per_owner=2, cells=2, min_isolation="L2"), reaper)
    yield sessions
    sessions.close()
    await asyncio.to_thread(reaper.wait)


async def opened(sessions: WorkerSessions, owner: str) -> str:
    name = new_name()
    await sessions.ask(*open_request(name, SessionPlan()), owner)
    return name


async def test_a_session_is_its_owners_alone(sessions: WorkerSessions) -> None:
    name = await opened(sessions, "one")
    for head in ({"op": "look", "session": name}, {"op": "close", "session": name}):
        with pytest.raises(SessionUnknown):
            await sessions.ask(head, [], "two")
    await sessions.ask({"op": "close", "session": name}, [], "one")
    with pytest.raises(SessionLost):
        await sessions.ask({"op": "look", "session": name}, [], "one")
    with pytest.raises(SessionUnknown):
        await sessions.ask({"op": "look", "session": name}, [], "two")


async def test_how_many_an_owner_may_have(sessions: WorkerSessions) -> None:
    first, second = await opened(sessions, "one"), await opened(sessions, "one")
    with pytest.raises(TooManySessions):
        await opened(sessions, "one")
    with pytest.raises(TooManySessions):
        await sessions.ask({"op": "fork", "session": first, "ids": [new_name()]}, [], "one")
    await opened(sessions, "two")
    await sessions.ask({"op": "close", "session": second}, [], "one")
    await opened(sessions, "one")
    assert sessions.live == 3


async def test_a_session_for_code_in_the_worker(sessions: WorkerSessions) -> None:
    session = await sessions.open(SessionPlan(files={"f": b"x"}))
    await session.run("x = 1")
    forks = await session.fork(3)
    await session.reset()
    assert [(await fork.run("x += 1; x, open('f').read()")).value for fork in forks] == ["(2, 'x')"] * 3
    with pytest.raises(ExecutionRefused):
        await sessions.open(SessionPlan(profile="nobody's"))
    for one in (session, *forks):
        await one.close()
    assert sessions.live == 0


async def test_cells_of_many_sessions_overlap(sessions: WorkerSessions) -> None:
    """Two hold a core each while they sleep; a third waits for one, without its limit running."""
    three = [await sessions.open() for _ in range(3)]
    results = await asyncio.gather(
        *(one.run("import time; time.sleep(0.3)", limits=CellLimits(wall_seconds=20)) for one in three)
    )
    assert [result.status for result in results] == ["finished"] * 3


async def test_whoever_stops_waiting_interrupts_the_cell(sessions: WorkerSessions) -> None:
    session = await sessions.open()
    await session.run("kept = 1")
    waiting = asyncio.ensure_future(session.run("import time; time.sleep(100)", limits=CellLimits(wall_seconds=100)))
    while not (await look(sessions, session))["running"]:
        await asyncio.sleep(0.01)
    waiting.cancel()
    async with asyncio.timeout(60):
        while (await look(sessions, session))["running"]:
            await asyncio.sleep(0.01)
    assert (await session.run("kept")).value == "1"


async def look(sessions: WorkerSessions, session: WorkerSession) -> dict[str, object]:
    told, _ = await sessions.ask({"op": "look", "session": session.name}, [])
    return told


async def test_without_room_nobody_has_a_session() -> None:
    reaper = Reaper()
    sessions = WorkerSessions(SessionSettings(most=0, per_owner=0, cells=1, min_isolation="L2"), reaper)
    with pytest.raises(TooManySessions):
        await sessions.open()
    with pytest.raises(SessionUnknown):
        await sessions.ask(*run_request("nobody", Cell("1")))
    sessions.close()
