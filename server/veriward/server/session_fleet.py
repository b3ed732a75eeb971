"""Which worker has which session: its id names the worker, so any gateway that reaches the worker can ask it."""

import re
from collections import Counter
from typing import Protocol
from uuid import uuid4

from veriward.sandbox import session_frames
from veriward.sandbox.session import Loss, SessionLost, SessionUnknown, TooManySessions, said
from veriward.server.session_line import SessionLine
from veriward.server.worker.sessions import Given

_ID = re.compile(r"(?P<worker>[0-9a-f]{8})-[0-9a-f]{32}")
_REMEMBERED = 1_000


class SessionFleet(Protocol):
    """The workers' sessions as a gateway sees them. The embedded fleet keeps lines to its own processes; a fleet over a
    queue answers the same by whatever carries bytes to a worker by its name."""

    def choose(self, count: int) -> list[str]:
        """A worker's name for each of `count` new sessions. Raises `TooManySessions` where there is no worker."""
        ...

    async def ask(self, worker: str, head: session_frames.Head, blobs: list[bytes], owner: str) -> Given:
        """Raises what went wrong there; `SessionLost` if the worker is gone, `SessionUnknown` if there was none."""
        ...

    @property
    def live(self) -> int: ...

    @property
    def lost(self) -> Counter[str]: ...


def new_id(worker: str) -> str:
    return f"{worker}-{uuid4().hex}"


def worker_of(session: str) -> str:
    """The name in a session's id. Raises `SessionUnknown`."""
    match = _ID.fullmatch(session)
    if match is None:
        raise SessionUnknown(f"there is no session {session[:100]!r}")
    return match["worker"]


class EmbeddedSessions:
    """Lines by workers' names."""

    def __init__(self) -> None:
        self._lines: dict[str, SessionLine] = {}
        self._gone: dict[str, None] = {}
        self.lost: Counter[str] = Counter()

    @property
    def live(self) -> int:
        return sum(line.live for line in self._lines.values())

    def told_lost(self, reason: str) -> None:
        self.lost[reason] += 1

    def join(self, worker: str, line: SessionLine) -> None:
        self._lines[worker] = line

    def leave(self, worker: str) -> None:
        line = self._lines.pop(worker, None)
        if line is not None:
            line.end()
            self._gone[worker] = None
            while len(self._gone) > _REMEMBERED:
                del self._gone[next(iter(self._gone))]

    def choose(self, count: int) -> list[str]:
        load = {name: line.live for name, line in self._lines.items()}
        if not load:
            raise TooManySessions("no worker is there to hold sessions")
        chosen = []
        for _ in range(count):
            chosen.append(min(load, key=load.__getitem__))
            load[chosen[-1]] += 1
        return chosen

    async def ask(self, worker: str, head: session_frames.Head, blobs: list[bytes], owner: str) -> Given:
        line = self._lines.get(worker)
        if line is None:
            if worker in self._gone:
                raise SessionLost(said(Loss.WORKER), Loss.WORKER)
            raise SessionUnknown(f"there is no session {head['session'][:100]!r}")
        return await line.ask(head, blobs, owner)
