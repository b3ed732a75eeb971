"""At most so much in any minute: requests, or tokens, to one endpoint."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass

WINDOW_SECONDS = 60.0


@dataclass(slots=True)
class Taken:
    """An amount taken `at` (monotonic seconds); `counts` while it is of the last minute."""

    at: float
    amount: float
    counts: bool


class Window:
    """What was taken in the last minute. `limit` 0: no limit. Who asks first goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: deque[Taken] = deque()
        self._sum = 0.0
        self._turn = asyncio.Lock()

    async def take(self, amount: float) -> Taken:
        """Wait until `amount` is free. More than the limit waits until nothing else was taken for a minute.

        What it gives is for `correct`.
        """
        async with self._turn:
            while (seconds := self.wait_seconds(amount, time.monotonic())) > 0:
                await asyncio.sleep(seconds)
            taken = Taken(time.monotonic(), amount, self._limit > 0)
            if taken.counts:
                self._taken.append(taken)
                self._sum += amount
            return taken

    def correct(self, taken: Taken, amount: float) -> None:
        """It was this much, not what was reserved."""
        if taken.counts:
            self._sum += amount - taken.amount
            taken.amount = amount

    def wait_seconds(self, amount: float, now: float) -> float:
        """How long until `amount` is free; 0 if it is."""
        while self._taken and self._taken[0].at <= now - WINDOW_SECONDS:
            past = self._taken.popleft()
            past.counts = False
            self._sum -= past.amount
        excess = self._sum + amount - self._limit
        if not self._limit or excess <= 0 or not self._taken:
            return 0.0
        for taken in self._taken:
            excess -= taken.amount
            if excess <= 0:
                break
        return max(0.001, taken.at + WINDOW_SECONDS - now)
