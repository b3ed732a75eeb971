"""The verifier `weighted`: the weighted mean of its parts."""

from typing import Annotated

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.asking import Replies
from veriward.verifiers.combined import ask_all, combined, composition
from veriward.verifiers.inner import MAX_INNER_TASKS, InnerTasks
from veriward.verifiers.judging import Response
from veriward.verifiers.registry import Task
from veriward.verifiers.verdict import InvalidTask, Verdict
from veriward.wire.outcomes import Outcome

MAX_WEIGHT = 1_000.0

Weight = Annotated[float, Field(gt=0, le=MAX_WEIGHT)]


class WeightedTask(Task):
    """`parts`: tasks, each `{"verifier": name, …}`; `weights`: one for each, all the same where none are given."""

    parts: InnerTasks
    weights: Annotated[list[Weight], Field(max_length=MAX_INNER_TASKS)] | None = None

    @model_validator(mode="after")
    def _one_each(self) -> "WeightedTask":
        if self.weights is not None and len(self.weights) != len(self.parts):
            raise InvalidTask("weights", f"{len(self.weights)} weights for {len(self.parts)} parts")
        return self


@composition("weighted", version=1, task=WeightedTask)
def weighted(response: Response, task: WeightedTask, sandbox: Sandbox, replies: Replies, /) -> Verdict:
    """Pay the mean of the parts' rewards by weight: sum(w r) / sum(w). Right where every part is right.

    Partial where something was earned, unparsed where no part found an answer, else wrong. Every part judges the whole
    response.
    """
    judged = ask_all(task.parts, response, sandbox, replies)
    weights = task.weights or [1.0] * len(judged)
    earned = sum(weight * each.reward for weight, each in zip(weights, judged, strict=True))
    if all(each.right for each in judged):
        outcome = Outcome.CORRECT
    elif earned > 0:
        outcome = Outcome.PARTIAL
    elif all(each.verdict.outcome is Outcome.UNPARSED for each in judged):
        outcome = Outcome.UNPARSED
    else:
        outcome = Outcome.WRONG
    return combined(outcome, earned / sum(weights), judged)
