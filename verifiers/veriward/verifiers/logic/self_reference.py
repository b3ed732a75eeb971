"""Self-reference: statements about which of themselves are true."""

from collections.abc import Sequence
from itertools import product
from random import Random
from typing import Annotated, Literal

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Unread, judged, last_literal
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict

MAX_STATEMENTS = 40
MAX_TRIES = 2_000

Kind = Literal["exactly", "at_least", "at_most", "remainder", "true", "false", "same", "differ", "either", "neither"]

ABOUT_COUNT: tuple[Kind, ...] = ("exactly", "at_least", "at_most", "remainder")
ABOUT_ONE: tuple[Kind, ...] = ("true", "false")
ABOUT_TWO: tuple[Kind, ...] = ("same", "differ", "either", "neither")
SAYS = {
    "exactly": "Exactly {} of these statements are true.",
    "at_least": "At least {} of these statements are true.",
    "at_most": "At most {} of these statements are true.",
    "remainder": "The number of true statements leaves remainder {} when divided by 2.",
    "true": "Statement {} is true.",
    "false": "Statement {} is false.",
    "same": "Statements {} and {} are both true or both false.",
    "differ": "Of statements {} and {}, one is true and one is false.",
    "either": "At least one of statements {} and {} is true.",
    "neither": "Statements {} and {} are both false.",
}


class Statement(Task):
    """What is said, and its numbers: of true statements, or of the statements, from 1, that it speaks of."""

    kind: Kind
    numbers: Annotated[list[Annotated[int, Field(ge=0, le=MAX_STATEMENTS)]], Field(min_length=1, max_length=2)]


class SelfReferenceTask(GameTask):
    """`statements`: each a `kind` and its `numbers`."""

    statements: Annotated[list[Statement], Field(min_length=1, max_length=MAX_STATEMENTS)]

    @model_validator(mode="after")
    def _speak_of_each_other(self) -> "SelfReferenceTask":
        for at, one in enumerate(self.statements):
            if len(one.numbers) != (2 if one.kind in ABOUT_TWO else 1):
                raise ValueError(f"statements[{at}] has not as many numbers as {one.kind!r} takes")
            if one.kind not in ABOUT_COUNT and not all(0 < number <= len(self.statements) for number in one.numbers):
                raise ValueError(f"statements[{at}] speaks of a statement that is not there")
        return self


@verifier("logic.self_reference", version=1, task=SelfReferenceTask)
def self_reference(response: str, task: SelfReferenceTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last list, of the true statements' numbers; if just they are true, every statement is what it should be.

    Any consistent answer counts. Of the eight tasks of "How Much Backtracking is Enough?" (arXiv:2505.24273).
    """
    return judged(lambda: _read(response), lambda told: _broken_rule(told, task.statements))


def _read(response: str) -> list[int]:
    told = last_literal(response)
    if not isinstance(told, list) or any(type(one) is not int for one in told):
        raise Unread("it is no list of whole numbers", str(told))
    if len(set(told)) < len(told):
        raise Unread("a statement is named twice", str(told))
    return sorted(told)


def _broken_rule(told: list[int], statements: Sequence[Statement]) -> str | None:
    if any(not 0 < one <= len(statements) for one in told):
        return "it names a statement that is not there"
    truth = [at in told for at in range(1, len(statements) + 1)]
    for at, statement in enumerate(statements):
        if _holds(statement, truth) != truth[at]:
            return f"then statement {at + 1} would be {'false' if truth[at] else 'true'}"
    return None


def _holds(statement: Statement, truth: Sequence[bool]) -> bool:
    kind = statement.kind
    if kind in ABOUT_COUNT:
        count, told = sum(truth), statement.numbers[0]
        if kind == "exactly":
            return count == told
        if kind == "remainder":
            return count % 2 == told
        return count >= told if kind == "at_least" else count <= told
    of = [truth[number - 1] for number in statement.numbers]
    if kind in ABOUT_ONE:
        return of[0] == (kind == "true")
    if kind == "same":
        return of[0] == of[1]
    if kind == "differ":
        return of[0] != of[1]
    return any(of) if kind == "either" else not any(of)


class SelfReferenceParameters(Parameters):
    """How many statements; `counting`: the share of those that speak of how many are true."""

    count: int = dial(3, 9, ge=3, le=12, about="how many statements")
    counting: float = dial(0.4, 0.6, ge=0.0, le=1.0, about="share of statements about how many are true")


PROMPT = """Each of these statements is either true or false:

{statements}

Exactly one way of making each of them true or false agrees with what they say. Which statements are true?

Give their numbers as a list at the end, in a fenced block:
```
[first, second, …]
```"""


@generator("logic.self_reference", version=1, parameters=SelfReferenceParameters, unique=True)
def generate(rng: Random, parameters: SelfReferenceParameters, /) -> Generated:
    """Random statements until just one way of being true, not all of them false, agrees with them; all are tried."""
    count = parameters.count
    for _ in range(MAX_TRIES):
        statements = [_statement(rng, at, count, parameters.counting) for at in range(1, count + 1)]
        found: list[tuple[bool, ...]] = []
        for truth in product((False, True), repeat=count):
            if all(_holds(one, truth) == truth[at] for at, one in enumerate(statements)):
                found.append(truth)
                if len(found) > 1:
                    break
        if len(found) == 1 and any(found[0]):
            break
    else:
        raise NoTask(f"no {count} statements had one solution")
    answer = [at for at, one in enumerate(found[0], 1) if one]
    said = "\n".join(f"{at}. {SAYS[one.kind].format(*one.numbers)}" for at, one in enumerate(statements, 1))
    return Generated(
        prompt=PROMPT.format(statements=said),
        task=SelfReferenceTask(statements=statements),
        reference=f"```\n{answer}\n```",
    )


def _statement(rng: Random, at: int, count: int, counting: float) -> Statement:
    if rng.random() < counting:
        kind = rng.choice(ABOUT_COUNT)
        number = rng.randint(0, 1) if kind == "remainder" else rng.randint(1, count - 1)
        return Statement(kind=kind, numbers=[number])
    others = [one for one in range(1, count + 1) if one != at]
    kind = rng.choice((*ABOUT_ONE, *ABOUT_TWO))
    return Statement(kind=kind, numbers=sorted(rng.sample(others, 2 if kind in ABOUT_TWO else 1)))
