"""The shaping kind `repetition`: a penalty for saying the same again."""

import re
from typing import Annotated, Literal

from pydantic import Field

from veriward.verifiers.shaping.term import Seen, Term

MAX_WORDS = 100_000  # the last ones: loops come at the end
MAX_NGRAM_WORDS = 100

# Of scripts that are written without spaces, every letter counts as a word.
_LETTERS = r"\u0e01-\u0e4e\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_LETTERS}]|[^\s{_LETTERS}]+")


class RepetitionTerm(Term):
    """`ngram_words` n: quality = different n-grams / all n-grams, of words in lower case; 1 for fewer than n words.

    Added: -weight × (1 - quality). Source: the n-gram repetition penalty of "Demystifying Long Chain-of-Thought
    Reasoning" (Yeo et al. 2025, arXiv:2502.03373, appendix) in the form for whole responses that Open R1 made of it,
    with its n of 3 and its weight of 1.
    """

    kind: Literal["repetition"] = "repetition"
    ngram_words: Annotated[int, Field(ge=1, le=MAX_NGRAM_WORDS)] = 3

    @property
    def penalises(self) -> bool:
        return True

    def quality(self, seen: Seen) -> float:
        words = _WORD.findall(seen.text.lower())[-MAX_WORDS:]
        total = len(words) - self.ngram_words + 1
        return _different(words, self.ngram_words) / total if total > 0 else 1.0


def _different(words: list[str], n: int) -> int:
    """How many different n-grams there are, in O(words × log n): pieces of 2^k words are numbered by their halves."""
    numbers: dict[str, int] = {}
    ranks = [numbers.setdefault(word, len(numbers)) for word in words]
    length = 1
    while length < n:
        step = min(length, n - length)  # the second half may overlap the first
        pairs: dict[tuple[int, int], int] = {}
        halves = zip(ranks, ranks[step:], strict=False)
        ranks = [pairs.setdefault(pair, len(pairs)) for pair in halves]
        length += step
    return len(set(ranks))
