"""Keeps graded results by what decided them, within a bound of bytes; the least recently used go first."""

from collections import OrderedDict
from dataclasses import dataclass

ENTRY_BYTES = 350  # measured beside the JSON: digest, entry object, table slots


@dataclass(frozen=True, slots=True)
class Kept:
    """A graded result: its JSON object left open at the end, and its reward for the metrics."""

    head: bytes
    reward: float


class ResultCache:
    """An LRU of graded results. A key is the digest of verifier, version, task and response."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def enabled(self) -> bool:
        return self._max_bytes > 0

    def get(self, key: bytes) -> Kept | None:
        kept = self._kept.get(key)
        if kept is None:
            self.misses += 1
            return None
        self._kept.move_to_end(key)
        self.hits += 1
        return kept

    def peek(self, key: bytes) -> Kept | None:
        """As `get`, uncounted."""
        return self._kept.get(key)

    def put(self, key: bytes, kept: Kept) -> None:
        if key in self._kept:
            return
        self._kept[key] = kept
        self.bytes += len(kept.head) + ENTRY_BYTES
        while self.bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self.bytes -= len(oldest.head) + ENTRY_BYTES
