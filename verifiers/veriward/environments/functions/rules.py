"""Runs a declared tool on a state: a step that fails leaves the state as it was."""

import copy
import re
from collections.abc import Mapping
from typing import Any

from veriward.environments.functions.domain import Check, Find, Function
from veriward.environments.tools import ToolError

MAX_ENTRIES = 10_000  # of a list that a tool may grow
_PLACE = re.compile(r"\{([a-z][a-z0-9_]*(?:\.[A-Za-z0-9_-]+)*)\}")
_NONE = object()


def run(function: Function, arguments: Mapping[str, Any], state: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The state after, and what the tool returns. Raises `ToolError`."""
    known: dict[str, Any] = dict(arguments)
    for name, path in function.let.items():
        known[name] = _at(state, placed(path, known))
    for check in function.checks:
        _hold(check, known)
    after: dict[str, Any] = copy.deepcopy(state)
    for path, value in function.set.items():
        _put(after, placed(path, known), lambda _, value=value: copy.deepcopy(filled(value, known)))
    for path, value in function.add.items():
        _put(after, placed(path, known), lambda old, value=value: _sum(old, filled(value, known)))
    for path, value in function.append.items():
        _put(after, placed(path, known), lambda old, value=value: _longer(old, filled(value, known)))
    for path in function.remove:
        _put(after, placed(path, known), lambda _: _NONE)
    if function.find is not None:
        return after, _found(function.find, known, after)
    if function.returns:
        if _is_path(function.returns):
            return after, _at(after, placed(function.returns, known))
        return after, filled(function.returns, known)
    return after, "done"


def filled(value: Any, known: Mapping[str, Any]) -> Any:
    """The value with what its places stand for; raises `ToolError` where there is no such thing."""
    if isinstance(value, dict):
        return {filled(name, known): filled(one, known) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, known) for one in value]
    if not isinstance(value, str):
        return value
    whole = _PLACE.fullmatch(value)
    if whole is not None:
        return _named(whole[1], known)
    return _PLACE.sub(lambda place: str(_named(place[1], known)), value)


def placed(path: str, known: Mapping[str, Any]) -> str:
    """A path with what its places stand for, each one step of it: a model's text can't name another place."""
    return _PLACE.sub(lambda place: str(_named(place[1], known)).replace(".", "·"), path)


def _is_path(text: str) -> bool:
    return " " not in text and _PLACE.fullmatch(text) is None


def _named(name: str, known: Mapping[str, Any]) -> Any:
    first, *rest = name.split(".")
    if first not in known:
        raise ToolError(f"there is no {first}")
    value = known[first]
    for step in rest:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _at(state: Mapping[str, Any], path: Any) -> Any:
    value: Any = state
    for step in str(path).split("."):
        if not isinstance(value, dict) or step not in value:
            raise ToolError(f"there is no {step!r}")
        value = value[step]
    return value


def _put(state: dict[str, Any], path: Any, change: Any) -> None:
    *way, last = str(path).split(".")
    place = _at(state, ".".join(way)) if way else state
    if not isinstance(place, dict):
        raise ToolError(f"there is no {last!r}")
    value = change(place.get(last))
    if value is _NONE:
        if last not in place:
            raise ToolError(f"there is no {last!r}")
        del place[last]
    else:
        place[last] = value


def _sum(old: Any, value: Any) -> float:
    if isinstance(value, str):
        value = _number(value)
    return round(float(old or 0) + float(value), 6)


def _number(text: str) -> float:
    """A number as a template writes it, `-` before a place included."""
    try:
        return float(text)
    except ValueError:
        raise ToolError(f"{text!r} is no number") from None


def _longer(old: Any, value: Any) -> list[Any]:
    listed = list(old or [])
    if len(listed) >= MAX_ENTRIES:
        raise ToolError("the list is full")
    return [*listed, value]


def _hold(check: Check, known: Mapping[str, Any]) -> None:
    value = filled(check.that, known)
    holds = True
    if check.among is not None:
        holds = value in [filled(one, known) for one in check.among]
    if check.not_in is not None:
        holds = holds and value not in [filled(one, known) for one in check.not_in]
    if check.at_least is not None:
        least = filled(check.at_least, known)
        holds = holds and isinstance(value, int | float) and isinstance(least, int | float) and value >= least
    if not holds:
        raise ToolError(str(filled(check.otherwise, known)))


def _found(find: Find, known: Mapping[str, Any], state: Mapping[str, Any]) -> list[Any]:
    table = _at(state, placed(find.table, known))
    wanted = {name: filled(value, known) for name, value in find.where.items()}
    found = []
    for key, entry in table.items():
        if all(value is None or _meets(entry.get(name), value) for name, value in wanted.items()):
            found.append({"id": key, **entry})
    return found[: find.most]


def _meets(have: Any, want: Any) -> bool:
    if isinstance(have, str) and isinstance(want, str):
        return want.lower() in have.lower()
    return bool(have == want)
