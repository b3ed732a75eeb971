"""Countdown: reach a number with given ones."""

from collections import Counter
from random import Random
from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, judged, last_text
from veriward.verifiers.logic.arithmetic import Equation, read_equation
from veriward.verifiers.logic.expressions import random_expression
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_NUMBER = 10**9
MAX_TRIES = 20_000
OPERATORS = frozenset("+-*/")

Numbers = Annotated[list[Annotated[int, Field(ge=0, le=MAX_NUMBER)]], Field(min_length=1, max_length=12)]


class CountdownTask(GameTask):
    """`target`, and the `numbers` (or `nums`) to reach it with; `use` "all" of them once, or "any" of them."""

    numbers: Numbers = Field(validation_alias=AliasChoices("numbers", "nums"))
    target: Annotated[int, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]
    use: Literal["all", "any"] = "all"


@verifier("logic.countdown", version=1, task=CountdownTask)
def countdown(response: str, task: CountdownTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last expression; it uses each number at most once, and is exactly the target.

    Every number must be used, as TinyZero asks, unless `use` is "any". `+ - * /` and brackets; `= target` may follow.
    It is read as a sum of whole numbers and computed in fractions, never evaluated, and only the right value is paid:
    TinyZero's 0.1 for the mere form is not.
    """
    return judged(lambda: read_equation(last_text(response)), lambda told: _broken_rule(told, task))


def _broken_rule(told: Equation, task: CountdownTask) -> str | None:
    left, right = told.left, told.right
    if right is not None and (len(right.numbers) != 1 or right.value != task.target):
        return "what follows = is not the target"
    used, given = Counter(left.numbers), Counter(task.numbers)
    if not used <= given:
        return "it uses a number that is not given, or one more often than it is"
    if task.use == "all" and used != given:
        return "it does not use every number"
    if not left.operators <= OPERATORS:
        return "it uses an operation that is not allowed"
    return None if left.value == task.target else f"it is {left.value}, not {task.target}"


class CountdownParameters(Parameters):
    """How many numbers, how large they are, and how large the target may be."""

    count: int = dial(3, 6, ge=2, le=8, about="how many numbers")
    largest: int = dial(20, 99, ge=5, le=1000, about="the largest number that may be drawn")
    largest_target: int = dial(100, 999, ge=10, le=100_000)
    use: Literal["all", "any"] = "all"
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """Make {target} from the numbers {numbers} with +, -, * and / and brackets. {rule}

Give the expression alone at the end, in a fenced block:
```
an expression
```""",
    "zh": """请用数字 {numbers} 通过 +、-、*、/ 和括号得到 {target}。{rule}

请在最后的代码块中只给出表达式：
```
表达式
```""",
}
RULES = {
    ("en", "all"): "Use every number exactly once.",
    ("en", "any"): "Use each number at most once; not all have to be used.",
    ("zh", "all"): "每个数字恰好使用一次。",
    ("zh", "any"): "每个数字最多使用一次，不必全部使用。",
}


@generator("logic.countdown", version=1, parameters=CountdownParameters)
def generate(rng: Random, parameters: CountdownParameters, /) -> Generated:
    """Random expressions with whole steps until one is a target in bounds: then it can be reached."""
    for _ in range(MAX_TRIES):
        numbers = [rng.randint(1, parameters.largest) for _ in range(parameters.count)]
        expression, value = random_expression(rng, numbers, whole=True)
        if value is None or not 10 <= value <= parameters.largest_target or int(value) in numbers:
            continue
        rng.shuffle(numbers)
        target = int(value)
        prompt = PROMPTS[parameters.language].format(
            target=target, numbers=", ".join(map(str, numbers)), rule=RULES[parameters.language, parameters.use]
        )
        task = CountdownTask(numbers=numbers, target=target, use=parameters.use)
        return Generated(prompt=prompt, task=task, reference=f"```\n{expression}\n```")
    raise NoTask(f"no {parameters.count} numbers up to {parameters.largest} made a target in bounds")
