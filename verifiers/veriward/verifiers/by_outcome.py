"""The verifier `by_outcome`: another task's outcome, paid on a scale of one's own."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.asking import Replies
from veriward.verifiers.combined import composition
from veriward.verifiers.inner import InnerTask
from veriward.verifiers.judging import Response, text_of
from veriward.verifiers.registry import Task
from veriward.verifiers.shaping import Seen, read_terms
from veriward.verifiers.trust.golds import gold_responses
from veriward.verifiers.verdict import InvalidTask, Verdict
from veriward.wire.outcomes import Outcome

MAX_REWARD = 1_000.0

Reward = Annotated[float, Field(ge=-MAX_REWARD, le=MAX_REWARD)]


class ByOutcomeTask(Task):
    """`task`: `{"verifier": name, …}`. `correct`, `wrong`, `unparsed`: what each outcome earns.

    `partial`: what a partial one earns; as `wrong` unless said. `form`: a term of shaping, `{"kind": …}`, whose quality
    must be 1: else the response is `unparsed`, whatever its answer.
    """

    task: InnerTask
    correct: Reward = 1.0
    wrong: Reward = -1.0
    unparsed: Reward = -1.0
    partial: Reward | None = None
    form: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _right_pays_best(self) -> "ByOutcomeTask":
        if not self.correct > max(self.wrong, self.unparsed):
            raise InvalidTask("correct", "must be more than `wrong` and `unparsed`")
        if self.partial is not None and not self.wrong <= self.partial <= self.correct:
            raise InvalidTask("partial", "must lie between `wrong` and `correct`")
        if self.form is not None:
            try:
                read_terms(None, [self.form])
            except InvalidTask as refused:
                named = refused.field.removeprefix("shaping[0]").removeprefix(".")
                raise InvalidTask(f"form.{named}" if named else "form", refused.message) from None
        return self


def golds(fields: Mapping[str, Any]) -> list[str]:
    """Those of the task within, where no form is asked for."""
    inner = fields.get("task")
    if not isinstance(inner, Mapping) or fields.get("form") is not None:
        return []
    return gold_responses(str(inner.get("verifier")), inner)


@composition("by_outcome", version=1, task=ByOutcomeTask, golds=golds)
def by_outcome(response: Response, task: ByOutcomeTask, sandbox: Sandbox, replies: Replies, /) -> Verdict:
    """Pay `correct`, `wrong` or `unparsed` by the outcome of the task within; by default 1, -1, -1.

    For published scales that are not from 0 to 1: ±1 (DAPO, arXiv:2503.14476), a right answer, a wrong one in the form
    asked for, and no such form (1, -0.5, -1: Absolute Zero, arXiv:2505.03335, section 3.4). What the task within earns
    is not looked at; `partial` pays what a partial outcome earns.
    """
    inner = task.task.judge(response, sandbox, replies)
    outcome, reason = inner.outcome, inner.reason
    if task.form is not None and outcome is not Outcome.UNPARSED:
        (term,) = read_terms(None, [task.form])
        messages = () if isinstance(response, str) else response
        if term.quality(Seen(text_of(response) or "", messages)) < 1:
            outcome, reason = Outcome.UNPARSED, f"the form {term.kind!r} is not kept"
    partial = task.wrong if task.partial is None else task.partial
    paid = {Outcome.CORRECT: task.correct, Outcome.WRONG: task.wrong, Outcome.PARTIAL: partial}
    reward = paid.get(outcome, task.unparsed)
    return Verdict(
        outcome,
        reward,
        {outcome.value: reward},
        inner.extracted,
        reason,
        {**inner.metrics, "inner.reward": inner.reward},
        inner.integrity,
        inner.isolation,
    )
