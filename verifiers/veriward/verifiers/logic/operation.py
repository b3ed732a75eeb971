r"""Operations: new signs with told rules and ranks; what is an expression worth?"""

import re
from collections.abc import Callable
from fractions import Fraction
from random import Random
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Unread, judged, last_text
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_NUMBER_CHARS = 400
MAX_EXPONENT = 400
MAX_VALUE = 10**9
MAX_TRIES = 200
SAME = Fraction(1, 10**6)  # how far apart, of their size, decimals may be that mean one number

_NUMBER = re.compile(r"([-+]?)(\d*\.?\d+|\d+\.)(?:(?:e|\*10\^)\{?([-+]?\d{1,4})\}?)?", re.ASCII | re.IGNORECASE)
_FRACTION = re.compile(r"([-+]?)\\[dt]?frac\{([-+]?\d+)\}\{(\d+)\}", re.ASCII)
_RATIO = re.compile(r"([-+]?\d+)/(\d+)", re.ASCII)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))", re.ASCII)


def _as_text(answer: Any) -> Any:
    """A published number, or a text of one that can be read."""
    text = str(answer) if isinstance(answer, int | float) and not isinstance(answer, bool) else answer
    if isinstance(text, str):
        try:
            _value(text)
        except Unread as unread:
            raise ValueError(str(unread)) from None
    return text


class OperationTask(GameTask):
    """`answer`: a whole number, a decimal one, or a fraction such as "-7/3", as text."""

    answer: Annotated[str, Field(max_length=MAX_NUMBER_CHARS), BeforeValidator(_as_text)]


@verifier("logic.operation", version=1, task=OperationTask)
def operation(response: str, task: OperationTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last number, decimal or a fraction, with nothing beside it; it is the right one.

    Where the answer is a decimal, the number may differ by a millionth of its size. Published rows: SynLogic's
    `operation` (arXiv:2505.19641), where two boxes were taken together.
    """
    right = _value(task.answer)

    def fault(told: Fraction) -> str | None:
        # A whole number or a fraction is exact; only of decimals digits may be left out.
        loose = "." in task.answer or "e" in task.answer
        near = SAME * max(Fraction(1), abs(right)) if loose else 0
        return None if abs(told - right) <= near else "it is another number"

    return judged(lambda: _value(last_text(response)), fault)


def _value(text: str) -> Fraction:
    plain = (
        _THOUSANDS.sub("", text.replace("{,}", ",").strip().strip("$*。 ").rstrip("."))
        .replace("−", "-")
        .replace(" ", "")
    )
    plain = plain.replace("\\times", "*").replace("\\cdot", "*").replace("×", "*")
    if len(plain) > MAX_NUMBER_CHARS:
        raise Unread(f"the number is longer than {MAX_NUMBER_CHARS} characters", text)
    fraction = _FRACTION.fullmatch(plain)
    ratio = _RATIO.fullmatch(plain)
    number = _NUMBER.fullmatch(plain)
    top, bottom = (fraction[1] + fraction[2], fraction[3]) if fraction else ratio.groups() if ratio else ("", "")
    if bottom:
        if not int(bottom) or top[:2] in ("--", "+-", "-+", "++"):
            raise Unread("it is no fraction", text)
        return Fraction(int(top), int(bottom))
    if number is None or abs(int(number[3] or 0)) > MAX_EXPONENT:
        raise Unread("it is no number", text)
    return Fraction(number[1] + number[2].rstrip(".")) * Fraction(10) ** int(number[3] or 0)


class OperationParameters(Parameters):
    """`signs`: new operations; `operands` of the expression; `branches`: share of rules that tell two cases apart."""

    signs: int = dial(1, 4, ge=1, le=5)
    operands: int = dial(3, 7, ge=2, le=12)
    branches: float = dial(0.0, 0.8, ge=0.0, le=1.0)
    language: Literal["en", "zh"] = "en"


SIGNS = "⊕⊗⊙◇△"
CONDITIONS: tuple[tuple[str, str, Callable[[int, int], bool]], ...] = (
    ("x is even", "x 是偶数", lambda x, y: x % 2 == 0),
    ("y is even", "y 是偶数", lambda x, y: y % 2 == 0),
    ("x is greater than y", "x 大于 y", lambda x, y: x > y),
    ("x + y is a multiple of 3", "x + y 是 3 的倍数", lambda x, y: (x + y) % 3 == 0),
)
FORMS: tuple[tuple[str, Callable[[int, int, int, int], int]], ...] = (
    ("{0}*x + {1}*y", lambda x, y, a, b: a * x + b * y),
    ("x*y - {0}*x + {1}", lambda x, y, a, b: x * y - a * x + b),
    ("{0}*y - {1}*x", lambda x, y, a, b: a * y - b * x),
    ("x*x - {0}*y - {1}", lambda x, y, a, b: x * x - a * y - b),
    ("{0}*(x - y) + {1}", lambda x, y, a, b: a * (x - y) + b),
)
RULE = {
    "en": ("x {0} y = {1}", "x {0} y = {1} if {2}, else {3}"),
    "zh": ("x {0} y = {1}", "若{2}，x {0} y = {1}，否则为 {3}"),
}
PROMPTS = {
    "en": """These operations are defined:
{rules}

They rank {ranks}: what ranks higher is computed first, equal ranks from left to right, and brackets before all.

What is the value of {expression}?

Give only the number at the end, in \\boxed{{}}.""",
    "zh": """定义以下运算：
{rules}

运算优先级为 {ranks}：优先级高的先计算，同级从左到右，括号最先。

{expression} 的值是多少？

请在最后的 \\boxed{{}} 中只给出数字。""",
}


@generator("logic.operation", version=1, parameters=OperationParameters, unique=True)
def generate(rng: Random, parameters: OperationParameters, /) -> Generated:
    """Random rules and a random expression with a value that is small enough, and not 0."""
    language = parameters.language
    for _ in range(MAX_TRIES):
        signs = list(SIGNS[: parameters.signs])
        rules = {sign: _rule(rng, sign, parameters.branches, language) for sign in signs}
        known = [*signs, "+", "-", "*"]
        ranks = {"+": 1, "-": 1, "*": 2} | {sign: rng.choice((1, 2, 3)) for sign in signs}
        tokens = _expression(rng, known, parameters.operands)
        value = _computed(tokens, ranks, rules)
        if value and abs(value) < MAX_VALUE and set(tokens) & set(signs):
            break
    else:
        raise NoTask("no expression had a value that is small enough")
    levels = [" = ".join(sign for sign in known if ranks[sign] == rank) for rank in (3, 2, 1)]
    prompt = PROMPTS[language].format(
        rules="\n".join(text for text, _ in rules.values()),
        ranks=" > ".join(level for level in levels if level),
        expression=" ".join(tokens).replace("( ", "(").replace(" )", ")"),
    )
    return Generated(prompt=prompt, task=OperationTask(answer=str(value)), reference=f"\\boxed{{{value}}}")


def _rule(rng: Random, sign: str, branches: float, language: str) -> tuple[str, Callable[[int, int], int]]:
    """The text of a rule, and what it computes."""
    (text, one), (other_text, other) = _form(rng), _form(rng)
    simple, split = RULE[language]
    if rng.random() >= branches:
        return simple.format(sign, text), one
    english, chinese, holds = rng.choice(CONDITIONS)
    when = chinese if language == "zh" else english
    return split.format(sign, text, when, other_text), lambda x, y: one(x, y) if holds(x, y) else other(x, y)


def _form(rng: Random) -> tuple[str, Callable[[int, int], int]]:
    text, compute = rng.choice(FORMS)
    a, b = rng.randint(1, 5), rng.randint(1, 9)
    return text.format(a, b), lambda x, y: compute(x, y, a, b)


def _expression(rng: Random, signs: list[str], operands: int) -> list[str]:
    """Numbers with signs between them; some neighbours in brackets."""
    tokens: list[str] = []
    left = operands
    while left:
        if tokens:
            tokens.append(rng.choice(signs))
        if left > 1 and rng.random() < 0.2:
            tokens += ["(", str(rng.randint(1, 9)), rng.choice(signs), str(rng.randint(1, 9)), ")"]
            left -= 2
        else:
            tokens.append(str(rng.randint(1, 9)))
            left -= 1
    return tokens


def _computed(tokens: list[str], ranks: dict[str, int], rules: dict[str, tuple[str, Callable[[int, int], int]]]) -> int:
    """By the ranks, brackets first."""
    values: list[int] = []
    waiting: list[str] = []

    def settle(rank: int) -> None:
        while waiting and waiting[-1] != "(" and ranks[waiting[-1]] >= rank:
            sign, right, left = waiting.pop(), values.pop(), values.pop()
            if sign in rules:
                values.append(rules[sign][1](left, right))
            else:
                values.append(left + right if sign == "+" else left - right if sign == "-" else left * right)

    for token in tokens:
        if token.isdigit():
            values.append(int(token))
        elif token == "(":
            waiting.append(token)
        elif token == ")":
            settle(0)
            waiting.pop()
        else:
            settle(ranks[token])
            waiting.append(token)
    settle(0)
    return values[0]
