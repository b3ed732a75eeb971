"""Reads a ranking: `[2] > [1]`, `d2 > d1`, a JSON list, or a line for each."""

import json
import re
from collections.abc import Collection, Sequence

MAX_LIST_CHARS = 65_536
MAX_POSITION_DIGITS = 6

_POSITION = re.compile(r"\[\s*(\d{1,6})\s*\]", re.ASCII)
_LINE_MARK = re.compile(r"\s*(?:\d{1,4}\s?[.):]|[-*•])\s+", re.ASCII)


def items(text: str) -> list[str] | None:
    """The entries of a list in words, in order; None where the text is too long or holds none.

    Entries are divided by `>`, else they are those of a JSON list of texts and integers, else the lines, without the
    numbers or bullets that they all begin with.
    """
    if len(text) > MAX_LIST_CHARS:
        return None
    text = text.strip()
    if ">" in text:
        entries = text.split(">")
    elif text.startswith("["):
        entries = _json_list(text) or [text]
    else:
        lines = [line for line in text.splitlines() if line.strip()]
        marked = all(_LINE_MARK.match(line) for line in lines)
        entries = [_LINE_MARK.sub("", line, count=1) if marked else line for line in lines]
    entries = [entry.strip() for entry in entries]
    return entries if entries and all(entries) else None


def identified(entries: Sequence[str], known: Sequence[str]) -> list[str | None]:
    """Which of `known` each entry means: `[n]` is the n-th of them, as is a number that is none of them itself."""
    names = set(known)
    return [_identified(entry, known, names) for entry in entries]


def _identified(entry: str, known: Sequence[str], names: Collection[str]) -> str | None:
    position = _POSITION.fullmatch(entry)
    name = entry.strip("[] \"'`")
    if position is None and name in names:
        return name
    number = position[1] if position else name
    if not (number.isascii() and number.isdigit() and len(number) <= MAX_POSITION_DIGITS):
        return None
    at = int(number)
    return known[at - 1] if 1 <= at <= len(known) else None


def _json_list(text: str) -> list[str] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, list) or any(isinstance(one, bool) or not isinstance(one, str | int) for one in value):
        return None
    return [str(one) if isinstance(one, str) else f"[{one}]" for one in value]
