"""The verifier `calibration`: RLCR's reward for a right answer and an honest confidence."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.asking import Replies
from veriward.verifiers.inner import Inner, InnerTask
from veriward.verifiers.judging import parse_task
from veriward.verifiers.registry import Task, verifier, verifiers
from veriward.verifiers.shaping import ShapedTask
from veriward.verifiers.trust.golds import gold_texts, gold_values
from veriward.verifiers.verdict import InvalidTask, Verdict
from veriward.wire.outcomes import Outcome

MAX_GOLD_CHARS = 1_000
MAX_GOLDS = 100
MAX_ANSWER_CHARS = 16_384
MAX_CONFIDENCE_CHARS = 20

Gold = Annotated[str, Field(min_length=1, max_length=MAX_GOLD_CHARS)]
Weight = Annotated[float, Field(ge=0, le=100)]

_CONFIDENCE = re.compile(r"0?\.\d+|[01](?:\.\d*)?", re.ASCII)


class Weights(Task):
    """Asks for the published scale: the weighted sum as it is."""

    accuracy: Weight = 1.0
    brier: Weight = 1.0
    format: Weight = 0.0

    @model_validator(mode="after")
    def _accuracy_leads(self) -> "Weights":
        if not self.accuracy >= max(self.brier, self.format):
            raise ValueError("accuracy must weigh at least as much as brier and as format, or doubt pays better")
        return self


class CalibrationParams(Task):
    """`tac`: think, answer, confidence; `tabc`: an analysis before the confidence."""

    format: Literal["tac", "tabc"] = "tac"
    weights: Weights | None = None


class CalibrationTask(Task):
    """`gold`: the right answer, or several that are; or `task`: another verifier's, as `{"verifier": …, …}`."""

    gold: Gold | Annotated[list[Gold], Field(min_length=1, max_length=MAX_GOLDS)] | None = None
    task: InnerTask | None = None
    params: CalibrationParams = CalibrationParams()

    @field_validator("task")
    @classmethod
    def _about_an_answer(cls, task: Inner | None) -> Inner | None:
        if task is not None and (unfit := _unfit(task)) is not None:
            raise InvalidTask("task.verifier", f"{unfit.verifier.name!r} can not be asked about an answer alone")
        return task

    @model_validator(mode="after")
    def _one_way_to_judge(self) -> "CalibrationTask":
        if (self.gold is None) == (self.task is None):
            raise ValueError("give either gold or task")
        return self


def _unfit(task: Inner) -> Inner | None:
    """The first task in `task`, itself or a part of a composition, that judges more than a text."""
    own = task.task.task if isinstance(task.task, ShapedTask) else task.task
    parts = getattr(own, "parts", None)
    if parts is not None:
        return next((unfit for part in parts if (unfit := _unfit(part)) is not None), None)
    asked = task.verifier
    return task if asked.runs_programs or asked.messages or asked.function is calibration else None


class Said(NamedTuple):
    """What a response of the right form says."""

    answer: str
    confidence: float


def golds(fields: Mapping[str, Any]) -> Iterator[str]:
    """The right answer, certain of itself, in the form of the task."""
    analysed = (fields.get("params") or {}).get("format") == "tabc"
    analysis = "<analysis>I checked it.</analysis> " if analysed else ""
    for gold in gold_values(fields):
        for text in gold_texts(gold):
            yield f"I think. </think> <answer>{text}</answer> {analysis}<confidence>1</confidence>"


@verifier("calibration", version=1, task=CalibrationTask, preload=("mpmath",), golds=golds, asks=True)
def calibration(response: str, task: CalibrationTask, sandbox: Sandbox, replies: Replies, /) -> Verdict:
    """Pay the answer's correctness and, by the Brier score, how well its stated confidence fits it.

    Formula (RLCR, Damani et al. 2025, arXiv:2507.16806, section 3, and its `reward_fns.py`): `accuracy` is 1 for a
    right answer, `brier` = 1 - (accuracy - confidence)^2, `format` is 1; reward = their weighted sum, and all are 0
    where the form is not kept. Published weights are 1, 1 and a small one or none. Without `weights` the reward is
    (accuracy + brier) / 2, in [0, 1].

    Form: `… </think> <answer>…</answer> <confidence>0.8</confidence>` to the end of the text, with
    `<analysis>…</analysis>` before the confidence in `tabc`; a confidence is a plain number from 0 to 1, so `90%`,
    `nan` and `1e-1` break it, and so does an empty answer.

    A wrong answer given with confidence 0 earns `brier` in full, as the paper means it to: as much as a right one given
    with confidence 0, and never more than any right one, which is why accuracy may not weigh less than brier.
    `gold` is compared by `short_answer` and by `math`, either of which may find it; `task` may name any verifier of
    texts that runs no programs, or a composition of such, and only its `correct` counts.
    """
    said = read(response, task.params.format)
    right = _right(task, said.answer if said else "", sandbox, replies)
    if said is None:
        parts = {"accuracy": 0.0, "brier": 0.0, "format": 0.0}
        return Verdict(Outcome.UNPARSED, 0.0, parts, reason=f"not in the form {task.params.format!r}")
    accuracy = float(right)
    parts = {"accuracy": accuracy, "brier": 1 - (accuracy - said.confidence) ** 2, "format": 1.0}
    weights = task.params.weights
    if weights is None:
        del parts["format"]
        reward = sum(parts.values()) / 2
    else:
        reward = sum(getattr(weights, name) * part for name, part in parts.items())
    outcome = Outcome.CORRECT if right else Outcome.WRONG
    return Verdict(outcome, reward, parts, said.answer, metrics={"confidence": said.confidence})


def read(response: str, form: Literal["tac", "tabc"]) -> Said | None:
    """The answer and the confidence at the end of a response; None where the form is not kept."""
    rest, confidence = _last(response, "confidence")
    if form == "tabc":
        rest, analysis = _last(rest, "analysis")
        if analysis is None:
            return None
    rest, answer = _last(rest, "answer")
    if answer is None or confidence is None or not rest.rstrip().endswith("</think>"):
        return None
    answer, confidence = answer.strip(), confidence.strip()
    if not 0 < len(answer) <= MAX_ANSWER_CHARS or len(confidence) > MAX_CONFIDENCE_CHARS:
        return None
    if not _CONFIDENCE.fullmatch(confidence) or float(confidence) > 1:
        return None
    return Said(answer, float(confidence))


def _last(text: str, tag: str) -> tuple[str, str | None]:
    """What precedes the tag that ends the text, and what it holds; None where no such tag ends the text."""
    text = text.rstrip()
    closing = f"</{tag}>"
    if not text.endswith(closing):
        return text, None
    before, opened, content = text.removesuffix(closing).rpartition(f"<{tag}>")
    return before, content if opened and closing not in content else None


def _right(task: CalibrationTask, answer: str, sandbox: Sandbox, replies: Replies) -> bool:
    """Whether a verifier that the task names, or implies, finds the answer right. Raises `InvalidTask`."""
    written = f"<answer>{answer}</answer>"
    if task.task is not None:
        return task.task.judge(written, sandbox, replies).outcome is Outcome.CORRECT
    golds = [task.gold] if isinstance(task.gold, str) else task.gold
    refusals = []
    for name, field in (("short_answer", "gold"), ("math", "answer")):
        known = verifiers()[name]
        try:
            if (
                Inner(known, parse_task(known, {field: golds}), "gold").judge(written, sandbox).outcome
                is Outcome.CORRECT
            ):
                return True
        except InvalidTask as refused:
            refusals.append(refused)
    if len(refusals) == 2:
        raise InvalidTask("gold", "; ".join(refused.message for refused in refusals))
    return False
