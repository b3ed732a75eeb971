"""The verifier `grounding.box`: GUI-G1's three rewards for one box of one element."""

from typing import Annotated, Literal

from pydantic import Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.grounding.boxes import Corners, area, iou, read_boxes
from veriward.verifiers.grounding.reading import MAX_COORDINATE, read_answer
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict, unparsed
from veriward.wire.outcomes import Outcome

HIT_THRESHOLD = 0.5
PUBLISHED_WEIGHTS = {"hit": 1.0, "iou": 0.25, "box": 0.125}

Weight = Annotated[float, Field(ge=0, le=100)]


class BoxParams(Task):
    """`width`, `height`: of the image, in the unit of the boxes.

    A weight that is given asks for the published scale, where those left out are the published ones.
    """

    width: float = Field(gt=0, le=MAX_COORDINATE)
    height: float = Field(gt=0, le=MAX_COORDINATE)
    w_hit: Weight | None = None
    w_iou: Weight | None = None
    w_box: Weight | None = None
    iou: Literal["continuous", "pixel"] = "pixel"

    def weights(self) -> dict[str, float]:
        """The weights of the parts; the published ones divided by their sum unless any is given."""
        given = {"hit": self.w_hit, "iou": self.w_iou, "box": self.w_box}
        total = sum(PUBLISHED_WEIGHTS.values()) if set(given.values()) == {None} else 1.0
        return {
            name: (usual if (own := given[name]) is None else own) / total for name, usual in PUBLISHED_WEIGHTS.items()
        }


class BoxTask(Task):
    gold: Corners
    params: BoxParams


@verifier("grounding.box", version=1, task=BoxTask)
def box(response: str, task: BoxTask, sandbox: Sandbox, /) -> Verdict:
    """Pay a box for its centre in the gold box, for its IoU, and for edges close to the gold edges.

    Formula (GUI-G1, Zhou et al. 2025, arXiv:2505.15810, and its `grpo_rec.py`): reward = w_hit hit + w_iou IoU +
    w_box edges. `hit`: the centre lies in the gold box, edges included. `IoU`: `continuous`, or `pixel`, where corners
    are pixels and an overlap of one pixel's width or height is none. `edges`: the harmonic mean of
    1 - |difference| / image size over the four edges. Published weights are 1, 0.25, 0.125, which sum to 1.375.
    Without weights they are divided by that sum, so that the reward lies in [0, 1].

    The published `edges` is unbounded for edges far outside the image, where a term is negative; ours is 0 there. The
    hit alone pays for a huge box too, as published: it is partial, and only an IoU ≥ 0.5 is correct.
    """
    answer = read_answer(response)
    boxes = read_boxes(answer.value)
    if boxes is None:
        return unparsed("no box [x1, y1, x2, y2] is given")
    if len(boxes) > 1:
        return unparsed(f"{len(boxes):,} boxes where one is asked for", str(answer))
    corners, gold, params = list(boxes[0].corners), task.gold, task.params
    middle = (corners[0] + corners[2]) / 2, (corners[1] + corners[3]) / 2
    hit = float(gold[0] <= middle[0] <= gold[2] and gold[1] <= middle[1] <= gold[3])
    overlap = iou(corners, gold) if params.iou == "continuous" else _pixel_iou(corners, gold)
    edges = _edges(corners, gold, params)
    parts = {"hit": hit, "iou": overlap, "box": edges}
    weights = params.weights()
    reward = sum(weights[name] * part for name, part in parts.items())
    outcome = Outcome.CORRECT if overlap >= HIT_THRESHOLD else Outcome.PARTIAL if hit or overlap else Outcome.WRONG
    return Verdict(outcome, reward, parts, str(corners))


def _pixel_iou(first: list[float], second: list[float]) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 1 or height <= 1:
        return 0.0
    return width * height / (area(first) + area(second) - width * height)


def _edges(corners: list[float], gold: list[float], params: BoxParams) -> float:
    sizes = (params.width, params.height) * 2
    terms = [1 - abs(mine - theirs) / size for mine, theirs, size in zip(corners, gold, sizes, strict=True)]
    return 0.0 if min(terms) <= 0 else len(terms) / sum(1 / term for term in terms)
