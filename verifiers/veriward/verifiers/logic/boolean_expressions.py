"""Boolean expressions: which of these, made of facts, sums and truth values, are true?"""

import re
from collections.abc import Callable
from fractions import Fraction
from operator import eq, ge, gt, lt, ne
from random import Random
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Unread, judged, last_text
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NONE = {"none", "none of them", "无", "没有"}
MAX_TRIES = 50

_TEXT = re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}")
_BETWEEN = re.compile(r"\s*(?:[,，、;；]\s*(?:and\s+)?|\s+and\s+|和|\s+)")
_LETTER = re.compile(r"\(?([A-Z])\)?\.?", re.IGNORECASE)


def _told(answer: Any) -> Any:
    """A published answer, such as "A,B", as a list."""
    if not isinstance(answer, str):
        return answer
    try:
        return _letters(answer) if answer.strip() else []
    except Unread as unread:
        raise ValueError(str(unread)) from None


class BooleanExpressionsTask(GameTask):
    """`answer`: the letters of the true options; a list, or as published: "A,B"."""

    answer: Annotated[list[Annotated[str, Field(pattern="^[A-Z]$")]], Field(max_length=26), BeforeValidator(_told)]


@verifier("logic.boolean_expressions", version=1, task=BooleanExpressionsTask)
def boolean_expressions(response: str, task: BooleanExpressionsTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last list of letters and nothing else, in any order and case; all true options and no other.

    Where no option is true, it is "none". Published rows: SynLogic's `boolean_expressions` (arXiv:2505.19641), where
    every letter of any word counted.
    """
    right = sorted(set(task.answer))
    return judged(lambda: _letters(last_text(response)), lambda told: None if told == right else "the options differ")


def _letters(text: str) -> list[str]:
    plain = _TEXT.sub(r"\1", text).strip().strip("*[]{}.。").strip()
    if plain.lower() in NONE:
        return []
    found = [_LETTER.fullmatch(word) for word in _BETWEEN.split(plain)]
    told = [one[1].upper() for one in found if one]
    if len(told) < len(found):
        raise Unread("it is no list of letters", text)
    return sorted(set(told))


class BooleanExpressionsParameters(Parameters):
    """How many `options`, and how deep the expressions are."""

    options: int = dial(3, 8, ge=2, le=26)
    depth: int = dial(1, 5, ge=1, le=8)
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """Which of these options are true? "not" reaches over the bracket after it, and sentences are judged as \
they are in our world.

{options}

Give the letters of all true options at the end, apart by commas, in \\boxed{{}}.""",
    "zh": """下列选项中哪些为真？“非”作用于其后的括号，句子按现实情况判断真假。

{options}

请在最后给出所有为真的选项字母，用逗号分隔，写在 \\boxed{{}} 中。""",
}
FACTS = (
    ("Paris is the capital of France", "巴黎是法国的首都", True),
    ("Tokyo is the capital of China", "东京是中国的首都", False),
    ("the Earth goes round the Sun", "地球围绕太阳转", True),
    ("the Moon is larger than the Earth", "月球比地球大", False),
    ("a triangle has three sides", "三角形有三条边", True),
    ("a week has eight days", "一周有八天", False),
    ("iron is a metal", "铁是金属", True),
    ("gold is a gas at room temperature", "金在室温下是气体", False),
    ("spiders have eight legs", "蜘蛛有八条腿", True),
    ("whales are fish", "鲸是鱼类", False),
    ("penguins are birds", "企鹅是鸟类", True),
    ("seven is an even number", "七是偶数", False),
)
RELATIONS: tuple[tuple[str, str, Callable[[Fraction, Fraction], bool]], ...] = (
    ("is greater than", "大于", gt),
    ("is less than", "小于", lt),
    ("is equal to", "等于", eq),
    ("is not equal to", "不等于", ne),
    ("is at least", "不小于", ge),
)
WORDS = {"en": ("not", " and ", " or ", "true", "false"), "zh": ("非", " 且 ", " 或 ", "真", "假")}


@generator("logic.boolean_expressions", version=1, parameters=BooleanExpressionsParameters, unique=True)
def generate(rng: Random, parameters: BooleanExpressionsParameters, /) -> Generated:
    """Random expressions, computed as they are made; one of them at least is true."""
    for _ in range(MAX_TRIES):
        made = [_expression(rng, parameters.depth, parameters.language) for _ in range(parameters.options)]
        right = [letter for letter, (_, true) in zip(LETTERS, made, strict=False) if true]
        if right:
            break
    else:
        raise NoTask("no option was true")
    options = "\n".join(f"{letter}. {text}" for letter, (text, _) in zip(LETTERS, made, strict=False))
    prompt = PROMPTS[parameters.language].format(options=options)
    return Generated(
        prompt=prompt, task=BooleanExpressionsTask(answer=right), reference=f"\\boxed{{{', '.join(right)}}}"
    )


def _expression(rng: Random, depth: int, language: str) -> tuple[str, bool]:
    """A text, and whether it is true."""
    no, both, either, yes, never = WORDS[language]
    if not depth:
        kind = rng.random()
        if kind < 0.2:
            true = rng.random() < 0.5
            return (yes if true else never), true
        if kind < 0.5:
            english, chinese, true = rng.choice(FACTS)
            return chinese if language == "zh" else english, true
        return _comparison(rng, language)
    if rng.random() < 0.25:
        text, true = _expression(rng, depth - 1, language)
        return f"{no} ({text})", not true
    left, right = _expression(rng, depth - 1, language), _expression(rng, rng.randrange(depth), language)
    if rng.random() < 0.5:
        left, right = right, left
    if rng.random() < 0.5:
        return f"({left[0]}){both}({right[0]})", left[1] and right[1]
    return f"({left[0]}){either}({right[0]})", left[1] or right[1]


def _comparison(rng: Random, language: str) -> tuple[str, bool]:
    (left, one), (right, other) = _sum(rng), _sum(rng)
    english, chinese, holds = rng.choice(RELATIONS)
    return f"{left} {chinese if language == 'zh' else english} {right}", holds(one, other)


def _sum(rng: Random) -> tuple[str, Fraction]:
    first, second, third = (rng.choice([*range(-9, 0), *range(1, 10)]) for _ in range(3))
    kind = rng.randrange(3)
    if kind == 0:
        return f"({first} * {second} - {third})", Fraction(first * second - third)
    if kind == 1:
        return f"({first} + {second} * {third})", Fraction(first + second * third)
    return f"({first} - {second} / {third})", first - Fraction(second, third)
