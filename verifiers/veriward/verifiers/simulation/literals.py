"""Reads Python literals and calls with literal arguments out of hostile text; nothing is ever evaluated.

Bounds come before the parser: length, nesting, and what the parser itself refuses is no literal.
"""

import ast
import re
import warnings
from typing import Any, NamedTuple, TypeGuard

MAX_SOURCE_CHARS = 20_000
MAX_NESTING = 50

_BRACKETS = re.compile(r"[(\[{]|[)\]}]")
_ASSERT = re.compile(r"^[ \t]*assert\b", re.MULTILINE)
_REFUSED = (SyntaxError, ValueError, TypeError, MemoryError, RecursionError)


class NotLiteral(Exception):
    """The text is no literal, or no call with literal arguments; the message says which."""


class Stated(NamedTuple):
    """What an answer states: a call, a value, or that the call gives the value. A bare value has no `call`."""

    call: ast.Call | None
    value: ast.expr | None


def stated(text: str) -> Stated:
    """The last `assert` of the text, else all of it as one expression. Raises `NotLiteral`."""
    asserts = [match.start() for match in _ASSERT.finditer(text)]
    if asserts:
        return _taken_apart(_asserted(text[asserts[-1] :].strip()))
    return _taken_apart(_expression(text.strip().rstrip(";")))


def value_of(node: ast.expr) -> Any:
    """The value of a literal. Raises `NotLiteral`."""
    try:
        return ast.literal_eval(node)
    except _REFUSED:
        raise NotLiteral("it holds more than literals") from None


def literal(text: str) -> Any:
    """The value of a text that is a literal. Raises `NotLiteral`."""
    return value_of(_expression(text.strip()))


def arguments(call: ast.Call, parameters: list[str]) -> list[Any]:
    """The literal arguments of a call, in the order of `parameters`. Raises `NotLiteral`."""
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        raise NotLiteral("an argument is starred")
    told = [value_of(argument) for argument in call.args]
    named = {keyword.arg: value_of(keyword.value) for keyword in call.keywords}
    if len(named) < len(call.keywords) or None in named:
        raise NotLiteral("a keyword is given twice, or starred")
    for name in parameters[len(told) : len(told) + len(named)]:
        if name not in named:
            raise NotLiteral(f"the argument {name} is left out")
        told.append(named.pop(name))
    if named:
        raise NotLiteral(f"there is no argument {min(map(str, named))}")
    return told


def call_of(entry: str, source: str) -> ast.Call:
    """`entry(source)` as a call. Raises `NotLiteral`."""
    node = _expression(f"{entry}({source})")
    if not isinstance(node, ast.Call):
        raise NotLiteral("the arguments are not those of one call")
    return node


def parse(source: str) -> ast.Module:
    """Raises `NotLiteral` for what is too long, too deep or not Python."""
    if len(source) > MAX_SOURCE_CHARS:
        raise NotLiteral(f"it is longer than {MAX_SOURCE_CHARS:,} characters")
    depth = deepest = 0
    for bracket in _BRACKETS.findall(source):
        depth += 1 if bracket in "([{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_NESTING:
        raise NotLiteral(f"it is nested more than {MAX_NESTING} deep")
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(source)
    except _REFUSED:
        raise NotLiteral("it is not Python") from None


def same(gold: Any, told: Any, relative: float = 0.0) -> bool:
    """Whether two plain values are the same: types too, but 1 and 1.0 are one number. `relative`: for floats alone."""
    if isinstance(gold, bool) or isinstance(told, bool):
        return gold is told
    if isinstance(gold, int | float) and isinstance(told, int | float):
        if gold == told:
            return True
        return isinstance(gold, float) and abs(gold - told) <= relative * abs(gold)
    if type(gold) is not type(told):
        return False
    if isinstance(gold, list | tuple):
        return len(gold) == len(told) and all(same(one, other, relative) for one, other in zip(gold, told, strict=True))
    if isinstance(gold, dict):
        keys = {key: key for key in told}
        return len(gold) == len(told) and all(
            key in keys and same(key, keys[key]) and same(value, told[key], relative) for key, value in gold.items()
        )
    if isinstance(gold, set | frozenset):
        return {(isinstance(one, bool), one) for one in gold} == {(isinstance(one, bool), one) for one in told}
    return bool(gold == told)


def _expression(source: str) -> ast.expr:
    body = parse(source).body
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        raise NotLiteral("it is not one expression")
    return body[0].value


def _asserted(source: str) -> ast.expr:
    """The condition of an assert at the beginning of `source`, whose later lines may be prose."""
    try:
        body = parse(source).body
    except NotLiteral:
        body = parse(source.partition("\n")[0]).body
    if len(body) != 1 or not isinstance(body[0], ast.Assert):
        raise NotLiteral("it is not one assert")
    return body[0].test


def _taken_apart(node: ast.expr) -> Stated:
    if _is_call(node):
        return Stated(node, None)
    if not isinstance(node, ast.Compare):
        return Stated(None, node)
    left, right = node.left, node.comparators[0]
    if len(node.ops) > 1 or not isinstance(node.ops[0], ast.Eq):
        raise NotLiteral("it is not one equality")
    call, value = (left, right) if _is_call(left) else (right, left)
    if not _is_call(call):
        raise NotLiteral("it calls nothing")
    return Stated(call, value)


def _is_call(node: ast.expr) -> TypeGuard[ast.Call]:
    """Whether it is a call; the empty set has no other literal than `set()`."""
    if not isinstance(node, ast.Call):
        return False
    return bool(node.args or node.keywords) or not (isinstance(node.func, ast.Name) and node.func.id == "set")
