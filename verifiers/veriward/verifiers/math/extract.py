r"""Finds the answer in a response to a mathematics problem.

The last `\boxed`, `\fbox` or `<answer>` decides, whatever stands around it. Only without one: the last "the answer is …"
or `#### …`, whichever is later; then bold type in the last line; then the last formula; then the last number of the last
sentence, unless that sentence hedges ("3 or 4", "not 7").
"""

import re

from veriward.verifiers.answers import Span, answer_phrase_span, answer_tag_span, boxed_span, last_boxed, line_span

# A question shorter than this may be part of any answer, so it is no echo.
MIN_ECHO_CHARS = 16
_TAIL_CHARS = 2_048

_MARK = "####"
_AFTER_MARK = re.compile(r"\s*[-+$\\(\[{.€£]*\d|\s*[$\\]")
_CLAUSE = re.compile(
    r"(?<=[^\s.])[.!]\s+(?=[A-Z*#])|,?\s+(?:since|because|which|where|I hope)\b|\s+[(](?:since|because|as)\b|。"
)
_BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*")
_NUMBER = re.compile(r"(?<![\w.])[-−]?(?:\$\s?)?\d[\d,]*(?:\.\d+)?(?:\s?/\s?\d+)?\s?%?")
_SENTENCE = re.compile(r"(?<=[.!?。\n])\s+")
_HEDGE = re.compile(r"\b(?:or|either|neither|nor|not|maybe|perhaps|possibly|between|cannot)\b|n['’]t\b", re.IGNORECASE)
_DELIMITERS = (("\\]", "\\["), ("\\)", "\\("), ("$$", "$$"), ("$", "$"))


def without_echo(region: str, question: str | None) -> str:
    """The region without the problem's own text, in which a box or an answer may be quoted."""
    if question is None or len(question) < MIN_ECHO_CHARS:
        return region
    return region.replace(question, "\n")


def extract(region: str) -> str | None:
    """The answer as it is written; "" for an empty container, None where there is none, or where an open one is left."""
    box, tag = boxed_span(region), answer_tag_span(region)
    if tag is not None and (box is None or box.start < tag.end):
        return _inside_tag(region[tag.start : tag.end])
    if box is not None:
        return region[box.start : box.end].strip()
    if "\\boxed{" in region or "<answer>" in region:
        return None
    return _from_prose(region)


def _inside_tag(content: str) -> str:
    boxed = last_boxed(content)
    if boxed is not None:
        return boxed.strip()
    phrase = answer_phrase_span(content)
    return _clause(content[phrase.start : phrase.end]) if phrase is not None else content.strip()


def _from_prose(region: str) -> str | None:
    phrase, mark = answer_phrase_span(region), _mark_span(region)
    latest = max((span for span in (phrase, mark) if span is not None), default=None)
    if latest is not None:
        return _clause(region[latest.start : latest.end])
    tail = region.rstrip()[-_TAIL_CHARS:]
    bold = _BOLD.findall(tail.rpartition("\n")[2])
    if bold and not bold[-1].endswith(":"):
        return str(bold[-1]).strip()
    formula = _last_formula(tail)
    return formula if formula is not None else _last_number(tail)


def _mark_span(region: str) -> Span | None:
    """The line after the last `####`, unless that is a heading."""
    at = region.rfind(_MARK)
    if at < 0 or not _AFTER_MARK.match(region, at + len(_MARK)):
        return None
    return line_span(region, at + len(_MARK))


def _clause(line: str) -> str:
    """A line up to where an explanation begins, without emphasis."""
    return _CLAUSE.split(line, maxsplit=1)[0].strip().strip("*").strip()


def _last_formula(tail: str) -> str | None:
    ends = [(tail.rfind(closing), opening, closing) for closing, opening in _DELIMITERS]
    end, opening, closing = max(ends)
    start = tail.rfind(opening, 0, end) if end > 0 else -1
    if start < 0:
        return None
    return tail[start + len(opening) : end].strip()


def _last_number(tail: str) -> str | None:
    for sentence in reversed(_SENTENCE.split(tail)):
        numbers = _NUMBER.findall(sentence)
        if numbers:
            return None if _HEDGE.search(sentence) else str(numbers[-1]).strip().rstrip(",")
    return None
