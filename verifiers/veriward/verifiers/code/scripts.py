"""Reads the tests that a task gives as Python: which names they leave to the program, and which are a plain call.

Only the task's own code is parsed here, never the response.
"""

import ast
import builtins
import operator
import symtable
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from veriward.sandbox.plain import Unserialisable, encode
from veriward.verifiers.verdict import InvalidTask

_MODULE_NAMES = {"__name__", "__file__", "__doc__", "__builtins__", "__annotations__"}
_GIVEN_NAMES = frozenset(dir(builtins)) | _MODULE_NAMES | {"exit", "quit"}


@dataclass(frozen=True, slots=True)
class PlainCall:
    """`assert entry(*arguments) == literal`, taken apart: the program is called, and `holds` judges the value here."""

    entry: str
    arguments: bytes
    holds: Callable[[Any], bool]


def check(source: str, field: str) -> None:
    """Raises `InvalidTask` naming `field` if the task's code is not Python, or needs what the sandbox doesn't have."""
    try:
        compile(source, "<tests>", "exec", dont_inherit=True)
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidTask(field, f"not Python: {error}") from None
    foreign = sorted(set(_imported(tree)) - sys.stdlib_module_names)
    if foreign:
        raise InvalidTask(field, f"imports {', '.join(foreign)[:200]}; there is only the standard library")


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def free_names(source: str) -> set[str]:
    """The names that `source` (which parses) uses and neither defines, imports nor finds among the builtins."""
    top = symtable.symtable(source, "<tests>", "exec")
    used = {
        symbol.get_name()
        for scope in _scopes(top)
        for symbol in scope.get_symbols()
        if symbol.is_referenced() and (scope is top or symbol.is_global())
    }
    return used - defined_names(source) - _GIVEN_NAMES


def defined_names(source: str) -> set[str]:
    """The names that `source` (which parses) binds at its top, from within functions too."""
    top = symtable.symtable(source, "<tests>", "exec")
    return {
        symbol.get_name()
        for scope in _scopes(top)
        for symbol in scope.get_symbols()
        if (scope is top or symbol.is_declared_global()) and (symbol.is_assigned() or symbol.is_imported())
    }


def forgotten_imports(source: str) -> set[str]:
    """Free names that can only mean modules of the standard library: `math` in `math.isclose(f(2), 4)`.

    Left to the program, they would let it bring an `isclose` of its own.
    """
    candidates = free_names(source) & sys.stdlib_module_names
    if not candidates:
        return set()
    tree = ast.parse(source)
    bases = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    bare = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in bases}
    return candidates - bare


def shared_part(setup: str) -> str:
    """The imports and classes of `setup`: what the program may need, too.

    Functions and data stay with the judge: they may hold the very solution that the tests compare with.
    """
    body = ast.parse(setup).body
    for kinds in (ast.Import, ast.ImportFrom, ast.ClassDef), (ast.Import, ast.ImportFrom):
        shared: list[ast.stmt] = [node for node in body if isinstance(node, kinds)]
        source = ast.unparse(ast.Module(shared, []))
        if not free_names(source):
            return source
    return ""


def without_definition(source: str, name: str) -> str:
    """`source` without its top-level function or class `name`; empty if it does not parse even as an open function."""
    for text in (source, f"{source}\n    pass\n"):
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        tree.body = [node for node in tree.body if not (isinstance(node, definitions) and node.name == name)]
        return ast.unparse(tree)
    return ""


def plain_call(source: str) -> PlainCall | None:
    """The test as one call with literal arguments compared with a literal, if that is all it is.

    Values are compared as Python does: a tuple is no list, and floats are exact.
    """
    body = ast.parse(source).body
    if len(body) != 1 or not isinstance(body[0], ast.Assert):
        return None
    try:
        return _taken_apart(body[0].test)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, Unserialisable):
        return None  # something in it is no literal


def _taken_apart(test: ast.expr) -> PlainCall | None:
    if isinstance(test, ast.Call):
        return _call(test, bool)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and isinstance(test.operand, ast.Call):
        return _call(test.operand, operator.not_)
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    left, right = test.left, test.comparators[0]
    compare = _COMPARISONS.get(type(test.ops[0]))
    if compare is None:
        return None
    call, literal = (left, right) if isinstance(left, ast.Call) else (right, left)
    expected = ast.literal_eval(literal)
    if compare in (operator.is_, operator.is_not) and not (expected is None or isinstance(expected, bool)):
        return None
    return _call(call, lambda value: bool(compare(value, expected))) if isinstance(call, ast.Call) else None


_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


def _call(call: ast.Call, holds: Callable[[Any], bool]) -> PlainCall | None:
    if not isinstance(call.func, ast.Name) or call.keywords:
        return None
    return PlainCall(call.func.id, encode([ast.literal_eval(argument) for argument in call.args]), holds)


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _scopes(child)
