r"""Finds the answer in a response to a mathematics problem.

The last `\boxed`, `\fbox` or `<answer>` decides, whatever stands around it. Only without one: the last "the answer is"
or `####`, whichever is later; then bold type in the last line; then the last formula; then the last number of the last
sentence with one, unless that sentence hedges ("3 or 4", "not 7").
"""

import re

from veriward.verifiers.answers import Span, answer_phrase_span, answer_tag_span, boxed_span, last_boxed, line_span

# A question shorter than this may be part of any answer, so it is no echo.
MIN_ECHO_CHARS = 16
# How far from the end a formula, bold type or a number still counts as the answer.
MAX_TAIL_CHARS = 600

_MARK = "####"
_AFTER_MARK = re.compile(r"\s*[-+$\\(\[{.€£]*\d|\s*[$\\]")
_CLAUSE = re.compile(
    r"(?<=[^\s.])[.!]\s+(?=[A-Z*#])|,?\s+(?:since|because|which|where|I hope)\b|\s+\((?:since|because|as)\b|。"
)
# Another number that is denied at the end, as in "42 (not 43)": it explains the answer, and takes nothing back.
_MAX_DENIED_CHARS = 60
_A_NUMBER = r"\$?[-−+]?\d[\d.,/]{0,30}%?\$?"
_DENIED = re.compile(
    rf"(?:\s*\((?:and\s)?not\s{_A_NUMBER}\)|,\s(?:and\s)?not\s{_A_NUMBER})(?=[.!]?\s*$)", re.IGNORECASE
)
_COPULA = re.compile(r"\s?(?:である|です|でした|だ|입니다|이다|이에요|예요)[.。]?$")
_BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*")
_NUMBER = re.compile(r"(?<![\w.])[-−]?(?:\$\s?)?\d[\d,]*(?:\.\d+)?(?:\s?/\s?\d+)?\s?%?")
_SENTENCE_END = re.compile(r"[.!?]\s|[。\n]")
_HEDGE = re.compile(r"\b(?:or|either|neither|nor|not|maybe|perhaps|possibly|between|cannot)\b|n['’]t\b", re.IGNORECASE)
_DELIMITERS = (("\\[", "\\]"), ("\\(", "\\)"), ("$$", "$$"), ("$", "$"))


def without_echo(region: str, question: str | None) -> str:
    """The region without the problem's own text, in which a box or an answer may be quoted."""
    if question is None or len(question) < MIN_ECHO_CHARS:
        return region
    return region.replace(question, "\n")


def extract(region: str) -> str | None:
    """The answer as it is written; "" for an empty container; None where there is none, or an open one is left."""
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
    stated = [span for span in (answer_phrase_span(region), _mark_span(region)) if span is not None]
    if stated:
        latest = max(stated)
        return _clause(region[latest.start : latest.end])
    tail = region.rstrip()[-MAX_TAIL_CHARS:]
    bold = _BOLD.findall(tail.rpartition("\n")[2])
    if bold and not bold[-1].endswith(":"):
        return str(bold[-1]).strip()
    return _last_value(tail)


def _mark_span(region: str) -> Span | None:
    """The line after the last `####`, unless that is a heading."""
    at = region.rfind(_MARK)
    if at < 0 or not _AFTER_MARK.match(region, at + len(_MARK)):
        return None
    return line_span(region, at + len(_MARK))


def _clause(line: str) -> str:
    """A line up to where an explanation begins, without emphasis or a last "is", as Japanese and Korean have it."""
    clause = _CLAUSE.split(line, maxsplit=1)[0].strip()
    denied = _DENIED.search(clause, max(0, len(clause) - _MAX_DENIED_CHARS))
    if denied is not None:
        clause = clause[: denied.start()] + clause[denied.end() :]
    if not clause.isascii():
        clause = _COPULA.sub("", clause)
    unstopped = clause.rstrip(".!")
    return (unstopped if unstopped.endswith("*") else clause).strip("*").strip()


def _last_value(tail: str) -> str | None:
    """The last formula or, after it, the last number; None if its sentence hedges."""
    formula = _last_formula(tail)
    numbers = list(_NUMBER.finditer(tail, formula.end if formula is not None else 0))
    if not numbers and formula is None:
        return None
    value = Span(*numbers[-1].span()) if numbers else formula
    assert value is not None
    begins = max((end.end() for end in _SENTENCE_END.finditer(tail, 0, value.start)), default=0)
    ends = _SENTENCE_END.search(tail, value.end)
    if _HEDGE.search(tail, begins, ends.start() if ends else len(tail)):
        return None
    return tail[value.start : value.end].strip().rstrip(",")


def _last_formula(tail: str) -> Span | None:
    end, opening = max((tail.rfind(closing), opening) for opening, closing in _DELIMITERS)
    start = tail.rfind(opening, 0, end) if end > 0 else -1
    return None if start < 0 else Span(start + len(opening), end)
