"""Requests as bytes: every value is encoded once, then cut into requests within the server's limits."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from veriward.wire import MAX_RESPONSES, GradeItem, Message
from veriward.wire.requests import MAX_RUNS, MAX_TASKS

Task = Mapping[str, Any]
"""One verifier's task, `{"verifier": name, …fields}`, or a stored one, `{"ref": "sha256:…"}`."""

Reply = str | Sequence[Message | Mapping[str, Any]]
"""What the model said: text, or chat messages of which the last by the assistant is judged."""

Rollout = tuple[bytes, bytes]
"""A task and a response, both as JSON."""

ENVELOPE_BYTES = 1024  # braces, deadline and priority around the items: far less than this


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may carry, the server's defaults; whatever is larger travels as several requests."""

    responses: int = MAX_RESPONSES
    runs: int = MAX_RUNS
    tasks: int = MAX_TASKS
    body_bytes: int = 32 << 20


@dataclass(frozen=True, slots=True)
class Group:
    """JSON of values that share a head: an item up to its responses, and the responses.

    `together`: they are judged as a group, so no request may carry a part of them.
    """

    head: bytes
    members: list[bytes]
    together: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """`members[first:stop]` of group number `group`, as they travel in one request."""

    group: int
    first: int
    stop: int


def encode(value: Any) -> bytes:
    """JSON in UTF-8. Lone surrogates, which UTF-8 cannot hold, go as escapes: the server judges such a response.

    NaN goes as `NaN`, for the server to refuse that one task by name. Raises `TypeError` for what JSON cannot hold.
    """
    try:
        return _UTF8.encode(value).encode()
    except UnicodeEncodeError:
        return _ASCII.encode(value).encode()


def _fields(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} {str(value)[:80]!r} has no JSON form: give text, numbers, lists or dicts")


_UTF8 = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_fields)
_ASCII = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=_fields)


def encode_files(files: Mapping[str, str | bytes]) -> dict[str, Any]:
    """Text as it is, bytes in base64."""
    return {
        name: content if isinstance(content, str) else {"base64": b64encode(content).decode()}
        for name, content in files.items()
    }


def encode_reply(reply: Reply) -> bytes:
    if isinstance(reply, bytes) or not isinstance(reply, Sequence):
        raise TypeError(f"a response is text or a list of messages, not {type(reply).__name__}")
    return encode(reply)


def encode_item(item: GradeItem | Mapping[str, Any]) -> Group:
    fields = item.model_dump(exclude_unset=True) if isinstance(item, GradeItem) else dict(item)
    replies = fields.pop("responses", None)
    if isinstance(replies, str) or not isinstance(replies, Sequence) or not replies:
        raise ValueError(f"an item needs 'responses', a list of at least one; this one has the fields {list(item)}")
    head = _item_head(encode(fields))
    return Group(head, [encode_reply(reply) for reply in replies], bool(fields.get("group_shaping")))


def group_rollouts(rollouts: Sequence[Rollout], source: str = "") -> tuple[list[Group], list[int]]:
    """Put rollouts of equal tasks together, so that a task travels once per group.

    Returns the groups and, for each result in the order of the groups, the row it belongs to.
    """
    rows: dict[bytes, list[int]] = {}
    for row, (task, _) in enumerate(rollouts):
        rows.setdefault(task, []).append(row)
    label = b',"source":' + encode(source) if source else b""
    groups = [
        Group(_item_head(b'{"task":' + task + label + b"}"), [rollouts[row][1] for row in members])
        for task, members in rows.items()
    ]
    return groups, [row for members in rows.values() for row in members]


def _item_head(item: bytes) -> bytes:
    return item[:-1] + (b"," if len(item) > 2 else b"") + b'"responses":['


def cut(groups: Iterable[Group], max_members: int, max_bytes: int) -> Iterator[list[Span]]:
    """Requests that keep both limits, in order.

    What is too large on its own, a member or a group that stays together, travels alone, to be refused by size.
    """
    spans: list[Span] = []
    count = size = 0
    room = max_bytes - ENVELOPE_BYTES
    for index, group in enumerate(groups):
        first = 0
        if group.together and spans and not _fits(group, max_members - count, room - size):
            yield spans
            spans, count, size = [], 0, 0
        size += len(group.head)
        for position, member in enumerate(group.members):
            size += len(member) + 1
            count += 1
            if count > 1 and not group.together and (count > max_members or size > room):
                if position > first:
                    spans.append(Span(index, first, position))
                yield spans
                spans, first = [], position
                count, size = 1, len(group.head) + len(member) + 1
        spans.append(Span(index, first, len(group.members)))
    yield spans


def _fits(group: Group, members: int, room: int) -> bool:
    return len(group.members) <= members and len(group.head) + sum(map(len, group.members)) + len(group.members) <= room


def items_json(groups: Sequence[Group], spans: Sequence[Span]) -> bytes:
    """The JSON list of the items that these spans make."""
    items = (groups[s.group].head + b",".join(groups[s.group].members[s.first : s.stop]) + b"]}" for s in spans)
    return b"[" + b",".join(items) + b"]"


def cut_list(values: Sequence[Any], max_values: int, max_bytes: int) -> Iterator[tuple[bytes, int]]:
    """The JSON lists that `values` make within both limits, each with its length."""
    if not values:
        raise ValueError("an empty list: give at least one")
    members = [encode(value) for value in values]
    for (span,) in cut([Group(b"", members)], max_values, max_bytes):
        yield b"[" + b",".join(members[span.first : span.stop]) + b"]", span.stop - span.first
