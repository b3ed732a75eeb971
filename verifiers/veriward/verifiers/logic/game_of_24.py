"""The game of 24: every number once, the allowed operations, the asked result."""

from collections import Counter
from fractions import Fraction
from random import Random
from typing import Annotated, Literal

from pydantic import Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, judged, last_text, published
from veriward.verifiers.logic.arithmetic import Equation, read_equation
from veriward.verifiers.logic.expressions import random_expression
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_TRIES = 20_000
MAX_NUMBER = 10**9

Operator = Literal["+", "-", "*", "/", "%"]


class GameOf24Task(GameTask):
    """`numbers` that must each be used once, `operators` that may be used, and the `result` to reach."""

    numbers: Annotated[list[Annotated[int, Field(ge=0, le=MAX_NUMBER)]], Field(min_length=1, max_length=10)] = (
        published("numbers")
    )
    operators: Annotated[list[Operator], Field(min_length=1)] = published("operators", default=["+", "-", "*", "/"])
    result: Annotated[int, Field(ge=-(10**9), le=10**9)] = published("result", default=24)


@verifier("logic.game_of_24", version=1, task=GameOf24Task)
def game_of_24(response: str, task: GameOf24Task, sandbox: Sandbox, /) -> Verdict:
    """Take the last expression; it uses every number once, no other operation, and is exactly the result.

    The expression stands in a fenced block, a box or `<answer>`, or after "the answer is"; `= 24` may follow. It is
    read as a sum of whole numbers and computed in fractions, never evaluated. Published rows: SynLogic's `game_of_24`
    (arXiv:2505.19641), whose own check compares the result with itself.
    """
    return judged(lambda: read_equation(last_text(response)), lambda told: _broken_rule(told, task))


def _broken_rule(told: Equation, task: GameOf24Task) -> str | None:
    left, right = told.left, told.right
    if right is not None and (len(right.numbers) != 1 or right.value != task.result):
        return "what follows = is not the result asked for"
    if Counter(left.numbers) != Counter(task.numbers):
        return "it does not use every number exactly once"
    if not left.operators <= set(task.operators):
        return "it uses an operation that is not allowed"
    return None if left.value == task.result else f"it is {left.value}, not {task.result}"


class GameOf24Parameters(Parameters):
    """How many numbers, how large, and the result."""

    count: int = dial(3, 5, ge=2, le=6, about="how many numbers")
    largest: int = dial(9, 13, ge=4, le=100, about="the largest number that may be drawn")
    result: Annotated[int, Field(ge=1, le=1000)] = 24
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """Use each of the numbers {numbers} exactly once, with +, -, * and / and brackets, to make {result}.

Give the expression alone at the end, in a fenced block:
```
an expression
```""",
    "zh": """请用数字 {numbers}，每个恰好使用一次，通过 +、-、*、/ 和括号得到 {result}。

请在最后的代码块中只给出表达式：
```
表达式
```""",
}


@generator("logic.game_of_24", version=1, parameters=GameOf24Parameters)
def generate(rng: Random, parameters: GameOf24Parameters, /) -> Generated:
    """Random expressions until one is the result: its numbers, in order of size, are the task."""
    for _ in range(MAX_TRIES):
        numbers = [rng.randint(1, parameters.largest) for _ in range(parameters.count)]
        expression, value = random_expression(rng, numbers)
        if value == Fraction(parameters.result):
            numbers.sort()
            prompt = PROMPTS[parameters.language].format(numbers=", ".join(map(str, numbers)), result=parameters.result)
            task = GameOf24Task(numbers=numbers, result=parameters.result)
            return Generated(prompt=prompt, task=task, reference=f"```\n{expression}\n```")
    raise NoTask(f"no {parameters.count} numbers up to {parameters.largest} gave {parameters.result}")
