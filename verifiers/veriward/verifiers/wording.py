"""Words as the short-answer metrics compare them: SQuAD's normalisation, exact match and token F1.

Source: SQuAD's evaluation script (Rajpurkar et al. 2016, arXiv:1606.05250): lower case, no punctuation, no articles,
single spaces. Beyond it: punctuation of every script is dropped, accents are composed, digits and blanks of full width
are plain ones, and a text of articles alone keeps them, so that "A" and "The" are not equal. Letters are never folded:
a Cyrillic А is no A.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

_ARTICLES = frozenset(("a", "an", "the"))
_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)
_PLAIN = {
    **{0xFF10 + digit: str(digit) for digit in range(10)},
    **{0x660 + digit: str(digit) for digit in range(10)},
    0x3000: " ", 0xA0: " ", 0x2212: "-", 0xFF0D: "-",
    **dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF)),
}  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.])-?[0-9][0-9,]*(?:\.[0-9]+)?")
MAX_NUMBER_CHARS = 100


def words(text: str) -> list[str]:
    """The normalised tokens of `text`; none for a text without letters and digits."""
    text = _plain(text)
    bare = text.casefold().translate(_ASCII_PUNCTUATION)
    if not bare.isascii():
        bare = "".join(sign for sign in bare if unicodedata.category(sign)[0] != "P")
    tokens = bare.split()
    return [token for token in tokens if token not in _ARTICLES] or tokens


def numbers(text: str) -> list[Decimal]:
    """The plain numbers in `text`, in order: 1,000 is 1000, and 3.14 is not 314 as it would be without its point."""
    found = _NUMBER.findall(_plain(text))
    return [Decimal(number.replace(",", "")) for number in found if len(number) <= MAX_NUMBER_CHARS]


def f1(gold: Sequence[str], told: Sequence[str]) -> float:
    """Token F1: 2PR/(P+R), where the shared tokens are counted with multiplicity; 0 where nothing is shared."""
    shared = sum((Counter(gold) & Counter(told)).values())
    return 2 * shared / (len(gold) + len(told)) if shared else 0.0


def without_span(told: Sequence[str], gold: Sequence[str]) -> list[str] | None:
    """What `told` holds beside the tokens `gold`, which must stand together in it; None where they don't."""
    text, span = f" {' '.join(told)} ", f" {' '.join(gold)} "
    before, found, after = text.partition(span)
    return [*before.split(), *after.split()] if found else None


def _plain(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text).translate(_PLAIN)
