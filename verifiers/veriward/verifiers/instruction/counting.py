"""Checks of numbers and ratios: of words, letters, sentences, kinds of words."""

import re
from collections import Counter
from itertools import pairwise

from veriward.verifiers.instruction.checks import Count, Percentage, Relation, Verbatim, check, compares
from veriward.verifiers.instruction.texts import (
    PUNCTUATION,
    count_divided,
    divided,
    plain_words,
    sentences,
    tokens,
    trimmed_words,
    without_punctuation,
    word_count,
    word_tokens,
)
from veriward.verifiers.instruction.vocabulary import CONJUNCTIONS, PERSON_NAMES, PRONOUNS, STOP_WORDS

# IFBench allows a trigram overlap to miss its percentage by so much.
OVERLAP_SLACK = 2

_WORDS = re.compile(r"\w+")
_LETTER = re.compile(r"[a-zA-Z]")
_LOWERCASE = re.compile(r"\b[a-z]+\b")
_DIGITS = re.compile(r"\d+")
_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


@check("length_constraints:number_words")
def number_words(text: str, *, num_words: Count, relation: Relation) -> bool:
    return compares(word_count(text), relation, num_words)


@check("length_constraints:number_sentences")
def number_sentences(text: str, *, num_sentences: Count, relation: Relation) -> bool:
    return compares(len(sentences(text)), relation, num_sentences)


@check("change_case:capital_word_frequency")
def capital_word_frequency(text: str, *, capital_frequency: Count, capital_relation: Relation) -> bool:
    return compares(sum(token.isupper() for token in tokens(text)), capital_relation, capital_frequency)


@check("letters:letter_counting")
def letter_counting(text: str, *, N: Count, relation: Relation) -> bool:
    return compares(len(_LETTER.findall(text)), relation, N)


@check("count:lowercase_counting")
def lowercase_counting(text: str, *, N: Count) -> bool:
    return len(_LOWERCASE.findall(text)) <= N


@check("count:count_unique")
def count_unique(text: str) -> bool:
    """No word twice, in any case; marks may repeat, which the published check forbids."""
    words = [word.lower() for word in word_tokens(text)]
    return len(words) == len(set(words))


@check("count:counting_composition")
def counting_composition(text: str, *, n_sent: Count, n_words: Count) -> bool:
    """Three paragraphs of `n_sent` sentences of `n_words` words; marks are no words, though published they count."""
    paragraphs = [part for part in divided(text) if part.strip()]
    return count_divided(divided(text)) == 3 and all(
        [len(word_tokens(sentence)) for sentence in sentences(paragraph)] == [n_words] * n_sent
        for paragraph in paragraphs
    )


@check("count:word_count_range")
def word_count_range(text: str, *, min_words: Count, max_words: Count) -> bool:
    return min_words <= word_count(text) <= max_words


@check("count:unique_word_count")
def unique_word_count(text: str, *, N: Count) -> bool:
    return len({word.strip(PUNCTUATION) for word in text.lower().split()} - {""}) >= N


@check("count:conjunctions")
def conjunctions(text: str, *, small_n: Count) -> bool:
    """Different ones: `And` and `and,` are one, though published they are two."""
    return len(CONJUNCTIONS.intersection(map(str.lower, trimmed_words(text)))) >= small_n


@check("count:person_names")
def person_names(text: str, *, N: Count) -> bool:
    return len(PERSON_NAMES.intersection(_WORDS.findall(text))) >= N


@check("count:numbers")
def numbers(text: str, *, N: Count) -> bool:
    return len(_DIGITS.findall(without_punctuation(text))) == N


@check("count:pronouns")
def pronouns(text: str, *, N: Count) -> bool:
    return sum(token in PRONOUNS for token in tokens(text.lower())) >= N


@check("count:punctuation")
def punctuation(text: str) -> bool:
    """Each of `. , ! ? ; :` apart from one interrobang."""
    for interrobang in ("?!", "!?", "‽"):
        if interrobang in text:
            return set(text.replace(interrobang, "", 1)) >= set(".,!?;:")
    return False


@check("count:words_japanese")
def words_japanese(text: str, *, N: Count) -> bool:
    nth = text.split()[N - 1 :: N] if N else []
    words = [word.strip(PUNCTUATION) for word in nth]
    return all(_JAPANESE.search(word) for word in words if word and not word.isdigit())


@check("ratio:stop_words")
def stop_words(text: str, *, percentage: Percentage) -> bool:
    words = _WORDS.findall(text.lower())
    return bool(words) and 100 * sum(word in STOP_WORDS for word in words) / len(words) <= percentage


@check("ratio:sentence_type")
def sentence_type(text: str) -> bool:
    """Two declarative sentences for each interrogative one; published, a text of neither passes."""
    ends = _sentence_ends(text)
    return ends["."] == 2 * ends["?"] > 0


@check("ratio:sentence_balance")
def sentence_balance(text: str) -> bool:
    """As many declarative as interrogative and exclamatory sentences; published, a text of none passes."""
    ends = _sentence_ends(text)
    return ends["."] == ends["?"] == ends["!"] > 0


@check("ratio:overlap")
def overlap(text: str, *, reference_text: Verbatim, percentage: Percentage) -> bool:
    """The share of the text's trigrams of characters that the reference has, within two points."""
    own, theirs = _trigrams(text), _trigrams(reference_text)
    return bool(own) and abs(100 * len(own & theirs) / len(own) - percentage) <= OVERLAP_SLACK


@check("ratio:sentence_words")
def sentence_words(text: str) -> bool:
    """Three sentences of one length in characters, all words different, which the published check leaves out."""
    found = sentences(text)
    words = [word.lower() for word in word_tokens(text)]
    return len(found) == 3 and len(set(map(len, found))) == 1 and len(words) == len(set(words))


@check("words:repeats")
def repeats(text: str, *, small_n: Count) -> bool:
    return max(Counter(plain_words(text.lower())).values(), default=0) <= small_n


@check("sentence:increment")
def increment(text: str, *, small_n: Count) -> bool:
    counts = [len(plain_words(sentence)) for sentence in sentences(text)]
    return all(after == before + small_n for before, after in pairwise(counts))


def _sentence_ends(text: str) -> Counter[str]:
    return Counter(sentence.rstrip("\"'”’)*_")[-1:] for sentence in sentences(text))


def _trigrams(text: str) -> set[str]:
    return {text[at : at + 3] for at in range(len(text) - 2)}
