"""Tasks by content hash: resolves what a rollout's `task` names, and keeps what `PUT /v1/tasks` brought.

Only what costs nothing is checked here: that the verifier or the ref exists, and that the fields can be written as
JSON. The task's own fields are validated where it is graded.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from hashlib import sha256
from math import isfinite
from typing import Any

from veriward.server.envelope import path
from veriward.verifiers import InvalidTask, Verifier
from veriward.verifiers.recipes import made_of, recipes
from veriward.verifiers.shaping import wants_messages
from veriward.wire import GroupShaping

ENTRY_BYTES = 400  # beside the JSON: ref, entry object, table slots
MAX_HEARD = 100_000  # refs whose use the fleet heard of
MAX_NAME_CHARS = 100  # of a name that is repeated in a reason

_canonical = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode


@dataclass(frozen=True, slots=True)
class ReadyTask:
    """A task that can be graded: `fields_json` is canonical JSON of its fields, `verifier` left out.

    `messages`: it is judged by the chat messages, not by the text of the last assistant message alone. One that asks
    for a recipe is kept as it was sent, and `verifier` is the recipe's, as is `group_shaping`; `mark` tells today's
    recipe from another of its name, of which results may be kept.
    """

    verifier: Verifier
    fields_json: bytes
    messages: bool
    group_shaping: tuple[GroupShaping, ...] = ()
    mark: bytes = b""


@dataclass(slots=True)
class StoredEntry:
    task: ReadyTask
    expires: float

    @property
    def bytes(self) -> int:
        return len(self.task.fields_json) + ENTRY_BYTES


class TaskStore:
    """Bounded by bytes, least recently used first, and by the seconds since a task was last used."""

    def __init__(
        self,
        verifiers: Mapping[str, Verifier],
        max_bytes: int,
        ttl_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._verifiers = verifiers
        self.max_bytes = max_bytes
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._entries: OrderedDict[str, StoredEntry] = OrderedDict()
        self._heard: dict[str, float] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def resolve(self, task: Mapping[str, Any]) -> ReadyTask:
        """The task itself, or the stored one that its `ref` names. Raises `InvalidTask` naming the field."""
        if "ref" not in task:
            return self._ready(task)
        if extra := sorted(task.keys() - {"ref"}):
            raise InvalidTask(extra[0][:MAX_NAME_CHARS], "a task with `ref` has no other field")
        ref = task["ref"]
        entry = self.get(ref) if isinstance(ref, str) else None
        if entry is None:
            raise InvalidTask("ref", "no task is kept under it (any more): store it with PUT /v1/tasks")
        return entry.task

    def put(self, task: ReadyTask) -> str:
        """Keep the task and return its ref."""
        ref = ref_of(task)
        if ref not in self._entries:
            entry = self._entries[ref] = StoredEntry(task, 0.0)
            self.bytes += entry.bytes
        self._touch(ref)
        self._evict()
        return ref

    def get(self, ref: str) -> StoredEntry | None:
        """The entry under `ref`, used now."""
        self._evict()
        if ref not in self._entries:
            return None
        return self._touch(ref)

    def missing(self, refs: Iterable[str]) -> list[str]:
        """Those that are not here, and those that the fleet should hear of being used, lest it forgets them."""
        now = self._clock()
        due = [ref for ref in refs if self.get(ref) is None or self._heard.get(ref, 0.0) <= now]
        for ref in due:
            self._heard[ref] = now + self._ttl_seconds / 4
        if len(self._heard) > MAX_HEARD:
            self._heard.clear()
        return due

    def learn(self, found: Mapping[str, bytes]) -> None:
        """Keep tasks of the fleet; one whose verifier is not known here stays unknown."""
        for ref, packed in found.items():
            name, _, fields = packed.partition(b"\0")
            verifier = self._verifiers.get(name.decode())
            if verifier is not None and ref not in self._entries:
                told: dict[str, Any] = json.loads(fields)
                try:
                    self.put(_ready(verifier, told, made_of(told).task if "recipe" in told else told))
                except InvalidTask:  # of a server that knows other recipes
                    continue

    def remaining_seconds(self, entry: StoredEntry) -> float:
        return max(0.0, entry.expires - self._clock())

    def _touch(self, ref: str) -> StoredEntry:
        entry = self._entries[ref]
        entry.expires = self._clock() + self._ttl_seconds
        self._entries.move_to_end(ref)
        return entry

    def _evict(self) -> None:
        now = self._clock()
        while self._entries:
            oldest = next(iter(self._entries.values()))
            if oldest.expires > now and self.bytes <= self.max_bytes:
                return
            self._entries.popitem(last=False)
            self.bytes -= oldest.bytes

    def _ready(self, task: Mapping[str, Any]) -> ReadyTask:
        made = made_of(task).task if "recipe" in task else task
        name = made.get("verifier")
        verifier = self._verifiers.get(name) if isinstance(name, str) else None
        if verifier is None:
            raise InvalidTask("verifier", self._no_verifier(made))
        return _ready(verifier, {field: value for field, value in task.items() if field != "verifier"}, made)

    def _no_verifier(self, task: Mapping[str, Any]) -> str:
        if "verifier" not in task:
            return "is missing: name a verifier, or give `ref` alone"
        name = task["verifier"]
        if not isinstance(name, str):
            return "must be a string"
        close = get_close_matches(name[:MAX_NAME_CHARS], self._verifiers, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(self._verifiers)}"
        return f"{name[:MAX_NAME_CHARS]!r} is not known here; {hint}"


def _ready(verifier: Verifier, fields: dict[str, Any], made: Mapping[str, Any]) -> ReadyTask:
    """`made` is what a recipe makes of the fields, or they themselves. Raises `InvalidTask`."""
    try:
        fields_json = _canonical(fields).encode()
    except ValueError:  # UnicodeEncodeError is one
        raise next(_unwritable(fields, ())) from None
    wants = verifier.messages or wants_messages(made)
    if "recipe" not in fields:
        return ReadyTask(verifier, fields_json, wants)
    return ReadyTask(verifier, fields_json, wants, *_of_recipe(fields["recipe"]))


@cache
def _of_recipe(name: str) -> tuple[tuple[GroupShaping, ...], bytes]:
    """The group shaping of a recipe, and its mark."""
    recipe = recipes()[name]
    shaping = tuple(GroupShaping(**term) for term in recipe.group_shaping)
    return shaping, sha256(_canonical([recipe.task, recipe.defaults]).encode()).digest()


def packed(task: ReadyTask) -> bytes:
    """As the fleet keeps it."""
    return task.verifier.name.encode() + b"\0" + task.fields_json


def ref_of(task: ReadyTask) -> str:
    """`sha256:` of the canonical JSON of the task, its verifier's name under the key `verifier` included."""
    return "sha256:" + sha256(_canonical(whole(task)).encode()).hexdigest()


def whole(task: ReadyTask) -> dict[str, Any]:
    """The task as a client would send it."""
    return {"verifier": task.verifier.name, **fields_of(task)}


def fields_of(task: ReadyTask) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(task.fields_json)
    return fields


def _unwritable(value: Any, location: tuple[int | str, ...]) -> Iterator[InvalidTask]:
    """A fault for each number that is not finite and each string that is not Unicode, with its path."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _unwritable(key, location)
            yield from _unwritable(member, (*location, key))
    elif isinstance(value, list):
        for at, member in enumerate(value):
            yield from _unwritable(member, (*location, at))
    elif isinstance(value, float) and not isfinite(value):
        yield InvalidTask(path(location), "is not a finite number")
    elif isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        yield InvalidTask(path(location) or "task", "holds a lone surrogate")
