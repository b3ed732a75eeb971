"""The results of one request: filled in any order, cancelled when the last reader leaves.

Results are kept as the bytes that go out, so that a plain answer, a stream and a repeated one are joined, not built.
"""

from collections.abc import Callable, Sequence

from veriward.server.jobs import Ticket

Place = tuple[int, int]  # (item, response), from 0


class Batch:
    """`slots[i][j]` is the JSON of the result of response j of item i, empty until it is there."""

    __slots__ = (
        "_at_end",
        "_at_progress",
        "_readers",
        "_tickets",
        "cancelled",
        "finished",
        "ids",
        "remaining",
        "request_id",
        "slots",
    )

    def __init__(self, request_id: str, counts: Sequence[int], ids: Sequence[str] = ()) -> None:
        self.request_id = request_id
        self.ids = ids
        self.slots: list[list[bytes]] = [[b""] * count for count in counts]
        self.remaining = sum(counts)
        self.finished: list[Place] = []
        self.cancelled = False
        self._readers = 0
        self._tickets: list[Ticket] = []
        self._at_progress: list[Callable[[], None]] = []
        self._at_end: list[Callable[[], None]] = []

    def fill(self, item: int, response: int, result: bytes) -> bool:
        """Give one result; False, and nothing done, where it was given already."""
        slots = self.slots[item]
        if slots[response]:
            return False
        slots[response] = result
        self.finished.append((item, response))
        self.remaining -= 1
        if self._at_progress:
            self._call(self._at_progress)
        if not self.remaining:
            self._tickets.clear()
            self._call(self._at_end)
        return True

    def hold(self, ticket: Ticket) -> None:
        """The ticket is cancelled with the batch."""
        if self.remaining:
            self._tickets.append(ticket)

    def at_end(self, call: Callable[[], None]) -> None:
        """Call it once, when the last result is there."""
        self._at_end.append(call)
        if not self.remaining:
            self._call(self._at_end)

    def at_progress(self, call: Callable[[], None]) -> None:
        """Call it once, at the next result."""
        self._at_progress.append(call)

    def join(self) -> None:
        """A reader waits for this batch, until it leaves."""
        self._readers += 1

    def leave(self) -> None:
        self._readers -= 1
        if not self._readers and self.remaining:
            self.cancel()

    def cancel(self) -> None:
        """Nobody wants the rest: what waits is dropped, what runs is killed, and both come in as `cancelled`."""
        self.cancelled = True
        tickets, self._tickets = self._tickets, []
        for ticket in tickets:
            ticket.cancel()

    @staticmethod
    def _call(calls: list[Callable[[], None]]) -> None:
        due = calls.copy()
        calls.clear()
        for call in due:
            call()
