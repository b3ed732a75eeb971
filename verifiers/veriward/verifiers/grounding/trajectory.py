"""The verifier `grounding.trajectory`: how closely a predicted path follows the true one."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Annotated

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.grounding.boxes import Coordinate
from veriward.verifiers.grounding.reading import MAX_COORDINATE, numbers, read_answer
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict, unparsed
from veriward.wire.outcomes import Outcome

MAX_POINTS = 1_024
CORRECT_FROM = 0.81

Point = Annotated[list[Coordinate], Field(min_length=2, max_length=2)]


class TrajectoryParams(Task):
    """`scale`: the displacement, in the unit of the points, from which on nothing is paid."""

    scale: float | None = Field(default=None, gt=0, le=MAX_COORDINATE)


class TrajectoryTask(Task):
    gold: Annotated[list[Point], Field(min_length=1, max_length=MAX_POINTS)]
    params: TrajectoryParams = TrajectoryParams()

    @model_validator(mode="after")
    def _has_a_scale(self) -> "TrajectoryTask":
        if self.scale == 0:
            raise ValueError("gold never moves, so that params.scale must be given")
        return self

    @property
    def scale(self) -> float:
        """By default the mean displacement of standing still at the start, which then earns nothing."""
        if self.params.scale is not None:
            return self.params.scale
        return fmean(math.dist(self.gold[0], point) for point in self.gold)


@verifier("grounding.trajectory", version=1, task=TrajectoryTask)
def trajectory(response: str, task: TrajectoryTask, sandbox: Sandbox, /) -> Verdict:
    """Pay small average and final displacement from the gold path `[[x, y], …]`.

    Formula: ADE is the mean Euclidean distance of points of the same index, FDE that of the last ones (Alahi et al.
    2016, Social LSTM, section 4). Each part is max(0, 1 - error / scale), reward = their product, in [0, 1]. Without
    `params.scale`, scale is the ADE of never leaving the gold path's first point, so that no resting point pays on a
    straight path. `metrics` hold ADE and FDE in the unit of the points.

    A path of another number of points is wrong. Correct from 0.81 on: a tenth of the scale in both parts.
    """
    answer = read_answer(response)
    path = _path(answer.value)
    if path is None:
        return unparsed("no path [[x, y], …] is given")
    if len(path) != len(task.gold):
        reason = f"{len(path):,} points where the path has {len(task.gold):,}"
        return Verdict(Outcome.WRONG, 0.0, {"ade": 0.0, "fde": 0.0}, str(answer), reason)
    errors = [math.dist(mine, true) for mine, true in zip(path, task.gold, strict=True)]
    average, final = fmean(errors), errors[-1]
    parts = {"ade": max(0.0, 1 - average / task.scale), "fde": max(0.0, 1 - final / task.scale)}
    reward = parts["ade"] * parts["fde"]
    outcome = Outcome.CORRECT if reward >= CORRECT_FROM else Outcome.PARTIAL if reward > 0 else Outcome.WRONG
    return Verdict(outcome, reward, parts, str(answer), metrics={"ade": average, "fde": final})


def _path(value: object) -> Sequence[Sequence[float]] | None:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_POINTS:
        return None
    points = [numbers(entry, 2) for entry in value]
    found = [point for point in points if point is not None]
    return found if len(found) == len(points) else None
