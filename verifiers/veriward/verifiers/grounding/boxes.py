"""Boxes `[x1, y1, x2, y2]`, labelled or not: how they are read, and how far two of them are one.

Coordinates are continuous: a box of no width has no area, and boxes that only touch do not overlap.
"""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field

from veriward.verifiers.grounding.reading import MAX_COORDINATE, numbers
from veriward.verifiers.registry import Task

MAX_BOXES = 256
MAX_LABEL_CHARS = 200

Coordinate = Annotated[float, Field(ge=-MAX_COORDINATE, le=MAX_COORDINATE)]


def _proper(corners: list[float]) -> list[float]:
    if not (corners[0] < corners[2] and corners[1] < corners[3]):
        raise ValueError("a box is [x1, y1, x2, y2] with x1 < x2 and y1 < y2")
    return corners


Corners = Annotated[list[Coordinate], Field(min_length=4, max_length=4), AfterValidator(_proper)]


class GoldBox(Task):
    """A box of the gold answer, in the unit that the prompt asks for."""

    bbox_2d: Corners
    label: str = Field(default="", max_length=MAX_LABEL_CHARS)


class Box(NamedTuple):
    """A labelled box; the label is compared in lower case, trimmed."""

    corners: Sequence[float]
    label: str


def label_key(label: str) -> str:
    return label.strip().lower()


def gold_boxes(gold: Sequence[GoldBox]) -> list[Box]:
    return [Box(box.bbox_2d, label_key(box.label)) for box in gold]


def read_corners(value: Any) -> list[float] | None:
    """`[x1, y1, x2, y2]` with x1 ≤ x2 and y1 ≤ y2, or None."""
    corners = numbers(value, 4)
    return corners if corners is not None and corners[0] <= corners[2] and corners[1] <= corners[3] else None


def read_boxes(value: Any) -> list[Box] | None:
    """The boxes of `[{"bbox_2d": […], "label": "…"}, …]`, of one such object, or of bare boxes; None if there is none.

    Entries that are no box are dropped; of entries with equal corners the first counts, whatever their labels.
    """
    entries = value if isinstance(value, list) and numbers(value, 4) is None else [value]
    found: dict[tuple[float, ...], Box] = {}
    for entry in entries:
        label = ""
        if isinstance(entry, dict):
            label, entry = entry.get("label", ""), entry.get("bbox_2d")
        corners = read_corners(entry)
        if corners is not None and isinstance(label, str):
            found.setdefault(tuple(corners), Box(corners, label_key(label)))
    return list(found.values()) or None


def iou(first: Sequence[float], second: Sequence[float]) -> float:
    """Intersection over union of two boxes, in [0, 1]; 0 where they only touch."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    inter = width * height
    return inter / (area(first) + area(second) - inter)


def area(corners: Sequence[float]) -> float:
    return (corners[2] - corners[0]) * (corners[3] - corners[1])


class Pair(NamedTuple):
    """A predicted box and the gold box it was matched with, as indices, and their IoU."""

    predicted: int
    gold: int
    iou: float


def greedy_pairs(predicted: Sequence[Box], gold: Sequence[Box], threshold: float, *, same_label: bool) -> list[Pair]:
    """One-to-one pairs of IoU ≥ `threshold`, the largest IoU first, each removed before the next is sought.

    Of equal IoUs, the pair whose labels agree comes first, then the earlier one. `same_label` keeps other pairs out.
    """
    ranked = sorted(
        (-overlap, one.label != other.label, i, j)
        for i, one in enumerate(predicted)
        for j, other in enumerate(gold)
        if (overlap := iou(one.corners, other.corners)) >= threshold and (one.label == other.label or not same_label)
    )
    free_predicted, free_gold = set(range(len(predicted))), set(range(len(gold)))
    pairs = []
    for negative, _, i, j in ranked:
        if i in free_predicted and j in free_gold:
            free_predicted.remove(i)
            free_gold.remove(j)
            pairs.append(Pair(i, j, -negative))
    return pairs
