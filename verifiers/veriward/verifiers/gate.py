"""The verifier `gate`: the last part pays, where those before it let it."""

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.asking import Replies
from veriward.verifiers.combined import ask, combined, composition
from veriward.verifiers.inner import InnerTasks
from veriward.verifiers.judging import Response
from veriward.verifiers.registry import Task
from veriward.verifiers.verdict import Verdict
from veriward.wire.outcomes import Outcome


class GateTask(Task):
    """`parts`: tasks, each `{"verifier": name, …}`: conditions first, the one that pays last."""

    parts: InnerTasks


@composition("gate", version=1, task=GateTask)
def gate(response: Response, task: GateTask, sandbox: Sandbox, replies: Replies, /) -> Verdict:
    """Take the last part's verdict where every part before it is right; else pay 0, and ask none after the failure.

    The first condition that fails gives the answer, the reason and the outcome; one that is partly right shuts the
    gate as a wrong one does.
    """
    judged = []
    for at in range(len(task.parts)):
        judged.append(ask(task.parts, at, response, sandbox, replies))
        if not judged[-1].right:
            break
    last = judged[-1]
    if len(judged) == len(task.parts):
        return combined(last.verdict.outcome, last.reward, judged, last)
    unparsed = last.verdict.outcome is Outcome.UNPARSED
    return combined(Outcome.UNPARSED if unparsed else Outcome.WRONG, 0.0, judged, last)
