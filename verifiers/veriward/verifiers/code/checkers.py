"""Compares a program's output with what was expected of it.

lines            LiveCodeBench's rule: as many lines, each equal when stripped or equal token by token as decimals
exact            byte for byte, but for one newline at the end
tokens           the words separated by blanks are equal, in order
float            as tokens; two numbers may differ by `abs`, or by `rel` times the expected one
unordered_lines  the stripped lines are equal as a multiset

Unlike the published code of `lines`, "NaN" and "Infinity" are words, and only ASCII digits make a number.
"""

import math
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

from veriward.verifiers.code.task import Checker

MAX_NUMBER_CHARS = 4_000
MAX_EXPONENT_DIGITS = 6

_NUMBER = re.compile(rf"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{{1,{MAX_EXPONENT_DIGITS}}})?")


def same_output(expected: str, output: bytes, checker: Checker) -> bool:
    """Whether `output` is what was expected, by the rule `checker.kind`. Bytes that are not UTF-8 equal nothing."""
    if checker.kind == "exact":
        return expected.encode("utf-8", "surrogatepass").removesuffix(b"\n") == output.removesuffix(b"\n")
    try:
        text = output.decode()
    except UnicodeDecodeError:
        return False
    if checker.kind == "float":
        return _tokens(expected, text, lambda left, right: _close(left, right, checker.abs, checker.rel))
    return _RULES[checker.kind](expected, text)


def _lines(expected: str, output: str) -> bool:
    left, right = _stripped_lines(expected), _stripped_lines(output)
    return len(left) == len(right) and all(
        one == other or _tokens(one, other, _equal_decimals) for one, other in zip(left, right, strict=True)
    )


def _unordered_lines(expected: str, output: str) -> bool:
    return Counter(_stripped_lines(expected)) == Counter(_stripped_lines(output))


def _tokens(expected: str, output: str, equal: Callable[[str, str], bool] = str.__eq__) -> bool:
    left, right = expected.split(), output.split()
    return len(left) == len(right) and all(map(equal, left, right))


_RULES: dict[str, Callable[[str, str], bool]] = {
    "lines": _lines,
    "tokens": _tokens,
    "unordered_lines": _unordered_lines,
}


def _stripped_lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n")]


def _is_number(token: str) -> bool:
    return len(token) <= MAX_NUMBER_CHARS and _NUMBER.fullmatch(token) is not None


def _equal_decimals(left: str, right: str) -> bool:
    return _is_number(left) and _is_number(right) and Decimal(left) == Decimal(right)


def _close(left: str, right: str, absolute: float, relative: float) -> bool:
    if left == right:
        return True
    if not (_is_number(left) and _is_number(right)):
        return False
    expected, told = float(left), float(right)
    if math.isinf(expected) or math.isinf(told):
        return False
    return abs(expected - told) <= max(absolute, relative * abs(expected))
