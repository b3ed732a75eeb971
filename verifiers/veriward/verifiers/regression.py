"""The verifier `regression`: one number, near enough to the gold value."""

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.final import NoAnswer, final_answer
from veriward.verifiers.quantities import quantity_in_prose, read, readings, same_kind
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict, unparsed
from veriward.wire.outcomes import Outcome

DEFAULT_RELATIVE = 1e-6
MAX_METRIC = 1e300


class Tolerance(Task):
    """The error allowed: `abs`, or `rel` times the gold value, whichever is more."""

    abs: Annotated[float, Field(ge=0)] = 0.0
    rel: Annotated[float, Field(ge=0)] = 0.0


def _written(gold: Any) -> Any:
    return repr(gold) if isinstance(gold, int | float) and not isinstance(gold, bool) else gold


class RegressionTask(Task):
    """`gold`: a number, or a text that is one ("35%", "$1.5 million").

    `tolerance`: the absolute error allowed, or {"abs", "rel"}; 1e-6 of the gold value if not given.
    `score`: `within` (default), or `linear`, which needs an absolute tolerance.
    """

    tolerance: Annotated[
        Tolerance, BeforeValidator(lambda told: {"abs": told} if isinstance(told, int | float) else told)
    ] = Tolerance(rel=DEFAULT_RELATIVE)
    score: Literal["within", "linear"] = "within"
    gold: Annotated[str, BeforeValidator(_written)]

    @field_validator("score")
    @classmethod
    def _has_a_slope(cls, score: str, known: ValidationInfo) -> str:
        tolerance = known.data.get("tolerance")
        if score == "linear" and tolerance is not None and not tolerance.abs:
            raise ValueError("'linear' falls to 0 at an absolute tolerance, which must be above 0")
        return score

    @field_validator("gold")
    @classmethod
    def _a_number(cls, gold: str) -> str:
        if read(gold) is None:
            raise ValueError(f"{gold[:40]!r} is not a number")
        return gold


@verifier("regression", version=1, task=RegressionTask)
def regression(response: str, task: RegressionTask, sandbox: Sandbox, /) -> Verdict:
    """Take the one number of the final answer; it is right when |answer - gold| is within `tolerance`.

    `linear` pays max(0, 1 - |answer - gold| / tolerance) instead, so a constant guess near the mean pays too.

    "1,234.5", "(5)" (accounting), "1.2e3", "3/4", "$3.5 million" and "12 km" are numbers; two numbers, a range or a
    denial are no answer. A percent sign divides by 100, or stands for points where the gold value is at least 1 or has
    the sign itself; a bare number is never scaled for a bare gold. Another unit or currency is wrong; none is not.

    Metric: `absolute_error`.
    """
    try:
        answer = final_answer(response)
    except NoAnswer as none:
        return unparsed(str(none))
    told = quantity_in_prose(answer)
    if told is None:
        return unparsed("the answer is not one number", answer)
    gold = read(task.gold)
    assert gold is not None
    if not same_kind(gold, told):
        return Verdict(Outcome.WRONG, 0.0, {"answer": 0.0}, answer, "another unit")
    error = min(abs(value - right) for value, right in readings(gold, told))
    reward = _reward(error, abs(gold.value), task)
    outcome = Outcome.CORRECT if reward == 1 else Outcome.PARTIAL if reward else Outcome.WRONG
    metric = float(error) if error < MAX_METRIC else MAX_METRIC
    return Verdict(outcome, reward, {"answer": reward}, answer, metrics={"absolute_error": metric})


def _reward(error: Fraction, size: Fraction, task: RegressionTask) -> float:
    allowed = max(Fraction(task.tolerance.abs), Fraction(task.tolerance.rel) * size)
    if task.score == "within":
        return float(error <= allowed)
    return float(max(Fraction(0), 1 - error / allowed))
