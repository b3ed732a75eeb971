"""Rollouts that were answered lately, to be looked into: a sample, in memory alone, bounded in bytes and seconds.

A key sees what it sent itself; one with the scope `tasks:read` sees all, with the tasks. Of each source a few items a
second are kept, and a few more where something was not graded: that is what one comes to look for.
"""

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from veriward.server.auth import Caller
from veriward.server.batch import Batch
from veriward.server.dashboard.sources import Verdict, verdict_of
from veriward.wire import GradeRequest

ITEMS_PER_SECOND = 5  # of one source, and as many more with something not graded
MAX_RESPONSES = 64  # of one item
MAX_TEXT_CHARS = 20_000  # of one response; what is left out is told
MAX_TASK_BYTES = 64 << 10  # a larger one is told by its fields' sizes alone
ENTRY_BYTES = 600  # beside texts and results


@dataclass(frozen=True, slots=True)
class Shown:
    """A response in bounds: `cut` characters are left out."""

    response: Any
    cut: int
    chars: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One item and its results. `task_json` is empty where it is too large."""

    number: int
    at: float
    caller: bytes
    request_id: str
    source: str
    item_id: str
    verifier: str
    task_json: bytes
    task_fields: Mapping[str, str]
    shown: Sequence[Shown]
    results: Sequence[bytes]
    left_out: int

    @property
    def bytes(self) -> int:
        texts = sum(each.chars for each in self.shown)
        return ENTRY_BYTES + texts + len(self.task_json) + sum(map(len, self.results))

    @property
    def verdicts(self) -> list[Verdict]:
        return [verdict_of(result) for result in self.results]


class Recent:
    """Keeps nothing where `max_bytes` is 0."""

    def __init__(self, max_bytes: int, seconds: float, clock: Callable[[], float] = time.time) -> None:
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._clock = clock
        self._entries: deque[Entry] = deque()
        self._taken: Counter[tuple[str, bool]] = Counter()
        self._second = 0
        self._number = 0
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def watch(self, asked: GradeRequest, batch: Batch, caller: bytes) -> None:
        """Keep some of the request's items once all its results are there."""
        if self._max_bytes:
            batch.at_end(lambda: self._sample(asked, batch, caller))

    def listed(self, caller: Caller, everything: bool, before: int | None) -> Iterator[Entry]:
        """What the caller may see, the newest first, from before that number."""
        self._evict()
        for entry in reversed(self._entries):
            if (before is None or entry.number < before) and _may_see(entry, caller, everything):
                yield entry

    def find(self, number: int, caller: Caller, everything: bool) -> Entry | None:
        return next((entry for entry in self.listed(caller, everything, number + 1) if entry.number == number), None)

    def _sample(self, asked: GradeRequest, batch: Batch, caller: bytes) -> None:
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._taken.clear()
        for item, results in zip(asked.items, batch.slots, strict=True):
            plain = item.source, False
            if self._taken[plain] < ITEMS_PER_SECOND:
                self._taken[plain] += 1
            else:
                odd = item.source, True
                if self._taken[odd] >= ITEMS_PER_SECOND or all(b'"status":"graded"' in one[:20] for one in results):
                    continue
                self._taken[odd] += 1
            self._keep(item, results, batch.request_id, caller)

    def _keep(self, item: Any, results: Sequence[bytes], request_id: str, caller: bytes) -> None:
        task_json, task_fields = _task(item.task)
        self._number += 1
        entry = Entry(
            self._number,
            self._clock(),
            caller,
            request_id,
            item.source,
            item.id,
            _verifier(item.task, results),
            task_json,
            task_fields,
            [shown(response) for response in item.responses[:MAX_RESPONSES]],
            results[:MAX_RESPONSES],
            max(0, len(results) - MAX_RESPONSES),
        )
        if entry.bytes > self._max_bytes:
            return
        self._entries.append(entry)
        self.bytes += entry.bytes
        self._evict()

    def _evict(self) -> None:
        oldest_at = self._clock() - self._seconds
        while self._entries and (self.bytes > self._max_bytes or self._entries[0].at < oldest_at):
            self.bytes -= self._entries.popleft().bytes


def shown(response: Any) -> Shown:
    """A response with at most `MAX_TEXT_CHARS` characters; of messages the last ones count."""
    if isinstance(response, str):
        kept = response[:MAX_TEXT_CHARS]
        return Shown(_printable(kept), len(response) - len(kept), len(kept))
    messages: list[dict[str, Any]] = []
    left, cut = MAX_TEXT_CHARS, 0
    for message in reversed(response):
        content = message.get("content")
        text = content if isinstance(content, str) else "" if content is None else json.dumps(content)
        kept = text[:left]
        left -= len(kept)
        cut += len(text) - len(kept)
        messages.insert(0, {"role": str(message.get("role"))[:100], "content": _printable(kept)})
    return Shown(messages, cut, MAX_TEXT_CHARS - left)


def _printable(text: str) -> str:
    """Lone surrogates have no form in UTF-8."""
    return text.encode("utf-8", "replace").decode()


def _may_see(entry: Entry, caller: Caller, everything: bool) -> bool:
    return everything or entry.caller == caller.key_digest


def _verifier(task: Mapping[str, Any], results: Sequence[bytes]) -> str:
    named = task.get("verifier")
    return named[:100] if isinstance(named, str) else str(from_json(results[0]).get("verifier", ""))


def _task(task: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    """Its JSON in bounds, and its fields' names and sizes."""
    fields = {_printable(str(name)[:100]): _size(value) for name, value in list(task.items())[:100]}
    try:
        packed = to_json(dict(task), inf_nan_mode="null")
    except ValueError:
        packed = b""
    return packed if len(packed) <= MAX_TASK_BYTES else b"", fields


def _size(value: Any) -> str:
    if isinstance(value, str):
        return f"text of {len(value):,} characters"
    if isinstance(value, list):
        return f"list of {len(value):,}"
    if isinstance(value, dict):
        return f"object of {len(value):,} fields"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
