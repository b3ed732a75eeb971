"""Finds the answer in a response: the words that every verifier shares.

All of it is linear in the length of the text, whatever the text: searches from the end and single passes, no regular
expression that can backtrack. A function that finds nothing returns None; an empty container is found, and is "".
What an answer means is the verifiers' business.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

MAX_RESPONSE_CHARS = 1_000_000
# A box longer than this is no answer; it also bounds the search for the brace that ends one.
MAX_BOX_CHARS = 16_384

_THINK_OPEN, _THINK_CLOSE = "<think>", "</think>"
_BOXES = ("\\boxed", "\\fbox")
_BRACE = re.compile(r"\\(?:boxed|fbox)\s*\{|\\.|[{}]", re.DOTALL)
_BARE_BOX = re.compile(r"\\(?:boxed|fbox)[ \t]+([^\s${}\\]+)")
_ANSWER_TAGS = tuple((f"<{word}>", f"</{word}>") for word in ("answer", "Answer", "ANSWER"))
_TAIL_CHARS = 2_048
_MAX_BEFORE_HINT = 24
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})([^`\n]*)$", re.MULTILINE)

# "the (final) answer is", as models say it. The words end where the answer begins.
_PHRASE = re.compile(
    r"""
      \b(?:final|correct|my)?\s{0,2}answer(?:\s(?:is|was|to\s[^.:\n]{1,60}\sis)(?:\s*:)?|\s{0,2}[*_]{0,3}\s?[:=：])
    | \bfinal\sanswer[*_]{0,3}[ \t]{0,3}\n
    | \b(?:respuesta|risposta|resposta)(?:\s(?:finale?|correc?t?t[ao]))?(?:\s(?:es|è|é)\b|\s?[*_]{0,3}\s?:)
    | \bréponse(?:\sfinale)?(?:\sest\b|\s?[*_]{0,3}\s?:)
    | \b(?:antwort|endergebnis|ergebnis|lösung)(?:\s(?:ist|lautet)\b|\s?[*_]{0,3}\s?:)
    | \bответ[*_]{0,3}\s?[:—-]
    | (?:最终|最後の|最终的)?(?:答案|答え|解答)(?:[*_]{0,3}\s?[:：]|是|为|為|は)[:：]?
    | (?:최종\s?)?(?:정답|답)(?:은|:|\s:)
    """,
    re.VERBOSE | re.IGNORECASE,
)
# The letters that every phrase above needs: a cheap test before the dear one.
_PHRASE_HINTS = (
    "nswer",
    "NSWER",
    "espuesta",
    "isposta",
    "esposta",
    "éponse",
    "ntwort",
    "rgebnis",
    "ösung",
    "твет",
    "答",
    "답",
)
_ASCII_PHRASE_HINTS = tuple(filter(str.isascii, _PHRASE_HINTS))


class Span(NamedTuple):
    """A piece of a text, as slice bounds."""

    start: int
    end: int


def answer_region(text: str) -> str | None:
    """The text after the last `</think>`, opened or not; None where `<think>` opens and never closes."""
    close = text.rfind(_THINK_CLOSE)
    region = text if close < 0 else text[close + len(_THINK_CLOSE) :]
    return None if _THINK_OPEN in region else region


def last_boxed(text: str) -> str | None:
    r"""What the last `\boxed{…}` or `\fbox{…}` holds; None if there is none or it never closes."""
    span = boxed_span(text)
    return None if span is None else text[span.start : span.end]


def boxed_span(text: str) -> Span | None:
    r"""Where the content of the last box lies; of nested boxes, the outermost. `\boxed 7` counts as `\boxed{7}`."""
    boxed, fboxed = _BOXES
    start = max(text.rfind(boxed), text.rfind(fboxed))
    if start < 0:
        return None
    opening = _BRACE.match(text, start)
    if opening is None or not opening[0].endswith("{"):
        bare = _BARE_BOX.match(text, start)
        return None if bare is None else Span(*bare.span(1))
    window = max(0, start - MAX_BOX_CHARS)
    first = min(at for box in _BOXES if (at := text.find(box, window)) >= 0)
    groups: list[int | None] = []  # per open brace: where the content of its box starts, None if it is no box
    open_boxes = 0
    last: Span | None = None
    for brace in _BRACE.finditer(text, first, start + MAX_BOX_CHARS):
        if brace[0] == "}":
            inside = groups.pop() if groups else None
            if inside is not None:
                last = Span(inside, brace.start())
                open_boxes -= 1
            if brace.start() > start and not open_boxes:
                break
        elif brace[0] == "{":
            groups.append(None)
        elif brace[0].endswith("{") and len(brace[0]) > 2:
            groups.append(brace.end())
            open_boxes += 1
    return last if last is not None and last.end >= opening.end() else None


def last_answer_tag(text: str) -> str | None:
    """What the last `<answer>…</answer>` holds; None if there is none or it never closes."""
    span = answer_tag_span(text)
    return None if span is None else text[span.start : span.end]


def answer_tag_span(text: str) -> Span | None:
    """Where the content of the last `<answer>` lies. The last opening tag decides, closed or not."""
    start, tag = -1, _ANSWER_TAGS[0]
    for one in _ANSWER_TAGS:
        at = text.rfind(one[0], start + 1)
        if at > start:
            start, tag = at, one
    if start < 0:
        return None
    end = text.find(tag[1], start)
    return None if end < 0 else Span(start + len(tag[0]), end)


def last_fence(text: str, languages: Collection[str] = (), *, unclosed: bool = False) -> str | None:
    """The body of the last fenced block whose language (lower case, "" for none) is among `languages`; any if empty.

    `unclosed` accepts a last block that the text ends in. A line that opens a block of a wanted language ends a block
    that was left open before it.
    """
    opened: re.Match[str] | None = None
    body: str | None = None
    for fence in _FENCE.finditer(text):
        info = fence[2].strip()
        if opened is None:
            opened = fence
        elif not info and fence[1][0] == opened[1][0] and len(fence[1]) >= len(opened[1]):
            if _wanted(opened, languages):
                body = _between(text, opened, fence.start())
            opened = None
        elif info and languages and _wanted(fence, languages):
            opened = fence
    if unclosed and opened is not None and _wanted(opened, languages):
        body = _between(text, opened, len(text))
    return body


def answer_phrase_span(text: str) -> Span | None:
    """Where the answer after the last "final answer is" or "Answer:", in any of ten languages, lies.

    It ends with its line. If the phrase ends its line, the next line that holds something is taken.
    """
    hint = -1
    for letters in _ASCII_PHRASE_HINTS if text.isascii() else _PHRASE_HINTS:
        at = text.rfind(letters, hint + 1)  # what stands before a later one is not looked for
        if at > hint:
            hint = at
    if hint < 0:
        return None
    # The last hint is mostly the last phrase; then what is near the end; then everything.
    for start in (hint - _MAX_BEFORE_HINT, len(text) - _TAIL_CHARS, 0):
        last: re.Match[str] | None = None
        for phrase in _PHRASE.finditer(text, max(0, start)):
            last = phrase
        if last is not None:
            return line_span(text, last.end())
    return None


def line_span(text: str, start: int) -> Span | None:
    """The rest of the line from `start` on, or the next line that is not blank; None if only blanks follow."""
    while start < len(text) and (text[start].isspace() or text[start] in "*_:"):
        start += 1
    if start == len(text):
        return None
    end = text.find("\n", start)
    return Span(start, len(text) if end < 0 else end)


def _wanted(fence: re.Match[str], languages: Collection[str]) -> bool:
    words = fence[2].split(None, 1)
    return not languages or (words[0].lower() if words else "") in languages


def _between(text: str, opened: re.Match[str], end: int) -> str:
    return text[opened.end() + 1 : end]
