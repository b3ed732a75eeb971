"""The same `Idempotency-Key` and body give the same results and run nothing twice.

A batch is found while it runs and for a time after its end. One that was refused never began and one that was cancelled
did not end: neither is kept, and the next request with the key begins anew.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from veriward.server.auth import Caller
from veriward.server.batch import Batch
from veriward.server.problems import Refusal
from veriward.wire import ErrorCode

MAX_KEY_CHARS = 256
MAX_ENTRIES = 10_000
ENTRY_BYTES = 1_200  # beside the results: key, digests, batch, table slots
ROLLOUT_BYTES = 150  # per result beside its JSON: its slot and its place

Key = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Sent:
    """A request with an `Idempotency-Key`: whose, under which name, and what it says."""

    key: Key
    fingerprint: bytes

    @classmethod
    def of(cls, caller: Caller, name: bytes | None, path: str, body: bytes) -> "Sent | None":
        """None without a `name`. Raises `Refusal` for one that cannot be kept."""
        if name is None:
            return None
        if not 0 < len(name) <= MAX_KEY_CHARS:
            raise Refusal(ErrorCode.INVALID_REQUEST, f"Idempotency-Key must have 1 to {MAX_KEY_CHARS} characters")
        return cls((caller.key_digest, name), sha256(b"%b\0%b" % (path.encode(), body)).digest())

    @property
    def digest(self) -> bytes:
        """The key in a length that may be stored anywhere."""
        return sha256(b"%b\0%b" % self.key).digest()


def mismatch() -> Refusal:
    return Refusal(ErrorCode.IDEMPOTENCY_MISMATCH, "this Idempotency-Key was used with another body")


@dataclass(slots=True)
class Entry:
    fingerprint: bytes
    batch: Batch
    bytes: int = 0
    expires: float = 0.0


class Idempotency:
    """Entries by API key and idempotency key; bounded by count, bytes and seconds since their end."""

    def __init__(self, seconds: float, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._clock = clock
        self._running: dict[Key, Entry] = {}
        self._ended: OrderedDict[Key, Entry] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._running) + len(self._ended)

    def known(self, sent: Sent | None) -> Batch | None:
        """The batch of an equal request before. Raises `Refusal` where its body was another."""
        if sent is None:
            return None
        self._evict()
        known = self._running.get(sent.key) or self._ended.get(sent.key)
        if known is None or known.batch.cancelled:
            return None
        if known.fingerprint != sent.fingerprint:
            raise mismatch()
        return known.batch

    def batch(self, sent: Sent | None, begin: Callable[[], Batch]) -> Batch:
        """As `known`, else that of `begin()`, which is then known."""
        known = self.known(sent)
        if known is not None:
            return known
        batch = begin()
        if sent is not None:
            entry = self._running[sent.key] = Entry(sent.fingerprint, batch)
            batch.at_end(lambda: self._end(sent.key, entry))
        return batch

    def _end(self, key: Key, entry: Entry) -> None:
        if self._running.get(key) is entry:
            del self._running[key]
        if entry.batch.cancelled:
            return
        entry.bytes = ENTRY_BYTES + sum(
            len(result) + ROLLOUT_BYTES for results in entry.batch.slots for result in results
        )
        entry.expires = self._clock() + self._seconds
        self._ended[key] = entry
        self.bytes += entry.bytes
        self._evict()

    def _evict(self) -> None:
        now = self._clock()
        while self._ended:
            oldest = next(iter(self._ended.values()))
            if oldest.expires > now and self.bytes <= self._max_bytes and len(self._ended) <= MAX_ENTRIES:
                return
            self._ended.popitem(last=False)
            self.bytes -= oldest.bytes
