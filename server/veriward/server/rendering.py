"""Writes results as the JSON that goes out, completing what the worker left unsaid.

A result is written in two pieces, the head that a cache may keep and a tail that belongs to one answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from pydantic_core import to_json

from veriward.server.batch import Batch, Place
from veriward.server.jobs import RolloutResult
from veriward.verifiers import Verifier
from veriward.wire import Outcome, Status

_BLANK: Mapping[str, Any] = {
    "status": Status.ERROR,
    "reward": None,
    "outcome": None,
    "parts": {},
    "extracted": None,
    "reason": "",
    "verifier": "",
    "version": 0,
    "metrics": {},
    "isolation": None,
    "integrity": "strong",
}
_OUTCOMES = frozenset(Outcome)
CACHED_TAIL = b',"cached":true,"seconds":{"queued":0.0,"graded":0.0}}'
FRESH_TAIL = b',"cached":false,"seconds":{"queued":0.0,"graded":0.0}}'


@dataclass(frozen=True, slots=True)
class Written:
    """`head` is the JSON object without `cached` and `seconds`, left open for a tail."""

    head: bytes
    status: str
    reward: float | None
    queued_seconds: float = 0.0
    graded_seconds: float = 0.0

    @property
    def fresh(self) -> bytes:
        if not self.queued_seconds and not self.graded_seconds:
            return self.head + FRESH_TAIL
        return b'%b,"cached":false,"seconds":{"queued":%.6f,"graded":%.6f}}' % (
            self.head,
            self.queued_seconds,
            self.graded_seconds,
        )


def blank(verifier: Verifier | None) -> dict[str, Any]:
    """The fields that a result has when nothing is said of them."""
    return dict(_BLANK) if verifier is None else {**_BLANK, "verifier": verifier.name, "version": verifier.version}


def write(result: RolloutResult, blank: Mapping[str, Any]) -> Written:
    """A reward and an outcome go out exactly when the status is `graded`; what breaks that is our own error."""
    fields = {**blank, **result}
    seconds = fields.pop("seconds", None) or {}
    status, reward = fields["status"], fields["reward"]
    if status == Status.GRADED:
        if not _is_finite_number(reward) or fields["outcome"] not in _OUTCOMES:
            return write({"status": Status.ERROR, "reason": "the grader gave no reward that is a number"}, blank)
    elif reward is not None or fields["outcome"] is not None:
        return write({"status": status, "reason": fields["reason"]}, blank)
    try:
        head = to_json(fields)[:-1]
    except ValueError:
        return write({"status": Status.ERROR, "reason": "the grader's result cannot be written as JSON"}, blank)
    return Written(head, status, reward, seconds.get("queued", 0.0), seconds.get("graded", 0.0))


def grade_response(batch: Batch) -> bytes:
    """The body of `wire.GradeResponse`."""
    return b'{"request_id":%b,"items":%b}' % (to_json(batch.request_id), items_json(batch.ids, batch.slots))


def items_json(ids: Sequence[str], slots: Sequence[Sequence[bytes]]) -> bytes:
    """A list of `wire.ItemResults`."""
    items = (
        b'{"id":%b,"results":[%b]}' % (to_json(name), b",".join(results))
        for name, results in zip(ids, slots, strict=True)
    )
    return b"[%b]" % b",".join(items)


def stream_lines(batch: Batch, places: list[Place]) -> bytes:
    """A `wire.StreamLine` for each place."""
    return b"".join(
        b'{"item":%d,"response":%d,"result":%b}\n' % (item, response, batch.slots[item][response])
        for item, response in places
    )


def stream_end(batch: Batch) -> bytes:
    """The `wire.StreamEnd`."""
    return b'{"done":true,"request_id":%b,"results":%d}\n' % (to_json(batch.request_id), len(batch.finished))


def execute_response(batch: Batch) -> bytes:
    """The body of `wire.ExecuteResponse`."""
    return b'{"request_id":%b,"runs":[%b]}' % (to_json(batch.request_id), b",".join(batch.slots[0]))


def _is_finite_number(value: object) -> bool:
    return type(value) in (float, int) and isfinite(value)  # type: ignore[arg-type]
