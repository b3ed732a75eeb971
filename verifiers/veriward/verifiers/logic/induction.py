"""Rules learnt from examples: what the games about them share, and examples that no other rule explains otherwise."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from random import Random
from typing import Annotated

from pydantic import Field

from veriward.verifiers.generators import NoTask
from veriward.verifiers.logic.game import judged
from veriward.verifiers.logic.reading import Unread, last_literal
from veriward.verifiers.registry import Task
from veriward.verifiers.verdict import Verdict

MAX_LENGTH = 200
MAX_TRIES = 3_000

Row = list[int]
Rule = Callable[[Row], Row]
Example = tuple[Row, Row]

Numbers = Annotated[list[Annotated[int, Field(ge=-(10**12), le=10**12)]], Field(max_length=MAX_LENGTH)]


class Shown(Task):
    """An example: what went in, and what came out."""

    input: Numbers
    output: Numbers


class InductionTask(Task):
    """`examples`, the `input` that is asked about, and the `answer`: what the rule makes of it."""

    examples: Annotated[list[Shown], Field(min_length=1, max_length=50)]
    input: Numbers
    answer: Annotated[Numbers, Field(min_length=1)]


def judged_row(response: str, task: InductionTask) -> Verdict:
    """Right where the last list is the answer, number for number."""
    return judged(lambda: _read(response), lambda told: None if told == task.answer else _difference(told, task.answer))


def _read(response: str) -> Row:
    told = last_literal(response)
    if not isinstance(told, list) or any(type(one) is not int for one in told):
        raise Unread("it is no list of whole numbers", str(told))
    return told


def _difference(told: Row, answer: Row) -> str:
    if len(told) != len(answer):
        return f"it has {len(told)} numbers, not {len(answer)}"
    at = next(at for at, (one, other) in enumerate(zip(told, answer, strict=True), 1) if one != other)
    return f"number {at} is wrong"


def drawn(
    rng: Random, rules: Mapping[str, Rule], depth: int, shown: int, inputs: Callable[[Random], Row]
) -> InductionTask:
    """A task of `depth` rules one after the other, which every rule or chain of rules up to that depth that explains
    its examples answers alike. Raises `NoTask`.

    Fewer rules do not explain them: where two are asked for, two are needed.
    """
    for _ in range(MAX_TRIES):
        chain = [rules[rng.choice(list(rules))] for _ in range(depth)]
        rows = [inputs(rng) for _ in range(shown + 1)]
        examples = [(row, _through(chain, row)) for row in rows]
        if any(not out or out == row or len(out) > MAX_LENGTH for row, out in examples):
            continue
        *told, (asked, answer) = examples
        if _explained(rules, depth, told, asked, answer):
            return InductionTask(
                examples=[Shown(input=one, output=out) for one, out in told], input=asked, answer=answer
            )
    raise NoTask(f"no {shown} examples left one answer to {depth} rules")


def _through(chain: Sequence[Rule], row: Row) -> Row:
    for rule in chain:
        row = rule(row)
    return row


def _explained(rules: Mapping[str, Rule], depth: int, told: list[Example], asked: Row, answer: Row) -> bool:
    """Whether all chains that explain the examples are of full depth and give that answer."""
    (first, out), *others = told
    reached: dict[tuple[str, ...], Row] = {(): first}
    for length in range(1, depth + 1):
        reached = {(*names, name): rule(row) for (names, row), (name, rule) in product(reached.items(), rules.items())}
        for names, row in reached.items():
            if row != out:
                continue
            chain = [rules[name] for name in names]
            if all(_through(chain, one) == other for one, other in others) and (
                length < depth or _through(chain, asked) != answer
            ):
                return False
    return True
