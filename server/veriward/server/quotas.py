"""How much one API key may have in flight, and begin per second, over all gateways of a fleet.

In flight is known to the other gateways within a heartbeat; the rate is shared out among them evenly.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from veriward.server.queue import QueueFull
from veriward.server.shared import Shared

RETRY_SECONDS = 1.0


@dataclass(slots=True)
class Account:
    """`tokens` are rollouts that may begin now; below zero they are owed."""

    in_flight: int = 0
    tokens: float = 0.0
    filled: float = 0.0


class Quotas:
    """Zero bounds nothing. A key that has nothing in flight may send any request, as to an empty queue."""

    def __init__(self, max_rollouts: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_rollouts = max_rollouts
        self._per_second = per_second
        self._clock = clock
        self._accounts: dict[str, Account] = {}
        self.shared: Shared | None = None

    def take(self, caller: bytes, rollouts: int) -> None:
        """Raises `QueueFull`: then nothing was taken."""
        name = caller.hex()[:16]
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = Account(tokens=self._rate, filled=self._clock())
        self._check_in_flight(name, account, rollouts)
        if self._per_second:
            self._check_rate(account)
            account.tokens -= rollouts
        account.in_flight += rollouts

    def give(self, caller: bytes, rollouts: int) -> None:
        """They were answered."""
        self._accounts[caller.hex()[:16]].in_flight -= rollouts

    def usage(self) -> dict[str, int]:
        """Rollouts in flight by key, for the other gateways."""
        return {name: account.in_flight for name, account in self._accounts.items() if account.in_flight}

    @property
    def _rate(self) -> float:
        return self._per_second / (1 if self.shared is None else max(1, self.shared.gateways))

    def _check_in_flight(self, name: str, account: Account, rollouts: int) -> None:
        others = 0 if self.shared is None else self.shared.usage_of_others(name)
        used = account.in_flight + others
        if self._max_rollouts and used and used + rollouts > self._max_rollouts:
            reason = f"this API key has {used:,} rollouts in flight and {self._max_rollouts:,} is its bound"
            raise QueueFull(reason, RETRY_SECONDS)

    def _check_rate(self, account: Account) -> None:
        now, rate = self._clock(), self._rate
        account.tokens = min(rate, account.tokens + (now - account.filled) * rate)
        account.filled = now
        if account.tokens <= 0:
            reason = f"this API key may begin {self._per_second:g} rollouts per second"
            raise QueueFull(reason, max(RETRY_SECONDS, (1 - account.tokens) / rate))
