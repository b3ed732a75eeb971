"""The verifier `cascade`: a cheap rule first, a dearer one only where that does not settle it."""

from typing import Literal

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.asking import Replies
from veriward.verifiers.combined import ask, combined, composition
from veriward.verifiers.inner import InnerTasks
from veriward.verifiers.judging import Response
from veriward.verifiers.registry import Task
from veriward.verifiers.verdict import Verdict
from veriward.wire.outcomes import Outcome


class CascadeTask(Task):
    """`parts`: tasks, each `{"verifier": name, …}`, the cheapest first.

    `settled_by`: `correct` (a part that finds the response right settles it) or `parsed` (one that finds an answer,
    right or wrong, does).
    """

    parts: InnerTasks
    settled_by: Literal["correct", "parsed"] = "correct"


@composition("cascade", version=1, task=CascadeTask)
def cascade(response: Response, task: CascadeTask, sandbox: Sandbox, replies: Replies, /) -> Verdict:
    """Take the verdict of the first part that settles it, else the last's; parts after that are not asked.

    By default only a right answer settles it: a rule that may miss right ones goes first, and what it does not find
    right is judged again (rule first, model second, as in General-Reasoner, arXiv:2505.14652).
    """
    judged = []
    for at in range(len(task.parts)):
        judged.append(ask(task.parts, at, response, sandbox, replies))
        outcome = judged[-1].verdict.outcome
        if outcome is Outcome.CORRECT or (task.settled_by == "parsed" and outcome is not Outcome.UNPARSED):
            break
    last = judged[-1]
    return combined(last.verdict.outcome, last.reward, judged, last)
