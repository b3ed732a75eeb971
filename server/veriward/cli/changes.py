"""Counts what grading again changed: by source, verifier and version, with the changed rewards one by one."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from veriward.cli.graded_file import UNSETTLED
from veriward.cli.tally import MAX_SOURCES, OTHER_SOURCES, Tally, agree

MAX_CHANGES = 50  # told one by one; all are in the output


class Kind(NamedTuple):
    """Which rollouts are counted together."""

    source: str
    verifier: str
    before: str
    after: str


@dataclass(slots=True)
class Counts:
    """`lost` and `found`: rewards that became null, and nulls that became rewards."""

    rollouts: int = 0
    higher: int = 0
    lower: int = 0
    lost: int = 0
    found: int = 0

    @property
    def changed(self) -> int:
        return self.higher + self.lower + self.lost + self.found

    def add(self, before: float | None, after: float | None) -> bool:
        """Whether the reward changed."""
        self.rollouts += 1
        if agree(before, after):
            return False
        self.lost += after is None
        self.found += before is None
        if before is not None and after is not None:
            self.higher += after > before
            self.lower += after < before
        return True


@dataclass(frozen=True, slots=True)
class Change:
    """Response `response` (from 0) of a stored line earns another reward than it did."""

    line: int
    id: str
    response: int
    before: float | None
    after: float | None
    status: str
    reason: str


class Changes(Tally):
    """A tally of records that hold `before`, the results of then, beside `results`."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: defaultdict[Kind, Counts] = defaultdict(Counts)
        self.first: list[Change] = []

    @property
    def changed(self) -> int:
        return sum(counts.changed for counts in self.kinds.values())

    @property
    def unsettled(self) -> int:
        """Rollouts that a fault of ours left without a verdict."""
        return sum(self.total().statuses[status] for status in UNSETTLED)

    def add(self, record: dict[str, Any]) -> None:
        super().add(record)
        for index, (old, new) in enumerate(zip(record["before"], record["results"], strict=True)):
            verifier = new.get("verifier") or old.get("verifier") or ""
            kind = Kind(record["source"], verifier, _version(old), _version(new))
            if kind not in self.kinds and len(self.kinds) >= MAX_SOURCES:
                kind = Kind(OTHER_SOURCES, "", "", "")
            if self.kinds[kind].add(old["reward"], new["reward"]) and len(self.first) < MAX_CHANGES:
                told = (old["reward"], new["reward"], new["status"], new.get("reason", ""))
                self.first.append(Change(record["line"], record["id"], index, *told))

    def sentences(self) -> Iterator[str]:
        """What changed, one by one."""
        yield f"{self.changed:,} of {self.rollouts:,} rewards changed"
        yield from (f"  {_sentence(change)}" for change in self.first)
        if self.changed > len(self.first):
            yield f"  … and {self.changed - len(self.first):,} more"


def _version(result: dict[str, Any]) -> str:
    version = result.get("version")
    return "–" if version is None else str(version)


def _sentence(change: Change) -> str:
    before = "null" if change.before is None else f"{change.before:g}"
    after = f"null ({change.status})" if change.after is None else f"{change.after:g}"
    name = f" ({change.id[:40]})" if change.id else ""
    reason = f": {change.reason[:120]}" if change.reason else ""
    return f"line {change.line}{name}, response {change.response}: {before} → {after}{reason}"
