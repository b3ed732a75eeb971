"""What a worker can do, and so which class of work a job belongs to.

What every worker can do waits in one class per lane. What only some can do has a class of its own, which they read.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from veriward.server.jobs import LANGUAGE, PROFILE
from veriward.server.queue.redis.roster import Roster
from veriward.server.worker.plan import Plan


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`verifiers` and their versions, `languages` and theirs, the isolation `level` and its `layers`."""

    verifiers: Mapping[str, int]
    languages: Mapping[str, str]
    level: str
    profiles: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    release: str = ""

    def pack(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def unpack(cls, raw: bytes) -> "Capabilities":
        fields: dict[str, Any] = json.loads(raw)
        known = {name: fields[name] for name in cls.__slots__ if name in fields}
        tuples = {name: tuple(known.get(name, ())) for name in ("layers", "profiles")}
        return cls(**{**known, **tuples})

    def digest(self) -> str:
        return sha256(self.pack()).hexdigest()[:16]

    def meets(self, need: str) -> bool:
        if need.startswith(LANGUAGE):
            return need.removeprefix(LANGUAGE) in self.languages
        if need.startswith(PROFILE):
            return need.removeprefix(PROFILE) in self.profiles
        return not need or need in self.verifiers


class Fleet:
    """The gateway's view of the workers: who can do what, and how much of it at a time."""

    def __init__(self, roster: Roster, min_level: str) -> None:
        self.roster = roster
        self._min_level = min_level
        self.capabilities: dict[str, Capabilities] = {}
        self._classes: dict[tuple[str, str], str | None] = {}
        self._version = -1

    def unknown(self) -> set[str]:
        """Digests that workers named and that are still to be asked for."""
        return {peer.beat["does"] for peer in self.roster} - self.capabilities.keys()

    def learn(self, digest: str, raw: bytes) -> None:
        self.capabilities[digest] = Capabilities.unpack(raw)
        self._classes.clear()

    def class_of(self, lane: str, need: str) -> str | None:
        """The class of a job; None where there are workers and none of them can do it."""
        if self._version != self.roster.version:
            self._version = self.roster.version
            self._classes.clear()
        key = lane, need
        if key not in self._classes:
            self._classes[key] = self._find(lane, need)
        return self._classes[key]

    def capacity(self, work_class: str) -> int:
        """Cost that the workers of a class hold at a time."""
        lane, _, need = work_class.partition("@")
        able = (peer for peer in self.roster if self._able(peer.beat, lane, need))
        return sum(peer.beat["capacity"].get(lane, 0) for peer in able)

    def _find(self, lane: str, need: str) -> str | None:
        beats = [peer.beat for peer in self.roster]
        able = sum(self._able(beat, lane, need) for beat in beats)
        if beats and not able:
            return None
        return lane if able == len(beats) else f"{lane}@{need}"

    def _able(self, beat: Mapping[str, Any], lane: str, need: str) -> bool:
        does = self.capabilities.get(beat["does"])
        return lane in beat["capacity"] and does is not None and does.level >= self._min_level and does.meets(need)


def lane_of(work_class: str) -> str:
    return work_class.partition("@")[0]


def lanes(plans: Mapping[str, Plan]) -> dict[str, tuple[str, ...]]:
    """The verifiers of each lane."""
    found: dict[str, tuple[str, ...]] = {}
    for name, plan in plans.items():
        found[plan.lane] = (*found.get(plan.lane, ()), name)
    return found
