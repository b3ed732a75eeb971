"""Reads the JSON value that a response answers with, and the numbers in it.

The value is that of the last `<answer>`, of the last JSON fence in it, or where neither is given the last bracketed
group of the text. Model text is parsed as JSON only, with single quotes and round brackets forgiven; nothing
of it is evaluated.
"""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple, Never

from veriward.verifiers.answers import answer_region, last_answer_tag, last_fence

MAX_VALUE_CHARS = 65_536
MAX_COORDINATE = 1e7

_PAIRS = {"]": "[", "}": "{", ")": "("}
_FORGIVEN = str.maketrans("'()", '"[]')
_OPENING = frozenset(_PAIRS.values())


class Answer(NamedTuple):
    """The text that holds the answer, "" where the thinking never ends, and its JSON value, None where it has none."""

    text: str
    value: Any

    def __str__(self) -> str:
        return json.dumps(self.value, ensure_ascii=False)


def read_answer(response: str) -> Answer:
    region = answer_region(response) or ""
    tagged = last_answer_tag(region)
    text = region if tagged is None else tagged
    fenced = last_fence(text, ("json", ""))
    text = (text if fenced is None else fenced).strip()
    return Answer(text, last_value(text))


def last_value(text: str) -> Any:
    """The JSON value of the text, or of its last bracketed group; None where there is none, or it is too long."""
    if len(text) <= MAX_VALUE_CHARS:
        value = _parsed(text)
        if value is not None:
            return value
    for closing in ("]}", ")"):
        group = _last_group(text, closing)
        if group is not None:
            return _parsed(group)
    return None


def numbers(value: Any, count: int) -> list[float] | None:
    """`count` finite coordinates, or None. Booleans and texts are no numbers."""
    if not isinstance(value, list) or len(value) != count:
        return None
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in value):
        return None
    # Compared before it is converted: an integer may be too large for a float.
    if any(not -MAX_COORDINATE <= one <= MAX_COORDINATE for one in value):
        return None
    return [float(one) for one in value]


def _last_group(text: str, closing: str) -> str | None:
    """The last balanced group that ends in one of `closing`; brackets within its texts count like any other."""
    end = max(text.rfind(bracket) for bracket in closing)
    expected: list[str] = []
    for at in range(end, max(-1, end - MAX_VALUE_CHARS), -1):
        character = text[at]
        if character in _PAIRS:
            expected.append(_PAIRS[character])
        elif character in _OPENING:
            if expected.pop() != character:
                return None
            if not expected:
                return text[at : end + 1]
    return None


def _parsed(text: str) -> Any:
    for candidate in (text, text.translate(_FORGIVEN)):
        try:
            return json.loads(candidate, parse_constant=_refuse, object_pairs_hook=_object)
        except (ValueError, RecursionError):
            continue
    return None


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The object, if it says each key once: a key said twice is two answers."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} is given twice")
        found[key] = value
    return found


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is no number")
