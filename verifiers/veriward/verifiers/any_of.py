"""The verifier `any_of`: right where one part is."""

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.asking import Replies
from veriward.verifiers.combined import ask_all, combined, composition
from veriward.verifiers.inner import InnerTasks
from veriward.verifiers.judging import Response
from veriward.verifiers.registry import Task
from veriward.verifiers.verdict import Verdict


class AnyOfTask(Task):
    """`parts`: the tasks of which a response must do one, each `{"verifier": name, …}`."""

    parts: InnerTasks


@composition("any_of", version=1, task=AnyOfTask)
def any_of(response: Response, task: AnyOfTask, sandbox: Sandbox, replies: Replies, /) -> Verdict:
    """Take the best of the parts' verdicts: a right one before any other, then by reward.

    Every part judges the whole response, and all are asked, so that `parts` shows each; `cascade` stops early.
    """
    judged = ask_all(task.parts, response, sandbox, replies)
    best = max(judged, key=lambda each: (each.right, each.reward))
    return combined(best.verdict.outcome, best.reward, judged, best)
