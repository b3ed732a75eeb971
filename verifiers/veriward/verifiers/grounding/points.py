"""The verifier `grounding.points`: InfiGUI-G1's exploration reward for a short list of candidate points."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.grounding.boxes import Coordinate
from veriward.verifiers.grounding.reading import numbers, read_answer
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict
from veriward.wire.outcomes import Outcome

MAX_POINTS = 32
FAILURE = -1.0
# A triangle's doubled area over its longest side squared; below it the three points are on one line.
COLLINEAR = 1e-9


class Region(Task):
    """The element to be hit, edges included."""

    x1: Coordinate
    y1: Coordinate
    x2: Coordinate
    y2: Coordinate

    @model_validator(mode="after")
    def _proper(self) -> "Region":
        if not (self.x1 <= self.x2 and self.y1 <= self.y2):
            raise ValueError("a region has x1 <= x2 and y1 <= y2")
        return self

    def holds(self, point: Sequence[float]) -> bool:
        return self.x1 <= point[0] <= self.x2 and self.y1 <= point[1] <= self.y2


class PointsParams(Task):
    """Asks for the published scale."""

    w_format: float = Field(default=1.0, ge=0, le=100)
    w_acc: float = Field(default=1.0, ge=0, le=100)


class PointsTask(Task):
    gold: Region
    params: PointsParams | None = None


def golds(fields: Mapping[str, Any]) -> Iterator[str]:
    """The middle of the element."""
    gold = fields.get("gold")
    if isinstance(gold, Mapping) and all(isinstance(gold.get(name), int | float) for name in ("x1", "y1", "x2", "y2")):
        middle = [(gold["x1"] + gold["x2"]) / 2, (gold["y1"] + gold["y2"]) / 2]
        yield f"<think>It is there.</think>\n<answer>{json.dumps([{'point_2d': middle}])}</answer>"


@verifier("grounding.points", version=1, task=PointsTask, golds=golds)
def points(response: str, task: PointsTask, sandbox: Sandbox, /) -> Verdict:
    """Pay the rank of the first point that hits, over few points that are not on one line.

    Formula (InfiGUI-G1, Liu et al. 2025, arXiv:2508.05731, adaptive exploration reward, and its published code): of N
    points the first to hit is the k-th: `efficiency` = 1/sqrt(N k), and -1/N where none hits. Without `params` the
    reward is `efficiency`, 0 where none hits: in [0, 1], and thinking may be absent. With `params` it is the published
    w_format + w_acc efficiency, and -1 where the response does not begin with thinking in tags, each once, or where no
    point can be read, or three lie on a line. Its code pays an empty list 0; here that is -1, too.

    Points are `[{"point_2d": [x, y]}, …]` or bare `[x, y]`. Correct: the first point hits; partial: a later one does.
    """
    answer = read_answer(response)
    found = read_points(answer.value)
    if found is None:
        return _failed(task, "no points [x, y] are given")
    if len(found) > MAX_POINTS:
        return _failed(task, f"more than {MAX_POINTS} points")
    if task.params is not None and not _thinks(response):
        return _failed(task, "it is not thinking in tags, and then the points")
    if on_one_line(found):
        return _failed(task, "three points lie on one line")
    rank = next((rank for rank, point in enumerate(found, 1) if task.gold.holds(point)), None)
    efficiency = -1 / len(found) if rank is None else 1 / math.sqrt(len(found) * rank)
    metrics: dict[str, float] = {"points": len(found), "rank": rank or 0}
    outcome = Outcome.WRONG if rank is None else Outcome.CORRECT if rank == 1 else Outcome.PARTIAL
    if task.params is None:
        reward = max(0.0, efficiency)
        return Verdict(outcome, reward, {"efficiency": reward}, str(answer), metrics=metrics)
    parts = {"format": 1.0, "efficiency": efficiency}
    return Verdict(outcome, task.params.w_format + task.params.w_acc * efficiency, parts, str(answer), metrics=metrics)


def _thinks(response: str) -> bool:
    """The published form: it begins with `<think>`, has each tag once, and something in them and after them."""
    thinking, closed, rest = response.partition("</think>")
    tags_once = response.count("<think>") == 1 and response.count("</think>") == 1
    opened = thinking.startswith("<think>") and bool(thinking.removeprefix("<think>").strip())
    return tags_once and opened and bool(closed and rest.strip())


def read_points(value: Any) -> list[list[float]] | None:
    """The points of `[{"point_2d": [x, y]}, …]`, `[[x, y], …]`, or one of either; None unless all are points."""
    entries = value if isinstance(value, list) and numbers(value, 2) is None else [value]
    found = [
        numbers(entry.get("point_2d") if isinstance(entry, dict) else entry, 2) for entry in entries[: MAX_POINTS + 1]
    ]
    points = [point for point in found if point is not None]
    return points if points and len(points) == len(found) else None


def on_one_line(points: Sequence[Sequence[float]]) -> bool:
    """Whether any three of the points lie on one line; two equal ones do with every third."""
    for first, second, third in combinations(points, 3):
        doubled_area = abs(
            (second[0] - first[0]) * (third[1] - first[1]) - (third[0] - first[0]) * (second[1] - first[1])
        )
        longest = max(math.dist(first, second), math.dist(second, third), math.dist(first, third))
        if doubled_area <= COLLINEAR * longest**2:
            return True
    return False


def _failed(task: PointsTask, reason: str) -> Verdict:
    reward = 0.0 if task.params is None else FAILURE
    return Verdict(Outcome.UNPARSED, reward, {"format": reward}, reason=reason)
