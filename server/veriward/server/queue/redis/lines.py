"""What a gateway holds of each class of work: what stands in line, and what is out in Redis, chunk by chunk."""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from veriward.server.queue.book import Entry
from veriward.server.queue.fair import FairLine
from veriward.server.queue.redis.keys import Keys
from veriward.server.queue.redis.messages import COST_OF_ROUND_TRIP, cost_of

AHEAD = 2  # times what the workers hold: what is in Redis keeps them busy, what is here stays fair and can be dropped
SUSPECTS_AHEAD = 2  # per worker


@dataclass(eq=False, slots=True)
class Chunk:
    """Entries that share one stream entry. `id` is empty until Redis has told it."""

    line: "Line"
    stream: bytes
    entries: list[Entry]
    cost: int
    suspect: bool = False
    id: bytes = b""
    sent: float = 0.0
    missing: bool = False

    @property
    def open(self) -> bool:
        return any(entry.open and entry.holder is self for entry in self.entries)


@dataclass(eq=False, slots=True)
class Line:
    """One class of work. `out` is the cost of what Redis has of it from here."""

    name: str
    streams: tuple[bytes, ...]
    suspects_stream: bytes
    waiting: tuple[FairLine, ...] = field(default_factory=lambda: (FairLine(), FairLine(), FairLine()))
    suspects: deque[Entry] = field(default_factory=deque)
    out: int = 0
    suspects_out: int = 0

    @classmethod
    def of(cls, name: str, keys: Keys) -> "Line":
        return cls(name, keys.work(name), keys.suspects(name))

    def form(self, capacity: int, share: int, workers: int) -> Iterator[Chunk]:
        """Take chunks out of the line while the workers have room for them.

        A chunk shares one grader's round trip: many cheap rollouts, `share` at most, or one dear one.
        """
        for stream, line in zip(self.streams, self.waiting, strict=True):
            while self.out < AHEAD * capacity and (entry := line.head()) is not None:
                entries, cost, rollouts = [line.pop()], cost_of(entry), len(entry.open)
                while (entry := line.head()) is not None:
                    more, count = cost_of(entry), len(entry.open)
                    if cost + more > COST_OF_ROUND_TRIP or rollouts + count > share:
                        break
                    entries.append(line.pop())
                    cost, rollouts = cost + more, rollouts + count
                self.out += cost
                yield _held(Chunk(self, stream, entries, cost))
        while self.suspects and capacity and self.suspects_out < SUSPECTS_AHEAD * workers:
            entry = self.suspects.popleft()
            if entry.open:
                self.suspects_out += 1
                yield _held(Chunk(self, self.suspects_stream, [entry], cost_of(entry), suspect=True))

    def free(self, chunk: Chunk) -> None:
        """Redis has it no more, or need not."""
        if chunk.suspect:
            self.suspects_out -= 1
        else:
            self.out -= chunk.cost

    def oldest(self) -> Iterator[Entry]:
        for line in self.waiting:
            yield from line.oldest()


def _held(chunk: Chunk) -> Chunk:
    chunk.sent = time.monotonic()
    for entry in chunk.entries:
        entry.holder = chunk
    return chunk
