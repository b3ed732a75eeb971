"""The candidate's end of a judged run: does what the script asks for, and keeps what is not plain data.

`remote.py` is the script's end and tells the whole.
"""

import builtins
import operator
from collections.abc import Callable
from typing import Any

from veriward.sandbox.plain import decode, encode

MAX_TEXT_CHARS = 10_000


class MissingEntry(Exception):
    """The program defines no such function."""


def find_entry(namespace: dict[str, Any], entry: str) -> Any:
    """`f`, `Class.method` of a fresh instance, or a bare method name of `class Solution`. Raises `MissingEntry`."""
    name, _, method = entry.partition(".")
    if name not in namespace and not method:
        name, method = "Solution", name
    found = namespace.get(name)
    if found is None or (method and not hasattr(found, method)):
        raise MissingEntry(f"the program defines no {entry!r}")
    return getattr(found(), method) if method else found


class Candidate:
    """The program's globals, its objects that the script knows by number, and the operations on them."""

    def __init__(self, namespace: dict[str, Any], stubs: list[str]) -> None:
        self._namespace = namespace
        self._stubs = stubs
        self._objects: list[object] = []
        self._numbers: dict[int, int] = {}

    def answer(self, operation: bytes) -> bytes:
        name, args, kwargs = decode(operation, self._resolve)
        try:
            value = OPERATIONS[name](*args, **kwargs)
        except Exception as error:  # noqa: BLE001 -- the candidate's, for the script to see
            return encode(("raise", _builtin_name(type(error)), _text(error)))
        changed = (*args[1:], *kwargs.values()) if name == "call" and value is None else None
        return encode(("value", value, changed), self._number)

    def _resolve(self, number: int) -> object:
        return self._objects[number] if number >= 0 else find_entry(self._namespace, self._stubs[-1 - number])

    def _number(self, thing: object) -> int:
        number = self._numbers.setdefault(id(thing), len(self._objects))
        if number == len(self._objects):
            self._objects.append(thing)
        return number


OPERATIONS: dict[str, Callable[..., Any]] = {
    "call": lambda function, *args, **kwargs: function(*args, **kwargs),
    "get": getattr,
    "set": setattr,
    "item": operator.getitem,
    "slice": lambda thing, *bounds: thing[slice(*bounds)],
    "put": operator.setitem,
    "drop": operator.delitem,
    "len": len,
    "bool": bool,
    "str": str,
    "repr": repr,
    "iter": iter,
    "next": next,
    "eq": lambda left, right: bool(left == right),
}


def _builtin_name(kind: type[BaseException]) -> str:
    return next((base.__name__ for base in kind.__mro__ if ERRORS.get(base.__name__) is base), "RuntimeError")


def _text(error: BaseException) -> str:
    try:
        first = error.args[0] if error.args else ""
        return (first if type(first) is str else str(error))[:MAX_TEXT_CHARS]
    except Exception:  # noqa: BLE001 -- a hostile __str__
        return ""


def _takes_a_message(kind: object) -> bool:
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return False
    try:
        kind("")
    except TypeError:
        return False
    return True


ERRORS: dict[str, type[Exception]] = {
    name: kind for name, kind in vars(builtins).items() if _takes_a_message(kind) and kind.__name__ == name
}
