"""A line of entries that is fair between callers: round robin by rollouts, first come first served within one.

Deficit round robin (Shreedhar & Varghese 1995) with overdraft: a caller's turn lasts for `QUANTUM_ROLLOUTS`, and what
its last job took beyond that is taken off its next turn.
"""

from collections import deque
from collections.abc import Iterator

from veriward.server.queue.book import Entry

QUANTUM_ROLLOUTS = 64  # one full batch of cheap ones


class FairLine:
    """Entries whose rollouts were all answered meanwhile are passed over."""

    __slots__ = ("_credit", "_lines", "_turns")

    def __init__(self) -> None:
        self._lines: dict[bytes, deque[Entry]] = {}
        self._turns: deque[bytes] = deque()
        self._credit: dict[bytes, int] = {}

    def append(self, entry: Entry) -> None:
        self._line(entry).append(entry)

    def appendleft(self, entry: Entry) -> None:
        """Before everything else of its caller: it stood there already."""
        self._line(entry).appendleft(entry)

    def head(self) -> Entry | None:
        """The next entry, which stays."""
        turns, credit = self._turns, self._credit
        while turns:
            caller = turns[0]
            line = self._lines[caller]
            while line and not line[0].open:
                line.popleft()
            if not line:
                turns.popleft()
                del self._lines[caller], credit[caller]
            elif credit[caller] > 0:
                return line[0]
            else:
                credit[caller] += QUANTUM_ROLLOUTS
                turns.rotate(-1)
        return None

    def pop(self) -> Entry:
        """Take the entry that `head` told."""
        caller = self._turns[0]
        entry = self._lines[caller].popleft()
        self._credit[caller] -= len(entry.open)
        return entry

    def oldest(self) -> Iterator[Entry]:
        """The first entry of each caller."""
        for line in self._lines.values():
            if line and line[0].open:
                yield line[0]

    def _line(self, entry: Entry) -> deque[Entry]:
        caller = entry.job.caller
        line = self._lines.get(caller)
        if line is None:
            line = self._lines[caller] = deque()
            self._turns.append(caller)
            self._credit[caller] = QUANTUM_ROLLOUTS
        return line
