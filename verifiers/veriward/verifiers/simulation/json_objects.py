"""Finds the last JSON object of a text, and compares its value with a gold one as CodeI/O does, holes closed."""

import json
import re
from typing import Any, NoReturn

from veriward.verifiers.answers import last_fence
from veriward.verifiers.simulation.literals import same

MAX_OBJECT_CHARS = 65_536
FLOAT_RELATIVE = 1e-6

# A string that is never closed takes the rest of its line, so that no quote is looked at twice.
_INSIDE = re.compile(r'"(?:[^"\\\n]|\\.)*"?|[{}]')
_WORDS = {"True": True, "False": False, "None": None}


def last_object(text: str) -> dict[str, Any] | None:
    """The last `{…}` of the last block tagged json, else of the text; None if it is no JSON, or has a key twice."""
    fenced = last_fence(text, ("json",), unclosed=True)
    written = _last_braces((text if fenced is None else fenced)[-MAX_OBJECT_CHARS:])
    if written is None:
        return None
    try:
        found = json.loads(written, object_pairs_hook=_each_key_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def same_json(gold: Any, told: Any) -> bool:
    """Equal, floats within 1e-6; where gold is no string, a string that holds its JSON ("true", "[1, 2]") counts."""
    if same(gold, told, FLOAT_RELATIVE):
        return True
    if isinstance(gold, str) or not isinstance(told, str):
        return False
    try:
        inner = _WORDS[told] if told in _WORDS else json.loads(told, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return same(gold, inner, FLOAT_RELATIVE)


def _last_braces(text: str) -> str | None:
    last: str | None = None
    start = text.find("{")
    while start >= 0:
        depth, end = 0, -1
        for token in _INSIDE.finditer(text, start):
            depth += (token[0] == "{") - (token[0] == "}")
            if not depth:
                end = token.end()
                break
        if end < 0:
            return None
        last = text[start:end]
        start = text.find("{", end)
    return last


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key is given twice")
    return dict(pairs)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")
