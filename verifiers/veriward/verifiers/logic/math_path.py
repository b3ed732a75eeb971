"""Math paths: put a digit for every question mark, so that the equation is true."""

import ast
import re
from fractions import Fraction
from random import Random
from typing import Annotated, Literal

from pydantic import Field, field_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Unread, container, judged, last_text, published, stored
from veriward.verifiers.logic.arithmetic import Sum
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_EQUATION_CHARS = 200
MAX_TRIES = 1_000

_BRACKETS = re.compile(r"\[\[([^\[\]]*)\]\]")
_SAME = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", " ": "", "$": "", "（": "(", "）": ")"})
_EQUATION = re.compile(r"[0-9?()+*/%-]+=-?[0-9?]+")


class MathPathTask(GameTask):
    """`equation`: with "?" for each digit that is asked for; of + - * / % and round brackets."""

    equation: Annotated[str, Field(min_length=3, max_length=MAX_EQUATION_CHARS)] = published("query_expr")

    @field_validator("equation")
    @classmethod
    def _plain(cls, equation: str) -> str:
        plain = equation.translate(_SAME)
        if not _EQUATION.fullmatch(plain):
            raise ValueError("must be a sum of digits, ? + - * / % and brackets, then = and a number")
        return plain


@verifier("logic.math_path", version=1, task=MathPathTask, golds=stored("ref_expr"))
def math_path(response: str, task: MathPathTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last equation in double brackets; it is the task's with a digit for each question mark, and it is true.

    Computed in exact fractions: products, quotients and remainders first, from left to right. Any solution counts.
    Published rows: SynLogic's `math_path` (arXiv:2505.19641), whose answers were evaluated as code.
    """

    def fault(told: str) -> str | None:
        if len(told) != len(task.equation) or any(
            not one.isdigit() if asked == "?" else one != asked for one, asked in zip(told, task.equation, strict=True)
        ):
            return "it is another equation"
        left, _, right = told.partition("=")
        try:
            return None if Sum(left).value == int(right) else "the equation is not true"
        except Unread as unread:
            return str(unread)

    return judged(lambda: _equation(response), fault)


def _equation(response: str) -> str:
    text, _ = container(response)
    found = list(_BRACKETS.finditer(text, max(0, len(text) - 10 * MAX_EQUATION_CHARS)))
    told = (found[-1][1] if found else last_text(response)).translate(_SAME).strip()
    if len(told) > MAX_EQUATION_CHARS or not _EQUATION.fullmatch(told) or "?" in told:
        raise Unread("it is no equation of digits", told)
    return told


class MathPathParameters(Parameters):
    """How many digits stand before the equals sign, and how many of them are asked for."""

    digits: int = dial(3, 10, ge=2, le=20)
    unknown: float = dial(0.6, 1.0, ge=0.1, le=1.0, about="share of the digits that are asked for")
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """In this equation, each question mark stands for a digit from 0 to 9; % is the remainder, and / divides \
exactly:

{equation}

Find digits that make it true. Give the whole equation at the end in double brackets: [[ … ]].""",
    "zh": """在下面的等式中，每个问号代表 0 到 9 的一个数字；% 表示取余，/ 表示精确除法：

{equation}

请找出使等式成立的数字，并在最后用双方括号给出完整的等式：[[ … ]]。""",
}


def proof(task: MathPathTask, response: str) -> bool:
    """Whether the answer is true and of the task's form, by Python's own grammar and exact fractions."""
    found = re.findall(r"\[\[(.*?)\]\]", response)
    told = found[-1].replace(" ", "") if found else ""
    form = re.escape(task.equation).replace(r"\?", "[0-9]")
    if not re.fullmatch(form, told, re.ASCII):
        return False
    left, right = told.split("=")
    return _computed(ast.parse(left, mode="eval").body) == int(right)


def _computed(node: ast.expr) -> Fraction | None:
    """The value; None where something is divided by zero."""
    if not isinstance(node, ast.BinOp):
        return Fraction(ast.literal_eval(node))
    left, right = _computed(node.left), _computed(node.right)
    if left is None or right is None:
        return None
    match node.op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
    return None if not right else left / right if isinstance(node.op, ast.Div) else left % right


@generator("logic.math_path", version=1, parameters=MathPathParameters, proof=proof)
def generate(rng: Random, parameters: MathPathParameters, /) -> Generated:
    """A random sum of digits with a whole value, some of its digits hidden."""
    for _ in range(MAX_TRIES):
        sum_ = _random_sum(rng, parameters.digits)
        try:
            value = Sum(sum_).value
        except Unread:
            continue
        if value.denominator == 1 and abs(value) < 1_000:
            break
    else:
        raise NoTask(f"no sum of {parameters.digits} digits was whole")
    places = [at for at, one in enumerate(sum_) if one.isdigit()]
    hidden = set(rng.sample(places, max(1, round(parameters.unknown * len(places)))))
    equation = "".join("?" if at in hidden else one for at, one in enumerate(sum_)) + f"={value}"
    return Generated(
        prompt=PROMPTS[parameters.language].format(equation=equation.replace("=", " = ")),
        task=MathPathTask(equation=equation),
        reference=f"[[{sum_}={value}]]",
    )


def _random_sum(rng: Random, digits: int) -> str:
    """Digits with signs between them, some pairs in brackets."""
    parts: list[str] = []
    while digits:
        if digits >= 2 and rng.random() < 0.25:
            parts.append(f"({rng.randrange(10)}{rng.choice('+-%')}{rng.randrange(10)})")
            digits -= 2
        else:
            parts.append(str(rng.randrange(10)))
            digits -= 1
    return parts[0] + "".join(rng.choice("++--**/%") + part for part in parts[1:])
