"""Rewrites answers that a scorer would evaluate: it is given data or a formula that was read here, and nothing else."""

import re

from veriward.verifiers.logic.arithmetic import read_equation
from veriward.verifiers.logic.reading import Unread, parse_literal
from veriward.verifiers.reasoning_gym.datasets import FORMULAS_EVALUATED, LISTS_EVALUATED, SUMS_EVALUATED

MAX_FORMULA_CHARS = 10_000
MAX_POWER = 100

_FUNCTIONS = ("asin", "acos", "atan", "sinh", "cosh", "tanh", "sin", "cos", "tan", "exp", "log", "ln", "sqrt", "Abs")
_FORMULA = re.compile(
    rf"\s*(?:(?P<number>\d{{1,60}}(?:\.\d{{1,60}})?)(?![\w.])|(?P<name>{'|'.join(_FUNCTIONS)}|pi|[A-Za-z])(?![A-Za-z_\d])"
    r"|(?P<power>\*\*|\^)|(?P<sign>[-+*/()]))",
    re.ASCII,
)
_EXPONENT = re.compile(
    r"\s*(?:(\d{1,3})|\(\s*-?\s*(\d{1,3})\s*(?:/\s*\d{1,3}\s*)?\)|([A-Za-z])(?![A-Za-z_\d]))", re.ASCII
)


def rewritten(name: str, answer: str) -> str:
    """The answer, safe for the scorer of the data set `name`. Raises `Unread` where it is not what is asked for."""
    if name in LISTS_EVALUATED:
        return repr(parse_literal(answer)) if answer[:1] in ("[", "(", "{") else _plain(answer)
    if name in SUMS_EVALUATED:
        equation = read_equation(answer)  # raises for whatever is not +, -, *, /, brackets and whole numbers
        if equation.right is not None or "%" in equation.text or not equation.text.isascii() or "\\" in equation.text:
            raise Unread("it is no sum", answer)
        return equation.text
    return _formula(answer) if name in FORMULAS_EVALUATED else answer


def _plain(answer: str) -> str:
    """Text that, evaluated, is at most a name or a number."""
    if not re.fullmatch(r"[\w \n,.;|-]*", answer) or "__" in answer or re.search(r"\.\s*[A-Za-z_]", answer):
        raise Unread("it is neither a list nor plain text", answer)
    return answer


def _formula(answer: str) -> str:
    """Numbers, single letters and known functions, with powers of bounded numbers alone: no towers."""
    if len(answer) > MAX_FORMULA_CHARS:
        raise Unread(f"the formula is longer than {MAX_FORMULA_CHARS:,} characters")
    at = 0
    text = answer.rstrip()
    while at < len(text):
        token = _FORMULA.match(text, at)
        if token is None:
            raise Unread("it is no formula", answer)
        at = token.end()
        if token["power"]:
            exponent = _EXPONENT.match(text, at)
            if exponent is None or int(exponent[1] or exponent[2] or 0) > MAX_POWER:
                raise Unread(f"a power is no number up to {MAX_POWER}", answer)
            at = exponent.end()
            if _FORMULA.match(text, at) is not None and text[at:].lstrip().startswith(("**", "^")):
                raise Unread("a power of a power", answer)
    return text
