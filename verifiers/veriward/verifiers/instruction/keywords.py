"""Checks of single words: that they occur, how often, and where."""

import re
from collections.abc import Sequence
from itertools import pairwise

from veriward.verifiers.instruction.checks import Count, Phrase, Phrases, Position, Relation, check, compares
from veriward.verifiers.instruction.texts import sentences, tokens, trimmed_words, word_tokens


def occurrences(text: str, keyword: str) -> int:
    """How often the letters of the keyword occur, within words too, in any case."""
    return text.lower().count(keyword.lower())


def has_word(text: str, word: str) -> bool:
    """Whether the word occurs as one, in any case."""
    # The cheap test first: most words that are looked for are nowhere in the text.
    pattern = rf"(?<!\w){re.escape(word)}(?!\w)"
    return word.lower() in text.lower() and re.search(pattern, text, re.IGNORECASE) is not None


@check("keywords:existence")
def existence(text: str, *, keywords: Phrases) -> bool:
    return all(occurrences(text, keyword) for keyword in keywords)


@check("keywords:frequency", "keywords:word_count_different_numbers")
def frequency(text: str, *, keyword: Phrase, frequency: Count, relation: Relation) -> bool:
    return compares(occurrences(text, keyword), relation, frequency)


@check("keywords:forbidden_words")
def forbidden_words(text: str, *, forbidden_words: Phrases) -> bool:
    return not any(has_word(text, word) for word in forbidden_words)


@check("keywords:letter_frequency", "letters:letter_counting2")
def letter_frequency(text: str, *, letter: Phrase, let_frequency: Count, let_relation: Relation) -> bool:
    return compares(occurrences(text, letter), let_relation, let_frequency)


@check("keywords:word_once")
def word_once(text: str, *, keyword: Phrase) -> bool:
    return occurrences(text, keyword) == 1


@check("keywords:exclude_word_harder")
def exclude_word_harder(text: str, *, keyword: Phrase, instruction: str | None = None) -> bool:
    """The word may not occur; the published check misses it beside punctuation and in another case."""
    return not has_word(text, keyword)


@check("keywords:palindrome")
def palindrome(text: str) -> bool:
    """A palindrome of three letters or more; the published check takes every "a" for one."""
    return any(len(word) >= 3 and word == word[::-1] for word in map(str.lower, trimmed_words(text)))


@check("keywords:no_adjacent_consecutive")
def no_adjacent_consecutive(text: str) -> bool:
    firsts = [word[0].lower() for word in trimmed_words(text)]
    return not any(ord(second) - ord(first) == 1 for first, second in pairwise(firsts))


@check("keywords:start_end")
def start_end(text: str) -> bool:
    """The same word first and last, and nothing after it, not even a stop."""
    found = tokens(text)
    return len(found) >= 2 and found[0].lower() == found[-1].lower() and found[0][0].isalnum()


@check("keywords:keyword_specific_position", "words:keywords_specific_position")
def keyword_specific_position(text: str, *, keyword: Phrase, n: Position, m: Position) -> bool:
    """The keyword is the m-th word of the n-th sentence; marks are no words."""
    found = sentences(text)
    words = word_tokens(found[n - 1]) if n <= len(found) else []
    return m <= len(words) and words[m - 1].lower() == keyword.lower()


@check("words:words_position")
def words_position(text: str, *, keyword: Phrase) -> bool:
    words = word_tokens(text)
    return len(words) >= 3 and words[1].lower() == words[-2].lower() == keyword.lower()


@check("sentence:keyword")
def sentence_keyword(text: str, *, word: Phrase, N: Position) -> bool:
    found = sentences(text)
    return len(found) >= N and has_word(found[N - 1], word)


@check("count:count_increment_word")
def count_increment_word(text: str, *, keyword1: Phrase, keyword2: Phrase) -> bool:
    return [occurrences(text, keyword) for keyword in (keyword1, keyword2)] == [1, 2]


@check("count:keywords_multiple")
def keywords_multiple(
    text: str, *, keyword1: Phrase, keyword2: Phrase, keyword3: Phrase, keyword4: Phrase, keyword5: Phrase
) -> bool:
    keywords = (keyword1, keyword2, keyword3, keyword4, keyword5)
    return [occurrences(text, keyword) for keyword in keywords] == [1, 2, 3, 5, 7]


@check("first_word:first_word_answer")
def first_word_answer(text: str, *, first_word: Phrase) -> bool:
    return _first(text.split()[:1], first_word)


@check("first_word:first_word_sent")
def first_word_sent(text: str, *, first_word: Phrase) -> bool:
    return all(_first(sentence.split()[:1], first_word) for sentence in sentences(text))


@check("last_word:last_word_answer")
def last_word_answer(text: str, *, last_word: Phrase) -> bool:
    return _first(text.split()[-1:], last_word)


@check("last_word:last_word_sent")
def last_word_sent(text: str, *, last_word: Phrase) -> bool:
    return all(_first(sentence.split()[-1:], last_word) for sentence in sentences(text))


def _first(words: Sequence[str], wanted: str) -> bool:
    found = trimmed_words(words[0]) if words else []
    return bool(found) and found[0].lower() == wanted.lower()
