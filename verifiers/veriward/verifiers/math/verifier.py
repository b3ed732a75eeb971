"""The `math` verifier."""

from typing import Annotated

from pydantic import Field

from veriward.verifiers.answers import answer_region
from veriward.verifiers.math.bounds import MAX_ALTERNATIVES, NotUnderstood, TooLarge
from veriward.verifiers.math.evaluate import Budget
from veriward.verifiers.math.extract import extract, without_echo
from veriward.verifiers.math.reading import BrokenGold, Reading, matches, read_gold
from veriward.verifiers.math.warm import warm_up
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import InvalidTask, Verdict, correct, unparsed, wrong


class MathTask(Task):
    """`answer`: the gold answer, or several that are each right. `question`: its echo in a response is not judged."""

    answer: str | Annotated[list[str], Field(min_length=1, max_length=MAX_ALTERNATIVES)]
    question: str | None = None


@verifier("math", version=1, task=MathTask, preload=("math_verify", "mpmath", "sympy"), warm_up=warm_up)
def math(response: str, task: MathTask, sandbox: object, /) -> Verdict:
    r"""Compare the final answer with the gold answer as mathematics: `\frac{1}{2}`, `0.5` and `50\%` are one.

    The last `\boxed{…}` or `<answer>…</answer>` after the reasoning is judged; without one, the last "the answer is …",
    `#### …`, formula or number. Numbers, expressions, equations, inequalities, intervals, sets, tuples, matrices and
    words are compared by value, exactly: only a decimal may be rounded, at its sixth place, and nothing is equal
    because it took too long. Several answers for a single gold answer are wrong.
    """
    golds = [_gold(answer) for answer in ([task.answer] if isinstance(task.answer, str) else task.answer)]
    region = answer_region(response)
    if region is None:
        return unparsed("the reasoning never ends")
    answer = extract(without_echo(region, task.question))
    if answer is None:
        return unparsed("no answer found")
    if not answer:
        return unparsed("the answer is empty")
    budget = Budget()
    try:
        found = any(matches(gold, answer, budget) for gold in golds)
    except (NotUnderstood, TooLarge) as error:
        return unparsed(str(error), answer)
    return correct(answer) if found else wrong(answer)


def _gold(answer: str) -> Reading:
    try:
        return read_gold(answer)
    except BrokenGold as error:
        raise InvalidTask("answer", f"not an answer that can be compared: {error}") from error
