"""Reads the one letter that a short text commits to, or says that it commits to none.

Letters are compared as they are: a Cyrillic А is not an A. A text that names two letters, or denies one, commits to
none.
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import NamedTuple

MAX_PAYLOAD_CHARS = 2_000

_COMMANDS = re.compile(r"\\(?:text(?:bf|it|rm)?|math(?:rm|bf|it)|mbox|bf|rm|quad|left|right|boxed|[ ,;!])(?![A-Za-z])")
_BREAKS = re.compile(r"\s*\n\s*")
_WRAPPERS = str.maketrans("", "", '{}$*_`"“”')
_LEAD = re.compile(
    r"(?:\b(?:the|my|final|correct|right|best|most|likely|answer|option|choice|letter|is|would|should|must|be)\b[\s:=]*)*",
    re.IGNORECASE,
)
_EXPLAINS = re.compile(
    r"\(|(?:is|was|because|since|as|due|given|based|for|by|which|with|where)(?![\w'’])", re.IGNORECASE
)
_DENIES = re.compile(r"(?:is|was)(?:n['’]t\b|\s+(?:not|never|wrong|incorrect|false|unlikely)\b)|not\b", re.IGNORECASE)
_JOINS = re.compile(r"(?:or|and|nor|to|through|vs|versus|if|unless)\b|[&/+|]", re.IGNORECASE)
_ENDS_CLAUSE = re.compile(r"[.;!?]\s|\b(?:because|since|due)\b", re.IGNORECASE)


class _Patterns(NamedTuple):
    head: re.Pattern[str]
    """A letter at the beginning, what delimits it, the rest."""
    label: re.Pattern[str]
    """A letter offered as a label or as an alternative: `(B)`, `B)`, `B.`, `or B`."""
    begins: re.Pattern[str]
    """A letter at the beginning that is not the article `A`."""
    alone: re.Pattern[str]


@lru_cache(maxsize=64)
def _patterns(letters: str) -> _Patterns:
    one = f"[{re.escape(letters)}]"
    ends = r"(?![\w'’])"
    return _Patterns(
        head=re.compile(rf"[(\[<]*({one}){ends}\s*([)\]>.:,;!/&+|–—-]*)\s*(.*)", re.IGNORECASE | re.DOTALL),
        label=re.compile(rf"(?:[(\[]|\bor\s+)({one})(?![\w'’])|(?<![\w'’])({one})[).:\]](?=\s*\S)"),
        begins=re.compile(rf"[(\[]*({one}){ends}(?!(?<=A)\s+[a-z])"),
        alone=re.compile(rf"(?<![\w'’])({one}){ends}"),
    )


def letter_in(payload: str, letters: str, options: Mapping[str, str]) -> str | None:
    """The letter that `payload` commits to: a letter with or without its option's text, or that text alone."""
    if len(payload) > MAX_PAYLOAD_CHARS:
        return None
    text = _LEAD.sub("", _clean(payload), count=1).strip()
    head = _patterns(letters).head.fullmatch(text)
    if head is not None:
        letter = _as_listed(head[1], letters)
        if letter is not None and not head[3]:
            return letter
    worded = _worded(payload, options)
    if worded:
        return worded.pop() if len(worded) == 1 else None
    if head is None or letter is None:
        return None
    return letter if _commits(letter, head[2], head[3], letters, options) else None


def mentions(payload: str, letters: str, options: Mapping[str, str]) -> bool:
    """Whether the payload speaks of letters or options at all."""
    clean = _clean(payload[:MAX_PAYLOAD_CHARS])
    return _patterns(letters).alone.search(clean) is not None or bool(_worded(payload, options))


def is_letter(text: str, letters: str) -> bool:
    """Whether the text is one of the letters and nothing more, brackets and marks apart."""
    if len(text) > MAX_PAYLOAD_CHARS:
        return False
    bare = _clean(text).strip(" ()[]<>.,:;")
    return len(bare) == 1 and bare in letters


def option_key(text: str) -> str:
    """The form in which option texts are compared; empty for a text of nothing."""
    return _clean(text).casefold().strip(" .,:;!?'’")


def _worded(payload: str, options: Mapping[str, str]) -> set[str]:
    key = option_key(payload)
    return {letter for letter, text in options.items() if key and option_key(text) == key}


def _commits(letter: str, delimiter: str, rest: str, letters: str, options: Mapping[str, str]) -> bool:
    """Whether what follows `letter` leaves it the only answer."""
    worded = _worded(rest, options)
    if worded:
        return letter in worded
    patterns = _patterns(letters)
    if _JOINS.match(rest) or _DENIES.match(rest) or _other(patterns.begins.match(rest), letter):
        return False
    clause = _ENDS_CLAUSE.split(rest.rstrip(" .!?;"), maxsplit=1)[0]
    if delimiter:
        found: Collection[re.Match[str]] = list(patterns.label.finditer(clause))
    elif _EXPLAINS.match(rest):
        found = list(patterns.alone.finditer(clause))
    else:
        return False
    return not any(_other(match, letter) for match in found)


def _other(match: re.Match[str] | None, letter: str) -> bool:
    return match is not None and match[match.lastindex or 0] != letter


def _as_listed(letter: str, letters: str) -> str | None:
    """The letter in the case of the list, where that is not in doubt."""
    if letter in letters:
        return letter
    same = [other for other in letters if other.casefold() == letter.casefold()]
    return same[0] if len(same) == 1 else None


def _clean(text: str) -> str:
    """Without the commands and marks that only change its looks; a line break becomes a delimiter."""
    text = text.strip()
    if "\\" in text:
        text = _COMMANDS.sub(" ", text).replace("\\", " ")
    text = text.translate(_WRAPPERS)
    if "\n" in text:
        text = _BREAKS.sub(" ; ", text)
    return " ".join(text.split())
