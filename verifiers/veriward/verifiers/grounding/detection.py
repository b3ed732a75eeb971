"""The verifier `grounding.detection`: V-Triune's detection reward, without the slip in its matching."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.grounding.boxes import MAX_BOXES, Box, GoldBox, Pair, gold_boxes, greedy_pairs, read_boxes
from veriward.verifiers.grounding.reading import read_answer
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict, unparsed
from veriward.wire.outcomes import Outcome

AVERAGED_THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99)
# The share of the training done up to which a threshold holds.
DYNAMIC_THRESHOLDS = ((0.1, 0.85), (0.25, 0.95), (1.0, 0.99))


class DetectionParams(Task):
    """`step_ratio` is the step over the total steps, needed for a `dynamic` threshold."""

    iou_threshold: Annotated[float, Field(gt=0, le=1)] | Literal["dynamic", "average"] = 0.5
    step_ratio: float | None = Field(default=None, ge=0, le=1)
    completeness_weight: float = Field(default=0.3, ge=0, le=1)
    size_penalty: float = Field(default=0.6, ge=0, le=1)
    match: Literal["max_iou_first", "max_label_first"] = "max_iou_first"

    @model_validator(mode="after")
    def _dynamic_needs_a_step(self) -> "DetectionParams":
        if self.iou_threshold == "dynamic" and self.step_ratio is None:
            raise ValueError("a dynamic iou_threshold needs step_ratio")
        return self

    @property
    def thresholds(self) -> tuple[float, ...]:
        if self.iou_threshold == "average":
            return AVERAGED_THRESHOLDS
        if self.iou_threshold == "dynamic":
            return (next(threshold for end, threshold in DYNAMIC_THRESHOLDS if (self.step_ratio or 0) <= end),)
        return (float(self.iou_threshold),)


class DetectionTask(Task):
    gold: Annotated[list[GoldBox], Field(min_length=1, max_length=MAX_BOXES)]
    params: DetectionParams = DetectionParams()


@verifier("grounding.detection", version=1, task=DetectionTask)
def detection(response: str, task: DetectionTask, sandbox: Sandbox, /) -> Verdict:
    """Pay matched boxes by their IoU, completeness, and an equal number of boxes.

    Formula (V-Triune, Ma et al. 2025, arXiv:2505.18129, section 3.3 and its reward server): boxes are matched one to
    one at IoU ≥ t, the largest first (`max_label_first`: only boxes of the same label). With m pairs of n_pred
    predicted and n_gold gold boxes, `iou` = sum of IoUs / n_gold, an IoU counting 0 where the labels differ;
    `completeness` = 1 - ((n_gold - m)/n_gold + (n_pred - m)/n_pred)/2;
    reward = ((1 - w) iou + w completeness) * size_penalty^|n_pred - n_gold|, in [0, 1].
    t is `iou_threshold`; `dynamic` is 0.85 up to a `step_ratio` of 0.1, 0.95 up to 0.25, then 0.99; `average` takes the
    mean over eleven thresholds from 0.5 to 0.99.

    The published loop removes the last pair it looked at instead of the best one, so that a perfect answer in another
    order scores 0.15; ours removes the best. Correct: every box has its own of the same label at the (lowest) t.
    """
    answer = read_answer(response)
    predicted = read_boxes(answer.value)
    if predicted is None:
        return unparsed("no box [x1, y1, x2, y2] is given")
    if len(predicted) > MAX_BOXES:
        return unparsed(f"{len(predicted):,} boxes, more than {MAX_BOXES}")
    params, gold = task.params, gold_boxes(task.gold)
    same_label = params.match == "max_label_first"
    # The largest IoU goes first, so that the pairs at a higher threshold are the first of those at a lower one.
    pairs = greedy_pairs(predicted, gold, min(params.thresholds), same_label=same_label)
    scores = [_parts(predicted, gold, [pair for pair in pairs if pair.iou >= least]) for least in params.thresholds]
    iou, completeness = (min(1.0, sum(part) / len(scores)) for part in zip(*scores, strict=True))
    size = params.size_penalty ** abs(len(predicted) - len(gold))
    weight = params.completeness_weight
    reward = ((1 - weight) * iou + weight * completeness) * size
    labelled = sum(predicted[pair.predicted].label == gold[pair.gold].label for pair in pairs)
    found = labelled == len(gold) == len(predicted)
    return Verdict(
        Outcome.CORRECT if found else Outcome.PARTIAL if reward > 0 else Outcome.WRONG,
        reward,
        {"iou": iou, "completeness": completeness, "size": size},
        str(answer),
        metrics={"boxes": len(predicted)},
    )


def _parts(predicted: list[Box], gold: list[Box], pairs: list[Pair]) -> tuple[float, float]:
    """`iou` and `completeness` of the pairs at one threshold."""
    labelled = sum(pair.iou for pair in pairs if predicted[pair.predicted].label == gold[pair.gold].label)
    missed = (len(gold) - len(pairs)) / len(gold)
    false = (len(predicted) - len(pairs)) / len(predicted)
    return labelled / len(gold), 1 - (missed + false) / 2
