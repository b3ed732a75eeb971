"""Items whose rewards need the whole group: results are held until the last is there, shaped, and given together.

What the cache keeps, and what others who wait for the same rollout get, is unshaped: a group is its request's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from pydantic_core import from_json, to_json

from veriward.server.cache import Kept
from veriward.server.flights import Work
from veriward.server.rendering import CACHED_TAIL, Written
from veriward.verifiers.judging import text_of
from veriward.verifiers.shaping.groups import GroupTerm, Rollout, shape_group
from veriward.wire import GroupShaping, Outcome, Status


@dataclass(frozen=True, slots=True)
class Held:
    """One result: its JSON object without its end, that end, and what metrics count."""

    head: bytes
    tail: bytes
    status: str
    reward: float | None


class Group:
    """The results of one item, by place, until all are there."""

    def __init__(self, shaping: Sequence[GroupShaping], responses: Sequence[Any]) -> None:
        self._terms = [GroupTerm(term.kind, term.weight) for term in shaping]
        self._responses = responses
        self._held: list[Held | None] = [None] * len(responses)

    def hold(self, place: int, result: Held) -> bool:
        """Keep it; False where there is one."""
        if self._held[place] is not None:
            return False
        self._held[place] = result
        return True

    def complete(self) -> list[Held] | None:
        """All results, shaped; None while one is missing."""
        held = [result for result in self._held if result is not None]
        if len(held) < len(self._held):
            return None
        graded = {at: from_json(each.head + b"}") for at, each in enumerate(held) if each.status == Status.GRADED}
        shaped = shape_group(self._terms, [_rollout(self._responses[at], told) for at, told in graded.items()])
        for (at, told), rollout in zip(graded.items(), shaped, strict=True):
            held[at] = _rewritten(held[at], told, rollout)
        return held


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class GroupWork(Work):
    """`Work` whose results wait for each other."""

    group: Group

    @classmethod
    def of(cls, work: Work, group: Group) -> Self:
        return cls(**{each.name: getattr(work, each.name) for each in fields(work)}, group=group)

    def settle(self, place: int, result: Written) -> bool:
        tail = result.fresh[len(result.head) :]
        return self._hold(place, Held(result.head, tail, result.status, result.reward))

    def settle_kept(self, place: int, kept: Kept) -> None:
        self._hold(place, Held(kept.head, CACHED_TAIL, Status.GRADED, kept.reward))

    def _hold(self, place: int, result: Held) -> bool:
        if not self.group.hold(place, result):
            return False
        for at, shaped in enumerate(self.group.complete() or ()):
            self.batch.fill(self.item, at, shaped.head + shaped.tail)
            self.series.add(shaped.status, shaped.reward)
        return True


def _rollout(response: Any, told: Mapping[str, Any]) -> Rollout:
    return Rollout(
        text_of(response) or "",
        told["reward"],
        Outcome(told["outcome"]),
        told["extracted"],
        told["parts"],
        told["metrics"],
    )


def _rewritten(held: Held, told: Mapping[str, Any], shaped: Rollout) -> Held:
    result = {
        **told,
        "reward": shaped.reward,
        "outcome": shaped.outcome,
        "parts": shaped.parts,
        "metrics": shaped.metrics,
    }
    return Held(to_json(result)[:-1], held.tail, held.status, shaped.reward)
