"""What a string says as an answer: a plain number, words, or a tree; and whether two strings say the same.

Cheap readings come first, and only answer when certain: the same signs, a plain number, words. A gold answer is read
once and kept, since a group of responses shares its task. What sympy and math-verify are asked comes last.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from veriward.verifiers.answers import last_boxed
from veriward.verifiers.math.algebra import accepts
from veriward.verifiers.math.bounds import MAX_CANDIDATE_CHARS, MAX_DIGIT_RUN, NotUnderstood, TooLarge
from veriward.verifiers.math.equal import Comparison
from veriward.verifiers.math.evaluate import Budget
from veriward.verifiers.math.exact import exact
from veriward.verifiers.math.normalise import clean, fold, squeeze
from veriward.verifiers.math.parse import parse
from veriward.verifiers.math.second_reading import is_unread, second_reading, verified
from veriward.verifiers.math.tokens import unbalanced
from veriward.verifiers.math.tree import Group, Relation, Text, Tree
from veriward.verifiers.math.values import close

_LITERAL = re.compile(
    r"""
    ([-+]?)\s?(?:
        (\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)                       # 1,234.5
      | (\d+)/(\d+)
      | \\[dt]?frac\s?(?:\{(-?\d+)\}\s?\{(-?\d+)\}|(\d)(\d))
    )
    """,
    re.VERBOSE,
)
_WORDS = re.compile(r"[^\W\d_]+(?:[ '.&-]+[^\W\d_]+)*")
_SPACED_LETTERS = re.compile(r"(?<=\b[^\W\d_]) (?=[^\W\d_]\b)")  # `a b c` is `abc`
_CHOICE_LABEL = re.compile(r"(?:\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{\s*)?\(([A-Za-z])\)\s*\}?(?:\\[ ,;:!]|[\s~])*")
_PROSE_WORD = re.compile(r"(?<![\\A-Za-z])[^\W\d_]{3,}")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")


class BrokenGold(ValueError):
    """A gold answer that nobody could match: empty, unbalanced, or no notation at all."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A gold answer. `literal` is (value, written as a decimal); `words` are set where it is letters only."""

    clean: str
    squeezed: str
    literal: tuple[Fraction, bool] | None
    words: str | None
    tree: Tree | None

    @property
    def several(self) -> bool:
        return isinstance(self.tree, Group)


@lru_cache(maxsize=4_096)
def read_gold(answer: str) -> Reading:
    """Raises `BrokenGold`."""
    boxed = last_boxed(answer)
    raw = answer if boxed is None else boxed
    if len(raw) > MAX_CANDIDATE_CHARS:
        raise BrokenGold(f"it is longer than {MAX_CANDIDATE_CHARS} characters")
    text = clean(raw)
    if not text:
        raise BrokenGold("it is empty")
    if unbalanced(text):
        raise BrokenGold("its braces don't match")
    words = words_of(text)
    try:
        tree: Tree | None = parse(text)
    except TooLarge as error:
        raise BrokenGold(str(error)) from error
    except NotUnderstood as error:
        tree = second_reading(text)
        if tree is None and words is None and not _PROSE_WORD.search(text):
            raise BrokenGold(str(error)) from error
    return Reading(text, squeeze(text), literal(text), words, tree)


def matches(gold: Reading, answer: str, budget: Budget) -> bool:
    """Whether an answer says what `gold` says. Raises `NotUnderstood`, `TooLarge`."""
    if len(answer) > MAX_CANDIDATE_CHARS:
        raise TooLarge(f"longer than {MAX_CANDIDATE_CHARS} characters")
    text = clean(answer)
    if not text:
        raise NotUnderstood("nothing but delimiters")
    if text == gold.clean or squeeze(text) == gold.squeezed:
        return True
    if gold.literal is not None and (number := literal(text)) is not None:
        same = gold.literal[0] == number[0]
        return same or ((gold.literal[1] or number[1]) and close(gold.literal[0], number[0]))
    if gold.words is not None and (words := words_of(text)) is not None:
        return words == gold.words
    if gold.tree is None or isinstance(gold.tree, Text):
        return fold(text) == fold(gold.clean) or _label(text, gold, budget)
    return _says(gold, gold.tree, text, budget)


def literal(text: str) -> tuple[Fraction, bool] | None:
    """The value of a plain number or fraction; None for all else."""
    match = _LITERAL.fullmatch(text)
    if match is None:
        return None
    sign, plain, *fractions = match.groups()
    if plain is not None:
        if len(plain) > MAX_DIGIT_RUN or ("," in plain and len(plain.partition(",")[0]) > 3):
            return None
        value, decimal = Fraction(plain.replace(",", "")), "." in plain
    else:
        upper, lower = (part for part in fractions if part is not None)
        if max(len(upper), len(lower)) > MAX_DIGIT_RUN or not int(lower):
            return None
        value, decimal = Fraction(int(upper), int(lower)), False
    return (-value if sign == "-" else value), decimal


def words_of(text: str) -> str | None:
    """An answer in letters alone, folded; None for all else."""
    words = fold(text)
    if not _WORDS.fullmatch(words):
        return None
    return _SPACED_LETTERS.sub("", words) if " " in words else words


def _says(gold: Reading, tree: Tree, text: str, budget: Budget) -> bool:
    comparison = Comparison(budget)
    try:
        other = parse(text)
    except NotUnderstood:
        if _says_at_second_reading(gold, tree, None, text, comparison):
            return True
        raise
    if comparison.equal(tree, other):
        return True
    if gold.several and "," in text and comparison.equal(tree, parse(text, comma_joins=False)):
        return True
    if _DECIMAL_COMMA.fullmatch(text) and (value := exact(tree)) is not None and value.denominator > 1:
        return comparison.equal(tree, parse(text.replace(",", ".")))
    return (
        _label(text, gold, budget)
        or accepts(tree, other, comparison)
        or _says_at_second_reading(gold, tree, other, text, comparison)
    )


def _says_at_second_reading(gold: Reading, tree: Tree, other: Tree | None, text: str, comparison: Comparison) -> bool:
    """Whether it does where math-verify reads what our parser does not know; where that knows all, False."""
    left = second_reading(gold.clean) if is_unread(tree) else tree
    right = second_reading(text) if other is None or is_unread(other) else other
    if left is None or right is None or (left is tree and right is other):
        return False
    return comparison.equal(left, right) and verified(gold.clean, text)


def _label(text: str, gold: Reading, budget: Budget) -> bool:
    """`(C) 5` names a choice and its value: gold may be either."""
    label = _CHOICE_LABEL.match(text)
    if label is None or label.end() == len(text):
        return False
    if gold.words is not None and len(gold.words) == 1:
        return gold.words == label[1].casefold()
    rest = text[label.end() :]
    return not isinstance(gold.tree, (Group, Relation)) and matches(gold, rest, budget)
