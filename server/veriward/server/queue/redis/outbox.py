"""What a worker has to tell Redis: results first, then the acknowledgements of what they answer.

While one pipeline is under way the next one gathers. After trouble the same is told again: a gateway drops what it has.
Where Redis is full, results are kept here while the acknowledgements, which free memory, go through; if this worker
dies then, the gateway finds its chunk missing and sends it again.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from veriward.server.queue.redis.connection import Command, Link
from veriward.server.queue.redis.keys import GROUP, Keys
from veriward.server.queue.redis.troubles import NoGroup, RedisTrouble

ACKNOWLEDGE_SECONDS = 0.02  # many chunks together: a chunk redelivered meanwhile is only judged twice
BACKOFF_SECONDS = (0.02, 0.1, 0.25, 0.5, 1.0)


class Outbox:
    """`run` sends until cancelled; `settled` tells when nothing is left."""

    def __init__(self, link: Link, keys: Keys, worker: str, told: Callable[[RedisTrouble | None], None]) -> None:
        self._link = link
        self._keys = keys
        self._worker = worker
        self._told = told
        self._frames: dict[int, list[bytes]] = {}
        self._done: dict[bytes, list[bytes]] = {}
        self._wakened = asyncio.Event()
        self._sending = False
        self._timer: asyncio.TimerHandle | None = None
        self._due = False  # acknowledgements are

    def answer(self, gateway: int, frames: bytes) -> None:
        self._frames.setdefault(gateway, []).append(frames)
        self._wakened.set()

    def done(self, stream: bytes, identity: bytes) -> None:
        """Acknowledge and delete a chunk, after the answers given before."""
        self._done.setdefault(stream, []).append(identity)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(ACKNOWLEDGE_SECONDS, self._acknowledge)

    def _acknowledge(self) -> None:
        self._timer, self._due = None, True
        self._wakened.set()

    async def settled(self) -> None:
        while self._sending or self._frames or self._done:
            await asyncio.sleep(0.01)

    async def run(self) -> None:
        failures = 0
        while True:
            await self._wakened.wait()
            self._wakened.clear()
            self._sending = True
            trouble = await self._send_once()
            self._sending = False
            self._told(trouble)
            if trouble is None:
                failures = 0
                continue
            self._wakened.set()
            await asyncio.sleep(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)])
            failures += 1

    async def _send_once(self) -> RedisTrouble | None:
        frames, self._frames = self._frames, {}
        done: dict[bytes, list[bytes]] = {}
        if self._due:
            done, self._done, self._due = self._done, {}, False
        answers: list[tuple[int, bytes]] = [(gateway, b"".join(parts)) for gateway, parts in frames.items()]
        commands: list[Command] = [
            ("XADD", self._keys.results(gateway), "NOMKSTREAM", "*", "w", self._worker, "f", body)
            for gateway, body in answers
        ]
        for stream, ids in done.items():
            commands += [("XACK", stream, GROUP, *ids), ("XDEL", stream, *ids)]
        if not commands:
            return None
        try:
            replies = await self._link.pipe(commands)
        except RedisTrouble as trouble:
            self._keep(answers, done)
            return trouble
        met = None
        with suppress(StopIteration):
            met = next(reply for reply in replies if isinstance(reply, RedisTrouble) and not isinstance(reply, NoGroup))
        unsaid = [answer for answer, reply in zip(answers, replies, strict=False) if isinstance(reply, RedisTrouble)]
        self._keep(unsaid, {})
        return met

    def _keep(self, answers: list[tuple[int, bytes]], done: dict[bytes, list[bytes]]) -> None:
        for gateway, body in answers:
            self._frames.setdefault(gateway, []).insert(0, body)
        for stream, ids in done.items():
            self._done[stream] = ids + self._done.get(stream, [])
            self._due = True
