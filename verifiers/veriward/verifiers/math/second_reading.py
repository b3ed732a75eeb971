r"""math-verify's parser as a second reader, for notation that ours does not know: `\det`, `x == 5`.

It reads more, and guesses: words become products, `A` becomes `a`, `3\;5` becomes 8, a subscript is dropped. So it is
given one answer, never a response; nothing with words, scripts or spaces between values; nothing that it would take
long to evaluate; and it is believed only where every letter and number that is written is also in what it read. What it
read is then compared as any answer is, and math-verify's own `verify` has to agree.

Its limits by SIGALRM are off: a grader that is stuck is killed, and a signal handler has no place in a library.
"""

import logging
import re
from functools import cache, lru_cache
from typing import Any

from veriward.verifiers.math.bounds import (
    MAX_SECOND_CELLS,
    MAX_SECOND_CHARS,
    MAX_SECOND_DIGITS,
    MAX_SECOND_NESTING,
    MAX_SECOND_POWER,
    NotUnderstood,
)
from veriward.verifiers.math.normalise import GREEK_NAMES
from veriward.verifiers.math.solvable import asked
from veriward.verifiers.math.sympy_trees import from_sympy
from veriward.verifiers.math.tree import Symbol, Tree, walk

# Sums, products, limits, integrals and factorials are evaluated when they are read; `\pm` is read as `+`.
_REFUSED = re.compile(
    r"""
      \\(?:sum|prod|coprod|int|iint|oint|lim|limsup|liminf|frac\s?\{\s?(?:d|\\partial)|partial|pm|mp|boxed|fbox|bar
         |overline|text|textbf|textit|textrm|mathrm|mathbf|mathit|mathbb|mbox|vec|hat|begin\s?\{(?!(?:p|b|v)?matrix\})
         |to|implies|Rightarrow|over|choose|[,;:! ])
    | [!_'"$%°#@?~`]
    | (?<![\\A-Za-z{])[^\W\d_]{2} | (?<!begin)(?<!end)\{[^\W\d_]{2}   # a word
    | \d\s+\d                                     # values side by side
    | \^\s*\{[^{}]*[\^{]
    """,
    re.VERBOSE,
)
_OPERATOR = re.compile(r"\\operatorname\s?\{[a-z]{2,8}\}")
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\s?\{[a-z]+\}")
_EXPONENT = re.compile(r"\^\s*(?:\{([^{}]*)\}|(\S))")
_DIGITS = re.compile(r"\d+")
_LETTER = re.compile(r"[A-Za-z]")
_KNOWN = frozenset(GREEK_NAMES.split())


def is_unread(tree: Tree) -> bool:
    """Whether our parser has taken a command that it does not know for a symbol."""
    return any(
        isinstance(node, Symbol) and (match := _COMMAND.fullmatch(node.name)) is not None and match[1] not in _KNOWN
        for node in walk(tree)
    )


def second_reading(text: str) -> Tree | None:
    """The tree of a clean answer as math-verify reads it; None where it can't, or may not be believed."""
    found = _parsed(text)
    if found is None:
        return None
    try:
        tree = from_sympy(found)
    except NotUnderstood:
        return None
    return tree if _holds_what_is_written(text, found) else None


def verified(gold: str, answer: str) -> bool:
    """Whether math-verify, too, holds two clean answers for the same."""
    from math_verify import verify

    sides = _parsed(gold), _parsed(answer)
    if None in sides:
        return False
    try:
        return bool(asked(verify, *sides, timeout_seconds=None, raise_on_error=True))
    except NotUnderstood:
        return False


@lru_cache(maxsize=256)
def _parsed(text: str) -> Any:
    """The one sympy object that math-verify reads; None for none, or a string."""
    if not _is_cheap(text):
        return None
    from math_verify import parse
    from sympy import Basic

    found = parse(
        f"\\boxed{{{text}}}",
        extraction_config=_formula_in_a_box(),
        fallback_mode="no_fallback",
        extraction_mode="first_match",
        parsing_timeout=None,
    )
    return found[0] if len(found) == 1 and isinstance(found[0], Basic) else None


@cache
def _formula_in_a_box() -> list[Any]:
    """Nothing but the box is read: no anchors, no last number, and never `parse_expr`, which evaluates Python."""
    from math_verify import LatexExtractionConfig

    # That no limit is set is said once per process, at every start.
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    return [LatexExtractionConfig(try_extract_without_anchor=False, boxed_match_priority=0)]


def _is_cheap(text: str) -> bool:
    if len(text) > MAX_SECOND_CHARS or not text.isascii() or text.count("&") > MAX_SECOND_CELLS:
        return False
    depth = deepest = 0
    for sign in text:
        depth += (sign in "([{") - (sign in ")]}")
        deepest = max(deepest, depth)
    if deepest > MAX_SECOND_NESTING:
        return False
    if _REFUSED.search(_OPERATOR.sub("", text).replace("\\\\", "&")):
        return False
    if any(len(run) > MAX_SECOND_DIGITS for run in _DIGITS.findall(text)):
        return False
    power = 1
    for braced, bare in _EXPONENT.findall(text):
        for run in _DIGITS.findall(braced or bare):
            power *= max(2, int(run))
    return power <= MAX_SECOND_POWER


def _holds_what_is_written(text: str, found: Any) -> bool:
    """Whether the symbols are the letters that are written, in their case; `e` and `i` may be numbers."""
    letters = set(_LETTER.findall(_COMMAND.sub(" ", _ENVIRONMENT.sub("", _OPERATOR.sub("", text)))))
    greek = {name for name in _COMMAND.findall(text) if name in _KNOWN}
    read = {symbol.name for symbol in found.free_symbols}
    return read - {"e", "i"} == (letters | greek) - {"e", "i"}
