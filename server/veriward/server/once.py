"""An answer that is made once per `Idempotency-Key`, however often its request comes: for what is no batch of rollouts.

A request that comes while the first is answered waits for the same answer. Refusals are not kept.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256

from veriward.server.auth import Caller
from veriward.server.problems import Refusal
from veriward.wire import ErrorCode

MAX_KEY_CHARS = 256
ENTRY_BYTES = 500  # beside the answer: key, digests, task
Key = tuple[bytes, bytes]


@dataclass(slots=True)
class _Entry:
    fingerprint: bytes
    answering: "asyncio.Task[bytes]"
    waiting: int = 0
    bytes: int = 0
    expires: float = 0.0


class Once:
    """Answers kept for `seconds`, of `max_bytes` in all."""

    def __init__(self, seconds: float, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self.bytes = 0

    async def answer(
        self, caller: Caller, name: bytes | None, path: str, body: bytes, begin: Callable[[], Awaitable[bytes]]
    ) -> bytes:
        """What `begin()` gives, or gave. When nobody waits for it any longer it is cancelled. Raises `Refusal`."""
        if name is None:
            return await begin()
        if not 0 < len(name) <= MAX_KEY_CHARS:
            raise Refusal(ErrorCode.INVALID_REQUEST, f"Idempotency-Key must have 1 to {MAX_KEY_CHARS} characters")
        key = (caller.key_digest, name)
        fingerprint = sha256(b"%b\0%b" % (path.encode(), body)).digest()
        self._evict()
        entry = self._entries.get(key)
        if entry is None:
            begun = _Entry(fingerprint, asyncio.ensure_future(_begun(begin)))
            begun.answering.add_done_callback(lambda _: self._ended(key, begun))
            entry = self._entries[key] = begun
        elif entry.fingerprint != fingerprint:
            raise Refusal(ErrorCode.IDEMPOTENCY_MISMATCH, "this Idempotency-Key was used with another body")
        entry.waiting += 1
        try:
            return await asyncio.shield(entry.answering)
        finally:
            entry.waiting -= 1
            if not entry.waiting and not entry.answering.done():
                entry.answering.cancel()
                self._forget(key, entry)

    def _ended(self, key: Key, entry: _Entry) -> None:
        done = entry.answering
        if done.cancelled() or done.exception() is not None:
            self._forget(key, entry)
            return
        entry.bytes = ENTRY_BYTES + len(done.result())
        entry.expires = self._clock() + self._seconds
        self.bytes += entry.bytes
        self._evict()

    def _forget(self, key: Key, entry: _Entry) -> None:
        if self._entries.get(key) is entry:
            del self._entries[key]

    def _evict(self) -> None:
        now = self._clock()
        for key, entry in list(self._entries.items()):
            if entry.bytes and (entry.expires <= now or self.bytes > self._max_bytes):
                del self._entries[key]
                self.bytes -= entry.bytes
            elif entry.bytes:
                return


async def _begun(begin: Callable[[], Awaitable[bytes]]) -> bytes:
    return await begin()
