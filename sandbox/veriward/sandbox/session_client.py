"""Sessions for blocking code: over any socket that speaks `session_frames.py`, or with a keeper of its own.

    with LocalSessions() as sessions, sessions.open() as session:
        session.run("x = 6")
        print(session.run("x * 7").value)

For use by one thread, one call at a time; who has many sessions and would have their cells run side by side gives each
thread a `Sessions` of its own. A lost session raises `SessionLost` with the reason, now and whenever it is asked again.
"""

import os
import socket
import subprocess
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from veriward.sandbox import frames, launch, levels, session_frames
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.execution import Isolation
from veriward.sandbox.keeper_process import hear_hello, parent_to_name
from veriward.sandbox.profiles import STD
from veriward.sandbox.session import NO_LIMITS_OF_ITS_OWN, Cell, CellLimits, CellResult, SessionPlan
from veriward.sandbox.session_book import SessionBook

_STOP_SECONDS = 10.0


class Session:
    """One of `Sessions`; as a context manager it is closed at the end."""

    def __init__(self, sessions: "Sessions", name: str) -> None:
        self._sessions = sessions
        self.name = name

    def run(
        self,
        code: str,
        *,
        limits: CellLimits = NO_LIMITS_OF_ITS_OWN,
        files: Mapping[str, bytes] | None = None,
        fetch: Sequence[str] = (),
    ) -> CellResult:
        """Run a cell. Raises `SessionLost`, `SessionBusy`, `ExecutionRefused`, `SandboxError`."""
        head, blobs = session_frames.run_request(self.name, Cell(code, limits, dict(files or {}), tuple(fetch)))
        return session_frames.read_result(*self._sessions.ask(head, blobs))

    def fork(self, count: int = 1) -> "list[Session]":
        """`count` sessions that begin with this one's state and files, and share nothing with it from then on."""
        names = [new_name() for _ in range(count)]
        self._sessions.ask({"op": "fork", "session": self.name, "ids": names}, [])
        return [Session(self._sessions, name) for name in names]

    def reset(self, files: Mapping[str, bytes] | None = None) -> None:
        """Begin anew: no state, and no files but these."""
        given = dict(files or {})
        head = {"op": "reset", "session": self.name, "files": list(given)}
        self._sessions.ask(head, list(given.values()))

    def close(self) -> None:
        """End it. Nothing happens if it is gone already."""
        self._sessions.close_all([self.name])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Sessions:
    """Whoever is at the other end of `sock`: a session keeper, or a worker that passes frames on to one.

    `profile` is that of sessions that are opened without a plan.
    """

    _profile = STD

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._book = SessionBook(sock.sendall)

    def open(self, plan: SessionPlan | None = None) -> Session:
        """Raises `TooManySessions`, `ExecutionRefused`, `SandboxError`."""
        session = Session(self, new_name())
        self.ask(*session_frames.open_request(session.name, plan or SessionPlan(self._profile)))
        return session

    def ask(self, head: session_frames.Head, blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
        """The answer to one request. Raises what went wrong."""
        answers: list[tuple[dict[str, Any], list[bytes]] | SandboxError] = []
        self._book.ask(head, blobs, answers.append)
        while not answers:
            try:
                kind, payload = frames.receive(self._sock)
            except (EOFError, OSError):
                self._book.end()
            else:
                self._book.hear(kind, payload)
        answer = answers[0]
        if isinstance(answer, SandboxError):
            raise answer
        return answer

    def close_all(self, names: Iterable[str]) -> None:
        for name in names:
            if self._book.is_live(name):
                try:
                    self.ask({"op": "close", "session": name}, [])
                except SandboxError:
                    pass  # it is gone, which is what was wanted


class LocalSessions(Sessions):
    """Sessions of one profile in a keeper of their own, which ends with the context.

    `most` live at once, and `cells` of them run at once. Entering raises `IsolationUnavailable`, `SandboxError`.
    """

    def __init__(
        self,
        min_level: str = levels.DEFAULT_MINIMUM,
        *,
        profile: str = STD,
        most: int = 500,
        cells: int | None = None,
        command: Sequence[str] | None = None,
        without: Sequence[str] = (),
    ) -> None:
        cells = cells or len(os.sched_getaffinity(0))
        self._options = keeper_options(min_level, profile, most, cells, without)
        self._profile = profile
        self._min_level = min_level
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self.isolation = Isolation("L0", ())

    def __enter__(self) -> Self:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                launch.command(
                    "session_keeper", self._command, str(parent_to_name()), str(theirs.fileno()), *self._options
                ),
                env=launch.keeper_environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        super().__init__(ours)
        report = levels.Report.unpack(hear_hello(self._process, ours))
        try:
            levels.require(report, self._min_level)
        except SandboxError:
            self.close()
            raise
        self.isolation = report.isolation
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the keeper, and with it all its sessions."""
        self._sock.close()
        if self._process is not None:
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None


def keeper_options(min_level: str, profile: str, most: int, cells: int, without: Sequence[str] = ()) -> list[str]:
    """Of a session keeper's command line."""
    options = ["--hello", f"--min-level={min_level}", f"--profile={profile}", f"--most={most}", f"--cells={cells}"]
    return [*options, *(f"--without={layer}" for layer in without)]


def new_name() -> str:
    """A name for a session that no other has."""
    return uuid.uuid4().hex
