"""What a proposed program may not be, found without running it; and what makes two proposals the same."""

import ast
from collections.abc import Collection
from hashlib import sha256

from veriward.verifiers.simulation.literals import parse

_REACHES = frozenset(
    {"eval", "exec", "compile", "open", "input", "__import__", "globals", "locals", "vars", "id", "hash"}
)
"""Builtins by which a program reaches past its input, or writes itself anew."""


class Unfit(Exception):
    """The proposal is no fit task; the message says why."""


def function_of(source: str, entry: str, banned: Collection[str]) -> ast.FunctionDef:
    """The function `entry` of the program. Raises `Unfit`, and `NotLiteral` for what is no Python."""
    tree = parse(source)
    for node in ast.walk(tree):
        if name := _banned(node, banned):
            raise Unfit(f"it uses {name}, which is banned")
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name == entry:
            return node
    raise Unfit(f"it defines no function {entry}")


def check_not_trivial(function: ast.FunctionDef) -> None:
    """Raises `Unfit` where the result is a constant or the input as it came, whatever comes before."""
    parameters = {one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)}
    used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    if not parameters & used:
        raise Unfit("it does not use its input")
    body = [node for node in function.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    if len(body) == 1 and isinstance(body[0], ast.Return) and isinstance(body[0].value, ast.Name | ast.Constant):
        raise Unfit("it gives back its input")


def fingerprint(source: str, given: str = "") -> str:
    """64 hexadecimal digits, the same for programs that differ in comments, layout and docstrings alone."""
    tree = parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    told = ast.dump(tree) + "\0" + (ast.dump(parse(f"f({given})")) if given else "")
    return sha256(told.encode("utf-8", "replace")).hexdigest()


def _banned(node: ast.AST, banned: Collection[str]) -> str:
    if isinstance(node, ast.Import):
        return next((one.name for one in node.names if one.name.partition(".")[0] in banned), "")
    if isinstance(node, ast.ImportFrom):
        return node.module or "." if (node.module or "").partition(".")[0] in banned or node.level else ""
    if isinstance(node, ast.Name):
        return node.id if node.id in _REACHES else ""
    if isinstance(node, ast.Attribute) and node.attr.startswith("__"):
        return node.attr
    return ""
