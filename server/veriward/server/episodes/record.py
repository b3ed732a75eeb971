"""An episode as the gateway keeps it: its state as bytes, its conversation, and what is being played."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from veriward.wire import EpisodeRequest, PlayedTurn, StepResult


@dataclass(slots=True)
class Pending:
    """What the world said already in a turn that was not played to its end; for the same action, if it comes again."""

    digest: bytes
    answers: list[dict[str, Any]] = field(default_factory=list)
    heard: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Playing:
    """A turn under way."""

    number: int
    digest: bytes
    task: "asyncio.Task[StepResult]"


@dataclass(eq=False, slots=True)
class Episode:
    """One episode of `asked`. `state` is empty once it is over; `lost` says why it can't go on."""

    id: str
    owner: bytes
    asked: EpisodeRequest
    version: int
    seed: int
    state: str
    observation: str
    metrics: dict[str, float]
    tools: list[dict[str, Any]]
    turns: list[PlayedTurn] = field(default_factory=list)
    last: StepResult | None = None
    digest: bytes = b""
    pending: Pending | None = None
    playing: Playing | None = None
    session: str | None = None
    ended: bool = False
    lost: str = ""
    used: float = field(default_factory=time.monotonic)
    said_bytes: int = 0

    @property
    def step(self) -> int:
        """The number of the last turn that was played."""
        return len(self.turns)

    @property
    def size_bytes(self) -> int:
        return len(self.state) + self.said_bytes

    def use(self) -> None:
        self.used = time.monotonic()


def copied(episode: Episode) -> Episode:
    """Another episode that is where this one is; its interpreter is not copied."""
    return Episode(
        uuid4().hex,
        episode.owner,
        episode.asked,
        episode.version,
        episode.seed,
        episode.state,
        episode.observation,
        dict(episode.metrics),
        episode.tools,
        list(episode.turns),
        said_bytes=episode.said_bytes,
    )
