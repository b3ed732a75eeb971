"""How fast a queue drains, measured, and what that means for who has to wait."""

import time

RATE_SECONDS = 5.0  # time constant of the drain rate
MAX_RETRY_AFTER_SECONDS = 60.0


class DrainRate:
    """Rollouts answered per second, smoothed over `RATE_SECONDS`."""

    def __init__(self) -> None:
        self._per_second = 0.0
        self._count = 0
        self._since = time.monotonic()

    def count(self, now: float) -> None:
        self._count += 1
        elapsed = now - self._since
        if elapsed >= 1.0:
            weight = min(1.0, elapsed / RATE_SECONDS)
            self._per_second += weight * (self._count / elapsed - self._per_second)
            self._count, self._since = 0, now

    def per_second(self, now: float) -> float:
        elapsed = max(now - self._since, 1.0)
        return max(self._per_second if elapsed < 2 * RATE_SECONDS else 0.0, self._count / elapsed)

    def seconds_for(self, rollouts: int, now: float) -> float:
        """How long `rollouts` take at this rate, within [1, `MAX_RETRY_AFTER_SECONDS`]."""
        return wait_seconds(rollouts, self.per_second(now))


def wait_seconds(rollouts: int, per_second: float) -> float:
    """How long `rollouts` take at a rate, within [1, `MAX_RETRY_AFTER_SECONDS`]."""
    if per_second <= 0:
        return MAX_RETRY_AFTER_SECONDS
    return min(MAX_RETRY_AFTER_SECONDS, max(1.0, rollouts / per_second))
