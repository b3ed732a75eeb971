"""The inputs of the benchmark. Every one is distinct, so that no cache can answer for the judge."""

import itertools
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

SUM_AND_MAX = """
n = int(input())
numbers = [int(word) for word in input().split()]
print(sum(numbers), max(numbers))
"""

BOMBS = {
    "a power tower": r"\boxed{10^{10^{10}}}",
    "a power tower of nines": r"\boxed{9^{9^{9^{9}}}}",
    "4,000 nested parentheses": r"\boxed{" + "(" * 4_000 + "1" + ")" * 4_000 + "}",
    "a product of 10^9 factors": r"\boxed{\prod_{k=1}^{1000000000} k}",
    "a sum of 10^12 terms": r"\boxed{\sum_{k=1}^{1000000000000} \frac{1}{k}}",
    "a hard integral": r"\boxed{\int_0^1 \frac{\sin(x^7+\cos(x^5))}{\log(1+x^{11})+\sqrt{x^3+e^x}} dx}",
    "5,000 ones added": r"\boxed{" + "+".join("1" * 5_000) + "}",
    "100000!": r"\boxed{100000!}",
    "a million digits": r"\boxed{" + "7" * 900_000 + "}",
}

_PROSE = (
    "First we look at what is asked. Let x be the number of apples; then 3x + 5 = 2x + 17, so x = 12, and we check "
    "that both sides give 41. Next, the ratio of the two areas is \\frac{3}{4}, hence the larger one is $4k$ and the "
    "smaller one $3k$ for some k > 0. Substituting back, we find that $k = 6$, which agrees with the picture. "
)


def stdin_tests(count: int) -> list[tuple[str, str]]:
    """(stdin, expected stdout) of `SUM_AND_MAX`."""
    draw = random.Random(20)
    tests = []
    for _ in range(count):
        numbers = [draw.randrange(10_000) for _ in range(20)]
        tests.append((f"20\n{' '.join(map(str, numbers))}\n", f"{sum(numbers)} {max(numbers)}\n"))
    return tests


def prose(chars: int) -> str:
    """The middle of a chain of thought, `chars` long."""
    return (_PROSE * (chars // len(_PROSE) + 1))[:chars]


def _short(number: int) -> tuple[str, str]:
    return str(number), f"So the answer is \\boxed{{{number + number % 2}}}."


def _long(number: int) -> tuple[str, str]:
    answer, end = _short(number)
    return answer, prose(3_000 - len(end)) + end


def _fraction(number: int) -> tuple[str, str]:
    top, bottom = number, number + 1  # neighbours have no common factor
    times = 1 + number % 2  # every other answer is not in lowest terms
    return f"\\frac{{{top}}}{{{bottom}}}", f"So it is \\boxed{{\\frac{{{top * times}}}{{{bottom * times}}}}}."


Pair = tuple[str, str]
MATH: dict[str, Callable[[int], Pair]] = {"short": _short, "long": _long, "fractions": _fraction}


def math_pairs(kind: str, first: int = 1_000) -> Iterator[Pair]:
    """(gold answer, response), no two alike."""
    number = first
    while True:
        yield MATH[kind](number)
        number += 1


def code_item(first: int, group: int, tests: list[tuple[str, str]]) -> dict[str, Any]:
    """A problem with stdin tests and `group` right programs, each a little different."""
    return {
        "task": {
            "verifier": "code",
            "kind": "stdin",
            "tests": [{"input": stdin, "output": stdout} for stdin, stdout in tests],
        },
        "responses": [f"```python\n{SUM_AND_MAX}\n# {first + index}\n```" for index in range(group)],
    }


class RolloutBodies:
    """Grade requests of `per_request` math rollouts of `chars` characters, in groups of `group` per task.

    A body is a template with eight digits per response, renewed in place: making one costs next to nothing beside
    judging it, which matters where maker and judge share two cores.
    """

    DIGITS = b"00000000"
    _numbers = itertools.count(1)  # one count for all bodies of a run

    def __init__(self, per_request: int, chars: int, group: int = 8) -> None:
        self.per_request = per_request
        begin, end = f"Draft {self.DIGITS.decode()}. ", " so it is \\boxed{%d}."
        text = begin + prose(chars - len(begin) - len(end)) + end
        items = []
        for first in range(0, per_request, group):
            size = min(group, per_request - first)
            answer = 100 + first
            responses = [text.replace("%d", str(answer + index % 2)) for index in range(size)]
            items.append({"task": {"verifier": "math", "answer": str(answer)}, "responses": responses})
        self._body = bytearray(json.dumps({"items": items, "deadline_seconds": 60}).encode())
        self._offsets = []
        at = self._body.find(self.DIGITS)
        while at >= 0:
            self._offsets.append(at)
            at = self._body.find(self.DIGITS, at + 1)

    def __next__(self) -> bytes:
        for offset in self._offsets:
            self._body[offset : offset + 8] = b"%08d" % next(self._numbers)
        return bytes(self._body)

    def __iter__(self) -> "RolloutBodies":
        return self
