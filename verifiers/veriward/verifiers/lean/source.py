"""Reads Lean 4 source as far as it must be read without Lean: what is code, and the parts of a statement.

All of it is single passes over the text. Where a text is no Lean at all, Lean says so later.
"""

import re
from typing import NamedTuple

_DECLARED = re.compile(r"^\s*(?:theorem|lemma)\s+(?P<name>[^\s:({\[⦃«»]{1,200})", re.DOTALL)
_OPENING = {"(": ")", "{": "}", "[": "]", "⦃": "⦄", "⟨": "⟩"}
_CLOSING = frozenset(_OPENING.values())
_END_OF_STATEMENT = re.compile(r":=\s*(?:by\b\s*)?(?:sorry|admit)?\s*\Z")
_COMMENT = re.compile(r"/-|--")
_COMMENT_EDGE = re.compile(r"/-|-/")


class Statement(NamedTuple):
    """`theorem name binders : claim`, without a proof."""

    name: str
    binders: str
    claim: str

    @property
    def proposition(self) -> str:
        return f"∀ {self.binders}, {self.claim}" if self.binders else self.claim


class NoStatement(ValueError):
    """The text is no statement of a theorem."""


def code_of(text: str) -> str:
    """The text with its comments blanked, by Lean's own rules: those in blocks nest.

    Strings are left as they are, and a comment may begin within one: whoever must not be fooled refuses strings.
    """
    pieces: list[str] = []
    at = 0
    while (found := _COMMENT.search(text, at)) is not None:
        pieces += (text[at : found.start()], " ")
        at = _end_of(text, found)
    pieces.append(text[at:])
    return "".join(pieces)


def read_statement(text: str) -> Statement:
    """Raises `NoStatement`. `:= by sorry`, `:= by` and `:=` at its end belong to no statement and are dropped."""
    text = _END_OF_STATEMENT.sub("", text.strip()).strip()
    declared = _DECLARED.match(text)
    if declared is None:
        raise NoStatement("is not `theorem name … : …`")
    colon = _top_level_colon(text, declared.end())
    if colon is None:
        raise NoStatement("has no `:` before its claim, or brackets that do not match")
    binders, claim = text[declared.end() : colon].strip(), text[colon + 1 :].strip()
    if not claim:
        raise NoStatement("claims nothing")
    return Statement(declared["name"], binders, claim)


def declares(code: str, name: str) -> bool:
    """Whether the code, comments blanked, has a theorem of that name."""
    return re.search(rf"\b(?:theorem|lemma)\s+{re.escape(name)}(?![\w.'!?])", code) is not None


def _end_of(text: str, opened: re.Match[str]) -> int:
    """Where the comment that begins there ends; the end of the text if it never does."""
    if opened[0] == "--":
        end = text.find("\n", opened.end())
        return len(text) if end < 0 else end
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, opened.end()):
        depth += 1 if edge[0] == "/-" else -1
        if not depth:
            return edge.end()
    return len(text)


def _top_level_colon(text: str, start: int) -> int | None:
    expected: list[str] = []
    for at in range(start, len(text)):
        sign = text[at]
        if sign in _OPENING:
            expected.append(_OPENING[sign])
        elif sign in _CLOSING:
            if not expected or expected.pop() != sign:
                return None
        elif sign == ":" and not expected:
            return None if text.startswith(":=", at) else at
    return None
