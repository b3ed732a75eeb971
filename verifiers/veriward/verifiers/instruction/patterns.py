"""Checks of how words follow each other: letters, lengths, syllables, repetition of sentences' ends."""

from itertools import pairwise

from veriward.verifiers.instruction.checks import check
from veriward.verifiers.instruction.texts import (
    PUNCTUATION,
    filled_lines,
    plain_words,
    sentences,
    trimmed_words,
    word_tokens,
)
from veriward.verifiers.instruction.vocabulary import is_verb

MIN_PALINDROMES = 10
MIN_PALINDROME_CHARS = 5
MAX_VOWELS = 3
# syllapy looks words up and counts groups of vowels; nothing longer is a word.
MAX_WORD_CHARS = 64

_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_CONSONANTS = frozenset("bcdfghjklmnpqrstvwxyz")
_PRIMES = frozenset((2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97))


@check("words:alphabet")
def alphabet(text: str) -> bool:
    """Each word begins with the letter after the last word's, `a` after `z`."""
    firsts = [word[0] for word in plain_words(text.lower())]
    if not firsts or firsts[0] not in _ALPHABET:
        return False
    start = _ALPHABET.index(firsts[0])
    return all(letter == _ALPHABET[(start + at) % 26] for at, letter in enumerate(firsts))


@check("words:vowel")
def vowel(text: str) -> bool:
    """One paragraph with no more than three of the five vowels."""
    return len(filled_lines(text)) == 1 and len(set("aeiou") & set(text.lower())) <= MAX_VOWELS


@check("words:consonants")
def consonants(text: str) -> bool:
    """Two consonants together in every word."""
    words = text.lower().split()
    return all(any(one in _CONSONANTS and two in _CONSONANTS for one, two in pairwise(word)) for word in words)


@check("words:palindrome")
def palindromes(text: str) -> bool:
    """Ten palindromes of five letters or more; published, one may be said ten times and counts each time."""
    words = {word for word in plain_words(text.lower()) if len(word) >= MIN_PALINDROME_CHARS}
    return sum(word == word[::-1] for word in words) >= MIN_PALINDROMES


@check("words:prime_lengths")
def prime_lengths(text: str) -> bool:
    words = plain_words(text)
    return bool(words) and all(len(word) in _PRIMES for word in words)


@check("words:start_verb")
def start_verb(text: str) -> bool:
    """The first word is a form of a common English verb; published, a statistical tagger decides."""
    words = word_tokens(text)
    return bool(words) and is_verb(words[0])


@check("words:odd_even_syllables")
def odd_even_syllables(text: str) -> bool:
    """Odd and even numbers of syllables in turn, as syllapy counts them."""
    from syllapy import count

    odd = [count(word[:MAX_WORD_CHARS]) % 2 for word in plain_words(text.lower())]
    return bool(odd) and all(one != two for one, two in pairwise(odd))


@check("words:last_first")
def last_first(text: str) -> bool:
    """The last word of a sentence is the first of the next."""
    found = [trimmed_words(sentence) for sentence in sentences(text)]
    return all(bool(one) and bool(two) and one[-1].lower() == two[0].lower() for one, two in pairwise(found))


@check("words:paragraph_last_first")
def paragraph_last_first(text: str) -> bool:
    """Every line ends with the word that it begins with; published, a line of one word does."""
    lines = [trimmed_words(line.lower()) for line in filled_lines(text)]
    return all(len(words) > 1 and words[0] == words[-1] for words in lines if words)


@check("words:no_consecutive")
def no_consecutive(text: str) -> bool:
    """No two words together begin with one letter."""
    return all(one[0] != two[0] for one, two in pairwise(plain_words(text.lower())))


@check("sentence:alliteration_increment")
def alliteration_increment(text: str) -> bool:
    """Each sentence has more alliterating words in sequence than the one before."""
    lengths = [_alliterating(sentence) for sentence in sentences(text)]
    return all(one < two for one, two in pairwise(lengths))


def _alliterating(sentence: str) -> int:
    """How many words stand in sequences of words of one first letter."""
    words = [bare for word in sentence.lower().split() if (bare := word.lstrip(PUNCTUATION))]
    total, within = 0, False
    for one, two in pairwise(words):
        same = one[0] == two[0]
        total += (1 if within else 2) if same else 0
        within = same
    return total
