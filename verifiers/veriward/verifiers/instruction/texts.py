"""Takes a text apart as the checks need it: words, sentences, paragraphs, lines.

Sentences and words stand in for NLTK's punkt and Treebank tokenizers, whose data would have to be fetched: a stop ends
a sentence unless it follows an abbreviation or an initial, and a word keeps its apostrophes and inner hyphens.
"""

import re
import string

PUNCTUATION = string.punctuation
_WITHOUT = str.maketrans("", "", PUNCTUATION)
# Marks of other scripts and typography that surround words as ASCII punctuation does.
MARKS = PUNCTUATION + "“”‘’«»„…–—。、，！？；：（）「」¿¡ "

_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r"\w+(?:['’\-.]\w+)*|[^\w\s]")
# A run of stops is tried once, from its first: else a run that ends no sentence costs the square of its length.
_STOP = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]*_]{0,4}+(?=\s|$)|(?<![。！？])[。！？]++[」』”]?")
_TITLES = "mr mrs ms dr prof sr jr st vs mt gen col sgt capt lt rev hon fig no vol inc ltd co corp dept est approx"
_SHORT_FORMS = "e.g i.e etc cf al a.m p.m u.s u.k u.s.a ph.d m.d b.a m.a d.c jan feb mar apr aug sept oct nov dec"
_ABBREVIATIONS = frozenset(f"{_TITLES} {_SHORT_FORMS}".split())
# These end a sentence too, where a capital follows.
_MAY_END_LISTED = "etc a.m p.m u.s u.k u.s.a ph.d m.d b.a m.a d.c inc ltd co corp jr sr"
_MAY_END = frozenset(_MAY_END_LISTED.split())
_MAX_ABBREVIATION_CHARS = 8
_LAST_WORD = re.compile(r"\S+\Z")
_DIVIDER = re.compile(r"\s?(?:\*\*\*|^\* \* \*$)\s?", re.MULTILINE)


def without_punctuation(text: str) -> str:
    return text.translate(_WITHOUT)


def word_count(text: str) -> int:
    r"""How many runs of `\w` there are, as IFEval counts words."""
    return sum(1 for _ in _WORD.finditer(text))


def plain_words(text: str) -> list[str]:
    """The blank-separated words, without ASCII punctuation in them; those of punctuation alone are left out."""
    return without_punctuation(text).split()


def trimmed_words(text: str) -> list[str]:
    """The blank-separated words, without marks around them; those of marks alone are left out."""
    return [bare for word in text.split() if (bare := word.strip(MARKS))]


def tokens(text: str) -> list[str]:
    """Words and marks of punctuation, each of them one token."""
    return _TOKEN.findall(text)


def word_tokens(text: str) -> list[str]:
    """The tokens that hold a letter or a digit."""
    return [token for token in tokens(text) if token[0].isalnum() or token[0] == "_"]


def sentences(text: str) -> list[str]:
    """The sentences, trimmed; what follows the last stop is one too."""
    found, start = [], 0
    for stop in _STOP.finditer(text):
        if not _is_abbreviation(text, stop):
            found.append(text[start : stop.end()].strip())
            start = stop.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]


def _is_abbreviation(text: str, stop: re.Match[str]) -> bool:
    """Whether the stop is none: after an abbreviation, an initial or a list's number, or dots before a small letter."""
    after = text[stop.end() : stop.end() + 2].strip()[:1]
    if stop[0] != ".":
        return stop[0].startswith(("..", "…")) and after.islower()
    window = text[max(0, stop.start() - _MAX_ABBREVIATION_CHARS) : stop.start()]
    word = _LAST_WORD.search(window)
    if word is None:
        return False
    said = word[0].lstrip("(\"'“").lower()
    if said.isdigit() or (len(said) == 1 and said.isalpha()):
        begins_line = not window[: word.start()].rpartition("\n")[2].strip()
        return begins_line if said.isdigit() else said != "i"
    return said in _ABBREVIATIONS and (said not in _MAY_END or (bool(after) and not after.isupper()))


def divided(text: str) -> list[str]:
    """The paragraphs between dividers `***`."""
    return _DIVIDER.split(text)


def count_divided(parts: list[str]) -> int:
    """How many parts there are, blank ones at the ends left out; 0 where one between others is blank."""
    inner = parts[(not parts[0].strip()) : len(parts) - (len(parts) > 1 and not parts[-1].strip())]
    return len(inner) if all(part.strip() for part in inner) else 0


def filled_lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]
