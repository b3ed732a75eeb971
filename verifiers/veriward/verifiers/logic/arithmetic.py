"""Reads a sum such as `(3 + 5) * 3` exactly: whole numbers, four operations, remainder, brackets; nothing is evaluated.

There are no powers, so no value has more digits than the sum itself has characters.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from veriward.verifiers.logic.reading import Unread

MAX_SUM_CHARS = 400
MAX_DEPTH = 40

_SAME = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-"})
_CLOSES = {"(": ")", "[": "]", "{": "}"}
_LATEX = re.compile(r"\\(times|cdot|div|left|right)(?![A-Za-z])")
_MEANT = {"times": "*", "cdot": "*", "div": "/", "left": "", "right": ""}
_TOKEN = re.compile(r"\s*(?:(\d+)|([-+*/%()\[\]{}]))", re.ASCII)


class Sum:
    """A sum that was read: its `value`, the `numbers` written in it in their order, and the signs in `operators`."""

    def __init__(self, text: str) -> None:
        self.numbers: list[int] = []
        self.operators: set[str] = set()
        self._tokens = _tokens(text)
        self._at = 0
        self.value = self._terms(0)
        if self._peek():
            raise Unread(f"{self._peek()[:20]!r} is one too many", text)

    def _terms(self, depth: int) -> Fraction:
        if depth > MAX_DEPTH:
            raise Unread(f"brackets are more than {MAX_DEPTH} deep")
        value = self._factors(depth)
        while self._peek() in ("+", "-"):
            sign = self._sign()
            other = self._factors(depth)
            value = value + other if sign == "+" else value - other
        return value

    def _factors(self, depth: int) -> Fraction:
        value = self._operand(depth)
        while self._peek() in ("*", "/", "%"):
            sign = self._sign()
            other = self._operand(depth)
            if sign == "*":
                value *= other
            elif not other:
                raise Unread("it divides by zero")
            elif sign == "/":
                value /= other
            elif value.denominator == other.denominator == 1:
                value %= other
            else:
                raise Unread("a remainder of what is not whole")
        return value

    def _operand(self, depth: int) -> Fraction:
        token = self._peek()
        self._at += 1
        if token in _CLOSES:
            value = self._terms(depth + 1)
            if self._peek() != _CLOSES[token]:
                raise Unread("a bracket never closes")
            self._at += 1
            return value
        if token == "-" and depth < MAX_DEPTH:
            self.operators.add("-")
            return -self._operand(depth + 1)
        if not token.isdigit():
            raise Unread(f"{token!r} stands where a number should" if token else "a number is missing at the end")
        self.numbers.append(int(token))
        return Fraction(int(token))

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _sign(self) -> str:
        sign = self._peek()
        self._at += 1
        self.operators.add(sign)
        return sign


@dataclass(frozen=True, slots=True)
class Equation:
    """`left`, and `right` where something follows `=`; as text it is what was written."""

    text: str
    left: Sum
    right: Sum | None

    def __str__(self) -> str:
        return self.text


def read_equation(text: str) -> Equation:
    """A sum, with LaTeX signs or plain ones, and what stands after `=` where there is one. Raises `Unread`."""
    text = text.strip().strip("$").strip()
    left, equals, right = text.partition("=")
    if "=" in right:
        raise Unread("there is more than one =", text)
    return Equation(text, Sum(left), Sum(right) if equals else None)


def _tokens(text: str) -> list[str]:
    if len(text) > MAX_SUM_CHARS:
        raise Unread(f"the sum is longer than {MAX_SUM_CHARS} characters")
    text = _LATEX.sub(lambda found: _MEANT[found[1]], text).translate(_SAME).strip().rstrip(".").rstrip()
    tokens = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise Unread("it is no sum of whole numbers", text)
        tokens.append(token[1] or token[2])
        at = token.end()
    return tokens
