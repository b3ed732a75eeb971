"""Reads test files for pytest: each test function becomes a script of its own, judged at arm's length.

A test file imports what it tests by name: `from solution import add`. What goes beyond plain test functions (fixtures,
classes with a set-up, other modules) is the task's fault, by the name of its file.
"""

import ast
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files as resources

from veriward.verifiers.code.program import joined
from veriward.verifiers.code.reading import READINGS_KEPT, Scripts, scripts_of
from veriward.verifiers.code.scripts import check
from veriward.verifiers.verdict import InvalidTask

PROGRAM = "solution"
OFFERED = {"raises", "approx", "mark"}
MAX_TESTS = 1_000


@lru_cache(maxsize=READINGS_KEPT)
def read_pytest(files: tuple[tuple[str, str], ...]) -> Scripts:
    """The scripts of all tests, in order of file and line. Raises `InvalidTask` naming the file."""
    scripts: dict[str, str] = {}
    imported: set[str] = set()
    for path, source in files:
        test_file = _TestFile(path, source)
        imported |= test_file.imported
        scripts |= test_file.scripts()
    if len(scripts) > MAX_TESTS:
        raise InvalidTask("files", f"{len(scripts):,} tests, more than {MAX_TESTS:,}")
    read = scripts_of(scripts)
    if unknown := set(read.stubs) - imported:
        raise InvalidTask("files", f"use undefined names: {', '.join(sorted(unknown))[:200]}")
    return read


class _TestFile:
    """One file: `imported` are the names that the program has to define."""

    def __init__(self, path: str, source: str) -> None:
        self.field = f"files[{path}]"
        if not path.endswith(".py"):
            raise InvalidTask(self.field, "is no Python file")
        try:
            self._tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise InvalidTask(self.field, f"not Python: {error}") from None
        self.imported: set[str] = set()
        body: list[ast.stmt] = []
        for node in self._tree.body:
            body += self._replaced(node)
        self._body = ast.unparse(ast.Module(body, []))
        self._check_uses()
        check(self._body, self.field)

    def scripts(self) -> dict[str, str]:
        """The script of each test, by the field that a fault in it is told by."""
        found = {
            f"{self.field}::{name}": joined(_shim(), f"{self._body}\n_run_test({call})\n")
            for name, call in self._tests(self._tree.body)
        }
        if not found:
            raise InvalidTask(self.field, "holds no test functions")
        return found

    def _replaced(self, node: ast.stmt) -> Sequence[ast.stmt]:
        """What stands for a statement: nothing for an import of the program or of pytest but its new names."""
        if isinstance(node, ast.ImportFrom) and node.module == PROGRAM and not node.level:
            if any(alias.name == "*" for alias in node.names):
                raise InvalidTask(self.field, f"imports * from {PROGRAM}; name what is tested")
            self.imported |= {alias.name for alias in node.names}
            renamed = [alias for alias in node.names if alias.asname and alias.asname != alias.name]
            return [_assignment(alias.asname or "", alias.name) for alias in renamed]
        if isinstance(node, ast.ImportFrom) and node.module == "pytest":
            return [_assignment(alias.asname or alias.name, f"pytest.{alias.name}") for alias in node.names]
        if isinstance(node, ast.Import):
            if any(alias.name.partition(".")[0] == PROGRAM for alias in node.names):
                raise InvalidTask(self.field, f"imports {PROGRAM} whole; import what is tested from it, by name")
            others = [alias for alias in node.names if alias.name != "pytest" or alias.asname]
            return [ast.Import(others)] if others else []
        return [node]

    def _check_uses(self) -> None:
        """Raises `InvalidTask` for what the shim lacks, and for exceptions that the program defines."""
        for node in ast.walk(ast.parse(self._body)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pytest":
                if node.attr not in OFFERED:
                    raise InvalidTask(self.field, f"uses pytest.{node.attr}, which is not offered")
            elif isinstance(node, ast.Attribute) and node.attr != "parametrize" and _last(node.value) == "mark":
                raise InvalidTask(self.field, f"uses the mark {node.attr}, which is not offered")
            elif isinstance(node, ast.Call) and _last(node.func) == "raises" and node.args:
                expected = {name.id for name in ast.walk(node.args[0]) if isinstance(name, ast.Name)}
                if own := expected & self.imported:
                    raise InvalidTask(self.field, f"expects {min(own)}, an exception of the program's own")

    def _tests(self, body: Sequence[ast.stmt], owner: str = "") -> Iterator[tuple[str, str]]:
        """(name, expression of the function) of each test."""
        for node in body:
            if isinstance(node, ast.ClassDef) and node.name.startswith("Test") and not owner:
                methods = [each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
                if node.bases or any(name == "__init__" or name.startswith(("setup", "teardown")) for name in methods):
                    raise InvalidTask(self.field, f"class {node.name} has a base or a set-up, which is not offered")
                yield from self._tests(node.body, node.name)
            elif isinstance(node, ast.FunctionDef) and node.name.startswith(("setup", "teardown")):
                raise InvalidTask(self.field, f"has {node.name}, which is not offered")
            elif isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test"):
                raise InvalidTask(self.field, f"{node.name} is asynchronous, which is not offered")
            elif isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                self._check_parameters(node, bound=bool(owner))
                yield (f"{owner}.{node.name}", f"{owner}().{node.name}") if owner else (node.name, node.name)

    def _check_parameters(self, test: ast.FunctionDef, bound: bool) -> None:
        arguments = test.args
        names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)][bound:]
        required = set(names[: len(names) - len(arguments.defaults)] if arguments.defaults else names)
        given: set[str] = set()
        for decorator in test.decorator_list:
            if isinstance(decorator, ast.Call) and decorator.args:
                told = decorator.args[0]
                texts = [one.value for one in ast.walk(told) if isinstance(one, ast.Constant)]
                given |= {name.strip() for text in texts if isinstance(text, str) for name in text.split(",")}
        if missing := required - given:
            raise InvalidTask(self.field, f"{test.name} wants the fixture {min(missing)}, which is not offered")


def _assignment(name: str, value: str) -> ast.stmt:
    return ast.parse(f"{name} = {value}").body[0]


def _last(node: ast.expr) -> str:
    """`c` of `a.b.c`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _shim() -> str:
    return resources("veriward.verifiers.code").joinpath("pytest_shim.py").read_text("utf-8")
