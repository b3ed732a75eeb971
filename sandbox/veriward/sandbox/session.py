"""What a stateful session is asked, and what it says of each of its cells.

A session is one confined Python that lives on: what a cell defines, the next one finds. It has limits of its own
(memory, processes) and limits per cell (wall, CPU, output). A cell past its limit is interrupted, and the state is
kept; where that does not help, the session is killed and said to be lost. A lost session is never replaced by a new
one without a word: whoever asks for it again is told why it is gone.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from veriward.sandbox.errors import SandboxError
from veriward.sandbox.execution import MIB, Isolation, Limits, RunStatus, Usage

MAX_FIGURES = 8  # of one cell
MAX_FIGURE_BYTES = MIB // 2
MAX_VALUE_CHARS = 64 << 10
MAX_TRACEBACK_CHARS = 16 << 10
MAX_FETCHED = 64
MAX_FETCHED_BYTES = 8 * MIB
MAX_ANSWER_BYTES = 16 * MIB
"""All that one cell gives beside its two streams: figures, files, the value, the traceback."""
MAX_FORKS = 256  # of one request
MAX_GENERATIONS = 20
"""Forks upon forks with cells between them: each is one namespace deeper, and the kernel allows 32."""
DEFAULT_IDLE_SECONDS = 600.0
MAX_IDLE_SECONDS = 24 * 3600.0


NOT_ISOLATED = Isolation("L0", ())


class Loss(StrEnum):
    """Why a session is gone. Stable: programs branch on it."""

    CLOSED = "closed"
    """It was closed by whoever had it."""
    IDLE = "idle"
    """Nobody used it for its `idle_seconds`."""
    TIME = "time_limit"
    """A cell past its limit could not be interrupted."""
    MEMORY = "memory_limit"
    """The kernel killed it for its memory."""
    ENDED = "ended"
    """Its own code ended the process, or spoilt what it needs to go on."""
    PROCESSES = "processes"
    """A cell left processes behind that could not be ended without it."""
    SANDBOX = "sandbox"
    """Our fault: the processes that keep sessions died."""
    WORKER = "worker"
    """Our fault: the worker that held it is gone."""


_SAID = {
    Loss.IDLE: "nobody used it for its idle_seconds",
    Loss.TIME: "a cell past its limit could not be interrupted",
    Loss.MEMORY: "it was over its memory",
    Loss.ENDED: "its own code ended it",
    Loss.PROCESSES: "a cell left processes behind that could not be ended",
    Loss.SANDBOX: "the sandbox that held it died",
    Loss.WORKER: "the worker that held it is gone",
    Loss.CLOSED: "it was closed",
}


def said(reason: str) -> str:
    """A loss in words."""
    return f"the session is lost: {_SAID.get(Loss(reason), reason)}"


class SessionError(SandboxError):
    """What was asked of a session could not be done; nothing was changed.

    SessionUnknown   there never was one of that id, or it is long gone
    SessionLost      it is gone; `reason` says why
    SessionBusy      it is at work: one thing at a time
    ForkRefused      it cannot be forked as it is now
    TooManySessions  no more fit here
    """


class SessionUnknown(SessionError):
    pass


class SessionLost(SessionError):
    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class SessionBusy(SessionError):
    pass


class ForkRefused(SessionError):
    pass


class TooManySessions(SessionError):
    pass


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """What a new session is to be. `limits` hold for every cell that has none of its own."""

    profile: str = "std"
    limits: Limits = field(default_factory=Limits)
    idle_seconds: float = DEFAULT_IDLE_SECONDS
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CellLimits:
    """What may differ from cell to cell; None takes the session's."""

    wall_seconds: float | None = None
    cpu_seconds: float | None = None
    output_bytes: int | None = None

    def upon(self, limits: Limits) -> Limits:
        """The session's `limits` with these in their place."""
        own = {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}
        return replace(limits, **own)


NO_LIMITS_OF_ITS_OWN = CellLimits()


@dataclass(frozen=True, slots=True)
class Cell:
    """Code to run in a session. `files` are put into its box before, those named by `fetch` given back after."""

    code: str
    limits: CellLimits = NO_LIMITS_OF_ITS_OWN
    files: dict[str, bytes] = field(default_factory=dict)
    fetch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CellResult:
    """How one cell ended, and what it gave.

    `value` is the repr of a last expression that is not None; `error` the last line of `traceback`. `figures` are PNG.
    `files` are those fetched; `refused` says of the others why not. `lost` is why the session did not outlive the cell,
    empty while it lives. `index` counts the session's cells from 1.
    """

    index: int
    status: RunStatus
    reason: str = ""
    stdout: bytes = b""
    stderr: bytes = b""
    value: str | None = None
    error: str = ""
    traceback: str = ""
    figures: tuple[bytes, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    lost: str = ""
    usage: Usage = field(default_factory=Usage)
    isolation: Isolation = NOT_ISOLATED
