"""Redis' clock, told from this process's own: hosts whose clocks disagree agree on deadlines."""

import time
from collections import deque

from veriward.server.queue.redis.connection import Link

SAMPLES = 8  # the offset of the quickest round trip among the last so many counts


class RedisClock:
    """`set` it once, then `sample` it with replies to `TIME`."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES)
        self.offset = 0.0

    async def set(self, link: Link) -> None:
        """Ask once, before anything is said of time. Raises `RedisTrouble`."""
        sent = time.monotonic()
        self.sample(sent, await link.call("TIME"))

    def sample(self, sent: float, reply: tuple[bytes, bytes]) -> float:
        """A reply to a `TIME` sent at `sent` (monotonic) has come now. Redis' seconds."""
        came = time.monotonic()
        seconds = int(reply[0]) + int(reply[1]) / 1e6
        offset = seconds - (sent + came) / 2
        if self._samples and abs(offset - self.offset) > came - sent + 1.0:
            self._samples.clear()  # another Redis, or its clock was set
        self._samples.append((came - sent, offset))
        self.offset = min(self._samples)[1]
        return seconds

    def to_redis(self, monotonic: float) -> float:
        return monotonic + self.offset

    def to_monotonic(self, redis: float) -> float:
        return redis - self.offset
