"""The verifier `steps`: rewards for the steps on the way to an answer, gated and bounded."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.answers import answer_region
from veriward.verifiers.asking import Replies
from veriward.verifiers.combined import Judged, ask, combined, composition, gathered
from veriward.verifiers.inner import InnerTasks
from veriward.verifiers.judging import Response, text_of
from veriward.verifiers.registry import Task
from veriward.verifiers.trust.golds import THOUGHT, gold_responses
from veriward.verifiers.verdict import InvalidTask, Verdict, unparsed
from veriward.wire.outcomes import Outcome

MAX_STEPS_WRITTEN = 1_000

_TAG = re.compile(r"<step>|</step>")
_HEADING = re.compile(r"^[ \t#>*_]{0,8}step[ \t]{1,4}\d{1,4}\b[^\n\w]{0,4}", re.IGNORECASE | re.MULTILINE)
_WRITTEN = {
    "tags": ("<step>", "</step>", "\n"),
    "headings": ("Step {}: ", "", "\n"),
    "paragraphs": ("", "", "\n\n"),
}
_BLANK_LINE = re.compile(r"\n[ \t]*\n\s*")

Unit = Annotated[float, Field(ge=0, le=1)]


class Bounds(Task):
    """The bounds of Gao et al. 2024 on rewards of the process, and how much those weigh beside the outcome.

    `clip`: r' = min(r - threshold, 0). `delta`: r'(k) = r(k) - r(k+1), r(k) for the last step of the process.
    `clip_delta`: the one, then the other.
    """

    kind: Literal["clip", "delta", "clip_delta"]
    threshold: Unit = 0.5
    weight: Unit = 0.5


class StepsTask(Task):
    """`steps`: a task for each step, each `{"verifier": name, …}`; that of the answer comes last.

    `split`: what a step of the response is: `tags` (`<step>…</step>`), `headings` (`Step 3:`), `paragraphs`, or `turns`
    (messages of the assistant). `rule`, `weight` (of the process under `gated`) and `bounds`: see the verifier.
    """

    steps: InnerTasks
    split: Literal["tags", "headings", "paragraphs", "turns"] = "tags"
    rule: Literal["last", "mean", "min", "gated"] = "gated"
    weight: Unit = 0.5
    bounds: Bounds | None = None

    @model_validator(mode="after")
    def _bounded_as_published(self) -> "StepsTask":
        if self.bounds is None:
            return self
        if self.rule != "gated":
            raise InvalidTask("bounds", f"go with the rule 'gated', not {self.rule!r}")
        most = self.bounds.weight * self.bounds.threshold * (len(self.steps) - 1)
        if self.bounds.kind == "clip" and most > 1:
            message = f"{len(self.steps) - 1} clipped steps may cost {most:g}, more than a right answer earns: lower it"
            raise InvalidTask("bounds.weight", message)
        return self


def golds(fields: Mapping[str, Any]) -> Iterator[str]:
    """The right answers of all steps, each in the first form that it may have, and then in the next; not of turns."""
    steps, by = fields.get("steps"), fields.get("split", "tags")
    if by not in _WRITTEN or not isinstance(steps, list) or not all(isinstance(each, Mapping) for each in steps):
        return
    told = [gold_responses(str(each.get("verifier")), each) for each in steps]
    before, after, between = _WRITTEN[by]
    for written in zip(*told, strict=False):
        plain = [_BLANK_LINE.sub("\n", one.replace(THOUGHT, "")) for one in written]
        yield between.join(f"{before.format(at)}{one}{after}" for at, one in enumerate(plain, start=1))


@composition("steps", version=1, task=StepsTask, golds=golds)
def steps(response: Response, task: StepsTask, sandbox: Sandbox, replies: Replies, /) -> Verdict:
    """Judge each step of a response by its own task, and pay by `rule`; the last task judges the last step.

    The other tasks judge the steps before the last, in order; a step that is missing earns 0, and steps beyond the
    tasks are not judged. o is the reward of the answer, in [0, 1] as are those of the process r(1) … r(K):

    - `last`: o. `mean`, `min`: of all steps, the answer one of them; right where every step is.
    - `gated` (default): nothing unless the answer is right; then (1 - weight) o + weight mean(r).
    - `gated` with `bounds`: nothing unless the answer is right; then o + weight sum(r'), at least 0, where r' are
      bounded, so that more steps of the same worth never earn more: `clip` and `delta` of Gao et al. 2024
      (arXiv:2410.15115, section 4), which pays them whatever the answer. `delta` may reach 1 + weight.

    Unparsed where the response has no step. Metric: `steps`, how many it has.
    """
    written = split(response, task.split)
    if not written:
        return unparsed(f"no step in the form {task.split!r}")
    if len(written) > MAX_STEPS_WRITTEN:
        return unparsed(f"more than {MAX_STEPS_WRITTEN:,} steps")
    final = len(task.steps) - 1
    judged = gathered(
        partial(ask, task.steps, at, written[-1 if at == final else at], sandbox, replies)
        if at < len(written) - 1 or at == final
        else partial(_missing, task, at)
        for at in range(final + 1)
    )
    *process, answer = judged
    reward = _reward(task, [min(1.0, each.reward) for each in process], answer)
    verdict = combined(_outcome(task, judged, reward), reward, judged, answer)
    verdict.metrics["steps"] = float(len(written))
    return verdict


def split(response: Response, by: str) -> list[str]:
    """The steps of a response, none of them blank."""
    if by == "turns":
        told = [response] if isinstance(response, str) else [text_of([message]) for message in response]
        return [text for text in told if text and text.strip()]
    text = text_of(response) or ""
    if by == "tags":
        pieces = _tagged(text)
    elif by == "headings":
        headings = list(_HEADING.finditer(text))
        ends = [*(heading.start() for heading in headings[1:]), len(text)]
        pieces = [text[heading.end() : end] for heading, end in zip(headings, ends, strict=False)]
    else:
        pieces = _BLANK_LINE.split(answer_region(text) or "")
    return [piece.strip() for piece in pieces if piece.strip()]


def bounded(rewards: Sequence[float], bounds: Bounds) -> list[float]:
    """The rewards of the process, K of them, under the bounds."""
    values = list(rewards)
    if bounds.kind != "delta":
        values = [min(reward - bounds.threshold, 0.0) for reward in values]
    if bounds.kind != "clip":
        values = [reward - following for reward, following in pairwise([*values, 0.0])]
    return values


def _tagged(text: str) -> list[str]:
    """What stands in `<step>…</step>`; a step that never closes is none, and of nested ones the innermost counts."""
    pieces, opened = [], None
    for tag in _TAG.finditer(text):
        if tag[0] == "<step>":
            opened = tag.end()
        elif opened is not None:
            pieces.append(text[opened : tag.start()])
            opened = None
    return pieces


def _missing(task: StepsTask, at: int) -> Judged:
    return Judged(f"{task.steps[at].verifier.name}[{at}]", unparsed("the step is missing"))


def _reward(task: StepsTask, process: list[float], answer: Judged) -> float:
    outcome = min(1.0, answer.reward)
    if task.rule == "last" or (task.rule == "gated" and answer.right and not process):
        return outcome
    if task.rule == "mean":
        return sum([*process, outcome]) / (len(process) + 1)
    if task.rule == "min":
        return min([*process, outcome])
    if not answer.right:
        return 0.0
    if task.bounds is not None:
        return max(0.0, outcome + task.bounds.weight * sum(bounded(process, task.bounds)))
    return (1 - task.weight) * outcome + task.weight * sum(process) / len(process)


def _outcome(task: StepsTask, judged: Sequence[Judged], reward: float) -> Outcome:
    """Of the answer, except where steps count by themselves: then right only where every step is."""
    if task.rule in ("last", "gated"):
        return judged[-1].verdict.outcome
    if all(each.right for each in judged):
        return Outcome.CORRECT
    return Outcome.PARTIAL if reward > 0 else Outcome.WRONG
