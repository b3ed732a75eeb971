"""DAPO's published rule: the last `Answer:` line, both sides through the Minerva normaliser, +1 or -1.

Kept to reproduce published figures; for training, `math` is the better judge.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict
from veriward.wire.outcomes import Outcome

READ_CHARS = 300
MAX_ANSWER_CHARS = 1_000

_ANSWER_LINE = re.compile(r"(?i)Answer\s*:\s*([^\n]+)")

# Lewkowycz et al. 2022 (Minerva, arXiv:2206.14858), appendix D: in this order, as plain text.
_REPLACED = (
    *[("an ", ""), ("a ", ""), (".$", "$"), (r"\$", ""), (r"\ ", ""), (" ", ""), ("mbox", "text")],
    *[(r",\text{and}", ","), (r"\text{and}", ","), (r"\text{m}", r"\text{}")],
)
_REMOVED = (
    *["square", "ways", "integers", "dollars", "mph", "inches", "hours", "km", "units", r"\ldots", "sue", "points"],
    *["feet", "minutes", "digits", "cents", "degrees", "cm", "gm", "pounds", "meters", "meals", "edges", "students"],
    *["childrentickets", "multiples", r"\text{s}", r"\text{.}", "\\text{\ns}", r"\text{}^2", r"\text{}^3"],
    *["\\text{\n}", r"\text{}", r"\mathrm{th}", r"^\circ", r"^{\circ}", r"\;", r",\!", "{,}", '"', r"\dots"],
)
_REWRITTEN = (
    (re.compile(r"(.*?)(\$)(.*?)(\$)(.*)"), r"$\3$"),
    (re.compile(r"\\text\{(.*?)\}"), r"\1"),
    (re.compile(r"\\textbf\{(.*?)\}"), r"\1"),
    (re.compile(r"\\overline\{(.*?)\}"), r"\1"),
    (re.compile(r"\\boxed\{(.*)\}"), r"\1"),
    (re.compile(r"(frac)([^{])(.)"), r"frac{\2}{\3}"),
    (re.compile(r"(sqrt)([^{])"), r"sqrt{\2}"),
)


def normalised(answer: str) -> str:
    """An answer in the Minerva normal form: its last right side, without units, spaces, dollars and joining commas."""
    answer = answer.split("=")[-1]
    for old, new in _REPLACED:
        answer = answer.replace(old, new)
    for word in _REMOVED:
        answer = answer.replace(word, "")
    for pattern, new in _REWRITTEN:
        answer = pattern.sub(new, answer)
    answer = answer.replace("$", "")
    digits = answer.replace(",", "")
    return digits if digits.isdigit() else answer.strip()


def _gold(answer: str) -> str:
    gold = normalised(answer)
    if not gold:
        raise ValueError("nothing is left of it after normalising")
    return gold


class DapoTask(Task):
    answer: Annotated[str, Field(max_length=MAX_ANSWER_CHARS), AfterValidator(_gold)]


@verifier("math.dapo", version=1, task=DapoTask)
def dapo(response: str, task: DapoTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last `Answer: …` line in the last 300 characters; reward +1 where it equals the gold answer, else -1.

    Rule: DAPO (Yu et al. 2025, arXiv:2503.14476), as verl's `math_dapo.compute_score` applies it: the last match of
    `(?i)Answer\\s*:\\s*([^\\n]+)`, both sides normalised as Minerva does, string equality, +1 or -1; no answer is -1.

    Known holes, kept: removing units and articles glues text (`5 square students` is `5`, `tissue` is `tis`); `1/2` and
    `0.5` differ; what precedes the last `=` is ignored, so `7=7` is `7`; an `Answer:` inside `<think>` counts.
    """
    lines = _ANSWER_LINE.findall(response[-READ_CHARS:])
    if not lines:
        return _verdict(Outcome.UNPARSED, None, "no `Answer:` line in the last 300 characters")
    answer = normalised(lines[-1])
    return _verdict(Outcome.CORRECT if answer == task.answer else Outcome.WRONG, answer)


def _verdict(outcome: Outcome, extracted: str | None, reason: str = "") -> Verdict:
    reward = 1.0 if outcome is Outcome.CORRECT else -1.0
    return Verdict(outcome, reward, {"answer": reward}, extracted, reason)
