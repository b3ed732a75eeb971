"""What is told of a client's job, and what the gateways of a fleet keep of it so that any of them can tell.

A client's job is a request for rewards that nobody holds a connection for. The queue's own unit of work, a `Job`, is in
`jobs.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

Line = tuple[int, int, bytes]
"""Item, response, and the JSON of its result."""

State = Literal["running", "finished", "cancelled"]


@dataclass(frozen=True, slots=True)
class JobHead:
    """What is known of a job before any result: whose it is, what its body said, and how many results it will have."""

    id: str
    caller: bytes
    fingerprint: bytes
    request_id: str
    counts: Sequence[int]
    ids: Sequence[str]
    submitted_at: float
    deadline_seconds: float

    @property
    def rollouts(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class JobView:
    """What a reader sees: how far the job is, and some of its lines, in the order in which they came."""

    head: JobHead
    state: State
    answered: int
    kept_seconds: float | None
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Taken:
    """A job that this gateway has taken over: its body, what it has, and the seconds since it was submitted."""

    head: JobHead
    body: bytes
    lines: Sequence[Line]
    seconds: float


class Hold(Enum):
    """Whose a job is."""

    OURS = 1
    ANOTHERS = 2
    NOBODYS = 3  # the table has lost it


class JobTable(Protocol):
    """Jobs by id, each in the hands of one gateway, which says often that it lives.

    Every method may raise `QueueDown` and `QueueFull`, when the store cannot be reached or takes no more.
    """

    async def create(self, head: JobHead, body: bytes) -> bool:
        """Keep a job that is ours from now on; False where there is one of this id."""
        ...

    async def forget(self, id: str) -> None:
        """It never began."""
        ...

    async def look(self, id: str, since: int, most: int) -> JobView | None:
        """The job with its lines from number `since` on, `most` of them."""
        ...

    async def append(self, id: str, at: int, lines: Sequence[Line], end: State | None) -> Hold:
        """Add lines as number `at` and on, and end the job: all of it or, where it is not ours, nothing."""
        ...

    async def renew(self, ids: Sequence[str]) -> Mapping[str, Hold]:
        """Say that we live, and hear whose these jobs are."""
        ...

    async def abandoned(self) -> Sequence[str]:
        """Some of the jobs whose gateway is silent."""
        ...

    async def take(self, id: str, *, by_force: bool) -> Taken | None:
        """Take a running job over; without force only an abandoned one. None where it may not be had."""
        ...

    async def release(self, ids: Sequence[str]) -> None:
        """Whoever comes next may have these."""
        ...
