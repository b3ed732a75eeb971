"""GeneralPoints: reach a target with the values of cards, where court cards count by one of two rules."""

from collections import Counter
from random import Random
from typing import Annotated, Literal, get_args

from pydantic import Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Unread, judged, last_text, parse_literal
from veriward.verifiers.logic.arithmetic import Equation, read_equation
from veriward.verifiers.logic.expressions import random_expression
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_TRIES = 50_000
OPERATORS = frozenset("+-*/")
COURT = {"J": 11, "Q": 12, "K": 13}
CARDS = {"A": 1, **{str(value): value for value in range(2, 11)}, **COURT}

Card = Literal["A", "2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K"]
Faces = Literal["in_order", "all_ten"]
ALL: tuple[Card, ...] = get_args(Card)
COURTS: tuple[Card, ...] = ("J", "Q", "K")


class GeneralPointsTask(GameTask):
    """`cards`; `faces`: J, Q and K count 11, 12 and 13 ("in_order") or 10 each ("all_ten"); the `target`."""

    cards: Annotated[list[Card], Field(min_length=1, max_length=10)]
    faces: Faces = "in_order"
    target: Annotated[int, Field(ge=-(10**6), le=10**6)] = 24


@verifier("logic.general_points", version=1, task=GeneralPointsTask)
def general_points(response: str, task: GeneralPointsTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last expression; it uses the value of every card once and is exactly the target.

    It stands in a fenced block, a box or `<answer>`, or after "the answer is", alone or as the `formula` of a JSON
    object (as in GeneralPoints, arXiv:2501.17161); `= 24` may follow. It is computed in fractions, never evaluated.
    """
    return judged(lambda: _read(response), lambda told: _broken_rule(told, task))


def _read(response: str) -> Equation:
    text = last_text(response)
    if text.startswith("{"):
        told = parse_literal(text)
        formula = told.get("formula") if isinstance(told, dict) else None
        if not isinstance(formula, str):
            raise Unread("it has no formula", text)
        text = formula
    return read_equation(text)


def _broken_rule(told: Equation, task: GeneralPointsTask) -> str | None:
    left, right = told.left, told.right
    if right is not None and (len(right.numbers) != 1 or right.value != task.target):
        return "what follows = is not the target"
    if Counter(left.numbers) != Counter(_value(card, task.faces) for card in task.cards):
        return "it does not use the value of every card exactly once"
    if not left.operators <= OPERATORS:
        return "it uses an operation that is not allowed"
    return None if left.value == task.target else f"it is {left.value}, not {task.target}"


def _value(card: str, faces: Faces) -> int:
    return 10 if faces == "all_ten" and card in COURT else CARDS[card]


class GeneralPointsParameters(Parameters):
    """How many cards, how many court cards among them at least, by which rule they count, and the target."""

    count: int = dial(3, 5, ge=2, le=6, about="how many cards")
    court: int = dial(0, 2, ge=0, le=4, about="court cards among them, at least")
    faces: Faces = "in_order"
    target: Annotated[int, Field(ge=1, le=1000)] = 24


RULES = {"in_order": "J counts 11, Q counts 12 and K counts 13", "all_ten": "J, Q and K count 10 each"}
PROMPT = """You have the cards {cards}. A counts 1, {rule}; other cards count their number. Use the value of each card \
exactly once, with +, -, * and / and brackets, to make {target}.

Give the expression alone, in numbers, at the end, in a fenced block:
```
an expression
```"""


@generator("logic.general_points", version=1, parameters=GeneralPointsParameters)
def generate(rng: Random, parameters: GeneralPointsParameters, /) -> Generated:
    """Random cards and expressions of them until one is the target."""
    faces = parameters.faces
    for _ in range(MAX_TRIES):
        court = min(parameters.court, parameters.count)
        cards = [rng.choice(COURTS) for _ in range(court)]
        cards += [rng.choice(ALL) for _ in range(parameters.count - court)]
        expression, value = random_expression(rng, [_value(card, faces) for card in cards])
        if value == parameters.target and not _takes_nothing_away(expression):
            cards.sort(key=lambda card: CARDS[card])
            prompt = PROMPT.format(cards=", ".join(cards), rule=RULES[faces], target=parameters.target)
            task = GeneralPointsTask(cards=cards, faces=faces, target=parameters.target)
            return Generated(prompt=prompt, task=task, reference=f"```\n{expression}\n```")
    raise NoTask(f"no {parameters.count} cards made {parameters.target}")


def _takes_nothing_away(expression: str) -> bool:
    """Whether a minus could be a plus: what follows it is zero, and such a task is hardly one."""
    value = read_equation(expression).left.value
    signs = [at for at, sign in enumerate(expression) if sign == "-"]
    return any(read_equation(f"{expression[:at]}+{expression[at + 1 :]}").left.value == value for at in signs)
