"""Splits an answer into as many values as are asked for, and pairs them with the gold ones."""

import json
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from veriward.verifiers.classes import json_value
from veriward.verifiers.final import unwrapped

MAX_ITEMS = 200

Gold = TypeVar("Gold")

_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+")
# From the strongest separator to the weakest: a comma between digits may be a thousands mark.
_SEPARATORS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (r"\n+", r"\s*\|\s*", r"\s*[;；]\s*", r",(?!\d)\s*(?:and\s+)?|、|，", r",\s*|、|，")
]
_AND = re.compile(r"\s*(?:,?\s+and\s+|\s+&\s+)", re.IGNORECASE)
_BRACKETS = (("[", "]"), ("(", ")"), ("{", "}"))


def items_of(answer: str, count: int) -> list[str] | None:
    """The answer as exactly `count` values, by JSON or the strongest separator that gives so many; else None.

    One value is the whole answer, commas and all.
    """
    answer = json_value(answer)
    told = _json_list(answer)
    if told is not None:
        return told if len(told) == count else None
    if count == 1:
        return [answer]
    for opening, closing in _BRACKETS:
        if answer.startswith(opening) and answer.endswith(closing):
            answer = answer[1:-1].strip()
    plain = [separator.split(answer) for separator in _SEPARATORS]
    for parts in (*plain, *map(_with_and, plain)):
        items = [unwrapped(_BULLET.sub("", part)) for part in parts if part.strip()]
        if len(items) == count:
            return items
    return None


def paired(gold: Sequence[Gold], told: Sequence[str], same: Callable[[Gold, str], bool], ordered: bool) -> bool:
    """Whether every gold value has a told one of its own, in order or not."""
    if len(gold) != len(told):
        return False
    if ordered:
        return all(map(same, gold, told))
    fits = [[at for at, cell in enumerate(told) if same(value, cell)] for value in gold]
    taken: dict[int, int] = {}
    return all(_place(number, fits, taken, set()) for number in range(len(gold)))


def _place(number: int, fits: list[list[int]], taken: dict[int, int], tried: set[int]) -> bool:
    """Kuhn's step: give value `number` a told one, moving others where needed."""
    for at in fits[number]:
        if at not in tried:
            tried.add(at)
            if at not in taken or _place(taken[at], fits, taken, tried):
                taken[at] = number
                return True
    return False


def _with_and(parts: list[str]) -> list[str]:
    return [*parts[:-1], *_AND.split(parts[-1])]


def _json_list(answer: str) -> list[str] | None:
    if not (answer.startswith("[") and answer.endswith("]")):
        return None
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    if all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in told):
        return [str(item) for item in told]
    return None
