"""The verifier `grounding.iou`: how well predicted boxes cover the gold ones."""

from typing import Annotated, Literal

from pydantic import Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.grounding.boxes import MAX_BOXES, GoldBox, gold_boxes, greedy_pairs, read_boxes
from veriward.verifiers.grounding.reading import read_answer
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict, unparsed
from veriward.wire.outcomes import Outcome

TINIEST = 1e-12


class IouParams(Task):
    """`iou_threshold` is what a hit needs; `score` pays the IoU itself, or 1 where every box is hit."""

    iou_threshold: float = Field(default=0.5, gt=0, le=1)
    score: Literal["iou", "hit"] = "iou"


class IouTask(Task):
    gold: Annotated[list[GoldBox], Field(min_length=1, max_length=MAX_BOXES)]
    params: IouParams = IouParams()


@verifier("grounding.iou", version=1, task=IouTask)
def iou(response: str, task: IouTask, sandbox: Sandbox, /) -> Verdict:
    """Pay the IoU of predicted and gold boxes, a missing or superfluous box counting as 0.

    Formula: boxes are matched one to one, the largest IoU first, equal labels only where the gold names any;
    reward = sum of IoUs / max(number predicted, number of gold), in [0, 1]. With `score = "hit"` it is 1 where every
    box has its own of IoU ≥ `iou_threshold` and none is left over, else 0. Correct means such a hit.

    IoU (Jaccard) on continuous boxes, as in PASCAL VOC (Everingham et al. 2010, section 4.2).
    """
    answer = read_answer(response)
    predicted = read_boxes(answer.value)
    if predicted is None:
        return unparsed("no box [x1, y1, x2, y2] is given")
    if len(predicted) > MAX_BOXES:
        return unparsed(f"{len(predicted):,} boxes, more than {MAX_BOXES}")
    gold = gold_boxes(task.gold)
    pairs = greedy_pairs(predicted, gold, TINIEST, same_label=any(box.label for box in gold))
    most = max(len(predicted), len(gold))
    mean = min(1.0, sum(pair.iou for pair in pairs) / most)
    hit = len(pairs) == most and all(pair.iou >= task.params.iou_threshold for pair in pairs)
    reward = mean if task.params.score == "iou" else float(hit)
    outcome = Outcome.CORRECT if hit else Outcome.PARTIAL if reward > 0 else Outcome.WRONG
    return Verdict(outcome, reward, {task.params.score: reward}, str(answer), metrics={"boxes": len(predicted)})
