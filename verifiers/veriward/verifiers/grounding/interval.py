"""The verifier `grounding.interval`: where in a video something happens, by temporal IoU."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.grounding.reading import MAX_COORDINATE, numbers, read_answer
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict, unparsed
from veriward.wire.outcomes import Outcome

MAX_INTERVALS = 64
# Where no JSON is given, the last interval in words is looked for in so much of the end.
MAX_PROSE_CHARS = 400
HIT_THRESHOLD = 0.5

_TIME = r"(\d{1,5}(?::\d{2}){1,2}(?:\.\d{1,6})?|\d{1,7}(?:\.\d{1,6})?)\s?(?:s|sec|secs|seconds)?\b"
_PROSE = re.compile(rf"(?<![\d.:]){_TIME}\s?(?:to|and|until|[-–—~])\s?{_TIME}", re.IGNORECASE | re.ASCII)


def _forward(interval: list[float]) -> list[float]:
    if not interval[0] < interval[1]:
        raise ValueError("an interval is [start, end] with start < end")
    return interval


Seconds = Annotated[float, Field(ge=0, le=MAX_COORDINATE)]
Interval = Annotated[list[Seconds], Field(min_length=2, max_length=2), AfterValidator(_forward)]


class IntervalTask(Task):
    gold: Annotated[list[Interval], Field(min_length=1, max_length=MAX_INTERVALS)]


@verifier("grounding.interval", version=1, task=IntervalTask)
def interval(response: str, task: IntervalTask, sandbox: Sandbox, /) -> Verdict:
    """Pay the temporal IoU of the answered seconds and the gold ones.

    Formula: the length of the intersection over the length of the union, intervals of one side united first; in
    [0, 1]. It is the IoU of temporal localisation (Gao et al. 2017, arXiv:1705.02101, "R@1, IoU = m"), which Time-R1
    and Video-R1 pay as a reward. Correct from 0.5 on.

    Read are `[start, end]`, `[[start, end], …]`, `{"start": …, "end": …}`, and words such as `12.5 to 17.8 seconds` or
    `01:05 - 01:12`, of which the last count.
    """
    answer = read_answer(response)
    found = read_intervals(answer.value) or _in_words(answer.text)
    if found is None:
        return unparsed("no interval [start, end] is given")
    if len(found) > MAX_INTERVALS:
        return unparsed(f"{len(found):,} intervals, more than {MAX_INTERVALS}")
    answered, gold = united(found), united(task.gold)
    both = sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in answered for b in gold)
    reward = both / (_length(answered) + _length(gold) - both)
    outcome = Outcome.CORRECT if reward >= HIT_THRESHOLD else Outcome.PARTIAL if reward > 0 else Outcome.WRONG
    return Verdict(outcome, reward, {"iou": reward}, str(answered))


def united(intervals: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """The same points of time as intervals that do not meet, in order."""
    merged: list[tuple[float, float]] = []
    for start, end in sorted((one[0], one[1]) for one in intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def read_intervals(value: Any) -> list[list[float]] | None:
    """Intervals of seconds from a JSON value; None if there is none, or one of them is no interval."""
    entries = value if isinstance(value, list) and _interval(value) is None else [value]
    found = [_interval(entry) for entry in entries]
    intervals = [one for one in found if one is not None]
    return intervals if intervals and len(intervals) == len(found) else None


def _interval(value: Any) -> list[float] | None:
    if isinstance(value, dict):
        value = [value.get("start"), value.get("end")]
    if isinstance(value, list) and all(isinstance(one, str) and len(one) <= 20 for one in value):
        value = [_seconds(one) for one in value]
    pair = numbers(value, 2)
    return pair if pair is not None and 0 <= pair[0] <= pair[1] else None


def _in_words(text: str) -> list[list[float]] | None:
    stated = _PROSE.findall(text[-MAX_PROSE_CHARS:])
    return read_intervals(list(stated[-1])) if stated else None


def _seconds(time: str) -> float | None:
    """`65`, `65.5`, `1:05.5`, `0:01:05` or `65s` in seconds."""
    if not re.fullmatch(_TIME, time.strip(), re.IGNORECASE | re.ASCII):
        return None
    seconds = 0.0
    for part in time.strip().rstrip("secondSECOND ").split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def _length(intervals: Sequence[tuple[float, float]]) -> float:
    return sum(end - start for start, end in intervals)
