"""The verifier `all_of`: right where every part is."""

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.asking import Replies
from veriward.verifiers.combined import ask_all, combined, composition
from veriward.verifiers.inner import InnerTasks
from veriward.verifiers.judging import Response
from veriward.verifiers.registry import Task
from veriward.verifiers.verdict import Verdict
from veriward.wire.outcomes import Outcome


class AllOfTask(Task):
    """`parts`: the tasks that one response must all do, each `{"verifier": name, …}`."""

    parts: InnerTasks


@composition("all_of", version=1, task=AllOfTask)
def all_of(response: Response, task: AllOfTask, sandbox: Sandbox, replies: Replies, /) -> Verdict:
    """Pay the lowest of the parts' rewards; right where every part is right.

    Every part judges the whole response, and all are asked. The answer and the outcome of the first part with the
    lowest reward that is not right are the composition's.
    """
    judged = ask_all(task.parts, response, sandbox, replies)
    failed = [each for each in judged if not each.right]
    if not failed:
        return combined(Outcome.CORRECT, min(each.reward for each in judged), judged)
    worst = min(failed, key=lambda each: each.reward)
    return combined(worst.verdict.outcome, min(each.reward for each in judged), judged, worst)
