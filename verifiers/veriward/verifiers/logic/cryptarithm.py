"""Cryptarithms: letters that stand for digits in a sum."""

import re
from collections.abc import Sequence
from random import Random
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator, levels
from veriward.verifiers.logic import GameTask, Unread, judged, last_text, published
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_TRIES = 4_000
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Word = Annotated[str, Field(pattern=r"^[A-Z]{1,12}$")]

_EQUATION = re.compile(r"\d+(?:[-+*]\d+)*=\d+", re.ASCII)
_PLAIN = str.maketrans({"×": "*", "·": "*", "−": "-", "–": "-", "$": "", "\\": "", " ": "", "\u00a0": ""})


class CryptarithmTask(GameTask):
    """`words`: those before `=` in their order, then the one after it; `operators`: "+", "-" or "*" between them."""

    words: Annotated[list[Word], Field(min_length=2, max_length=10)] = published("letter_words")
    operators: Annotated[list[Literal["+", "-", "*"]], Field(max_length=8)] = published("operators")

    @model_validator(mode="after")
    def _one_sum(self) -> "CryptarithmTask":
        if len(self.operators) != len(self.words) - 2:
            raise ValueError("there must be two more words than operators")
        if len(set("".join(self.words))) > 10:
            raise ValueError("more than ten letters can't be ten digits")
        return self


@verifier("logic.cryptarithm", version=1, task=CryptarithmTask)
def cryptarithm(response: str, task: CryptarithmTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last equation of digits; it is the words with a digit for each letter, and it is true.

    Different letters are different digits, and no number begins with 0. Any solution counts. It stands in a container
    or after "the answer is". Published rows: SynLogic's `cryptarithm` (arXiv:2505.19641), where only one was right.
    """

    def read() -> str:
        text = last_text(response)
        plain = text.translate(_PLAIN).replace("times", "*").replace("cdot", "*").strip(".。*\n")
        if not _EQUATION.fullmatch(plain):
            raise Unread("it is no equation of whole numbers", text)
        return plain

    return judged(read, lambda told: _broken_rule(told, task))


def _broken_rule(told: str, task: CryptarithmTask) -> str | None:
    numbers, operators = re.findall(r"\d+", told), re.findall(r"[-+*]", told)
    if operators != task.operators or [len(number) for number in numbers] != [len(word) for word in task.words]:
        return "it has not the form of the words"
    digits: dict[str, str] = {}
    for letter, digit in zip("".join(task.words), "".join(numbers), strict=True):
        if digits.setdefault(letter, digit) != digit:
            return f"{letter} is two digits"
    if len(set(digits.values())) < len(digits):
        return "two letters are one digit"
    if any(len(number) > 1 and number[0] == "0" for number in numbers):
        return "a number begins with 0"
    *left, right = map(int, numbers)
    return None if _result(left, operators) == right else "the equation is not true"


def _result(numbers: Sequence[int], operators: Sequence[str]) -> int:
    """Products first, then from left to right."""
    total, product, sign = 0, numbers[0], 1
    for operator, number in zip(operators, numbers[1:], strict=True):
        if operator == "*":
            product *= number
        else:
            total += sign * product
            product, sign = number, 1 if operator == "+" else -1
    return total + sign * product


class CryptarithmParameters(Parameters):
    """How many different letters, how many numbers are added or taken away, and how long they are."""

    letters: int = dial(5, 10, ge=4, le=10)
    operations: int = levels(1, 1, 2, about="how many + and -")
    digits: int = dial(5, 7, ge=2, le=9, about="of the longest number before =")
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """In {sum}, each letter stands for a digit, different letters for different digits, and no number begins \
with 0. Find the digits that make it true.

Give the equation with digits for letters at the end, in a fenced block:
```
the equation
```""",
    "zh": """在 {sum} 中，每个字母代表一个数字，不同字母代表不同数字，任何数都不以 0 开头。请找出使等式成立的数字。

请在最后的代码块中给出用数字替换字母后的等式：
```
等式
```""",
}


@generator("logic.cryptarithm", version=1, parameters=CryptarithmParameters, unique=True)
def generate(rng: Random, parameters: CryptarithmParameters, /) -> Generated:
    """Random sums with so many digits, until the search over all digits finds only one reading of its letters."""
    for _ in range(MAX_TRIES):
        operators = [rng.choice("+-") for _ in range(parameters.operations)]
        sizes = [rng.randint(max(2, parameters.digits - 1), parameters.digits) for _ in range(len(operators) + 1)]
        allowed = "".join(rng.sample("0123456789", parameters.letters))
        numbers = [int("".join(rng.choice(allowed) for _ in range(size))) for size in sizes]
        result = _result(numbers, operators)
        text = [str(number) for number in (*numbers, result)]
        used = sorted(set("".join(text)) - {"-"})
        if result <= 0 or len(used) != parameters.letters:
            continue
        letters = dict(zip(used, rng.sample(LETTERS, len(used)), strict=True))
        words = ["".join(letters[digit] for digit in number) for number in text]
        if solutions(words, operators, most=2) == 1:
            break
    else:
        raise NoTask(f"no sum with {parameters.letters} letters had one solution")
    typed: list[Any] = list(operators)
    prompt = PROMPTS[parameters.language].format(sum=_written(words, operators))
    task = CryptarithmTask(words=words, operators=typed)
    return Generated(prompt=prompt, task=task, reference=f"```\n{_written(text, operators)}\n```")


def _written(parts: Sequence[str], operators: Sequence[str]) -> str:
    *left, right = parts
    return " ".join([left[0], *(f"{sign} {part}" for sign, part in zip(operators, left[1:], strict=True)), "=", right])


def solutions(words: Sequence[str], operators: Sequence[str], most: int) -> int:
    """How many readings of the letters make a sum without products true, counted up to `most`.

    Column after column from the right: once its letters have digits, a column's sum must end in 0.
    """
    signs = [1, *(1 if sign == "+" else -1 for sign in operators), -1]
    columns: list[dict[str, int]] = [{} for _ in range(max(map(len, words)))]
    for word, sign in zip(words, signs, strict=True):
        for column, letter in zip(columns, reversed(word), strict=False):
            column[letter] = column.get(letter, 0) + sign
    leading = {word[0] for word in words if len(word) > 1}
    order = list(dict.fromkeys(letter for column in columns for letter in column))
    sums = [[(order.index(letter), times) for letter, times in column.items() if times] for column in columns]
    # The columns that are complete once the letter at this place is read.
    ends: list[list[int]] = [[] for _ in order]
    for at in range(len(columns)):
        ends[max(order.index(letter) for column in columns[: at + 1] for letter in column)].append(at)
    digits = [0] * len(order)
    lowest = [int(letter in leading) for letter in order]
    found = 0

    def read(at: int, taken: int, carry: int) -> None:
        nonlocal found
        if at == len(order):
            found += carry == 0
            return
        for digit in range(lowest[at], 10):
            if taken >> digit & 1:
                continue
            digits[at] = digit
            carried = carry
            for column in ends[at]:
                for letter, times in sums[column]:
                    carried += times * digits[letter]
                carried, rest = divmod(carried, 10)
                if rest:
                    break
            else:
                read(at + 1, taken | 1 << digit, carried)
                if found >= most:
                    return

    read(0, 0, 0)
    return found
