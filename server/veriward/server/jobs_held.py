"""A client's job in the hands of this gateway: its lines as they come, and who waits for more of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from veriward.server.batch import Batch, Place
from veriward.server.jobs_table import JobHead, Line, State

ENTRY_BYTES = 1_500  # beside the results: head, batch, table slots
ROLLOUT_BYTES = 150  # per result beside its JSON: its slot and its place


@dataclass(eq=False, slots=True)
class HeldJob:
    """`batch` grades what the job still lacks: all of it, or, of one that was taken over, what `earlier` leaves.

    `places` are then the places in the whole job of those in the batch. Readers see `ready` lines: where a table keeps
    them, those that it has, so that no other gateway tells them in another order.
    """

    head: JobHead
    batch: Batch
    body: bytes = b""
    earlier: Sequence[Line] = ()
    places: Mapping[Place, Place] = field(default_factory=dict)
    ready: int = 0
    cancelled: bool = False
    expires: float = 0.0
    bytes: int = 0
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def answered(self) -> int:
        return len(self.earlier) + len(self.batch.finished)

    @property
    def state(self) -> State:
        if self.ready < self.head.rollouts:
            return "running"
        return "cancelled" if self.cancelled else "finished"

    def lines(self, since: int, until: int) -> list[Line]:
        """Those from number `since` to before number `until`, as far as they are there."""
        own, places, slots = len(self.earlier), self.places, self.batch.slots
        found = list(self.earlier[since:until])
        for place in self.batch.finished[max(since - own, 0) : max(until - own, 0)]:
            item, response = places.get(place, place)
            found.append((item, response, slots[place[0]][place[1]]))
        return found

    def kept_bytes(self) -> int:
        lines = self.lines(0, self.answered)
        return ENTRY_BYTES + sum(len(result) + ROLLOUT_BYTES for _, _, result in lines)

    def show(self, lines: int) -> None:
        """Let readers see so many."""
        self.ready = lines
        self.wake()

    def wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def more(self, than: int, seconds: float) -> None:
        """Wait until more than `than` lines are ready, at most so long; something else may end it, too."""
        if self.ready > than or self.ready >= self.head.rollouts:
            return
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(seconds):
                await waiting
        except TimeoutError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
