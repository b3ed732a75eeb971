"""The namespace of a session: runs cells in it, echoes the last expression, trims tracebacks to the cells' frames.

It runs beside hostile code in one process: what it says of a cell is believed no more than the cell itself.
"""

# ruff: noqa: BLE001 -- whatever a cell raises, at whatever moment, is what this file reports

import ast
import builtins
import linecache
import sys
import traceback
from collections import deque
from dataclasses import dataclass
from types import CodeType, ModuleType, TracebackType
from typing import Any

from veriward.sandbox.session import MAX_TRACEBACK_CHARS, MAX_VALUE_CHARS

NAME = "<cell {index}>"  # in angle brackets, so that no traceback looks for a file of that name
KEPT_SOURCES = 200  # whose lines tracebacks and `inspect` can show
_CUT = "\n… {count:,} characters left out …\n"


@dataclass(slots=True)
class Told:
    """What a cell says of itself, in the words of `outcomes.claimed`."""

    status: str = "finished"
    reason: str = ""
    exit_code: int | None = 0
    value: str | None = None
    error: str = ""
    traceback: str = ""


class Interpreter:
    def __init__(self) -> None:
        self._module = ModuleType("__main__")
        sys.modules["__main__"] = self._module
        self._globals: dict[str, Any] = vars(self._module)
        self._globals["__builtins__"] = builtins
        self._names: deque[str] = deque()

    def run(self, source: str, index: int) -> Told:
        """Run one cell. Its output goes to the streams as they are; nothing is raised but by a hostile `__str__`."""
        name = NAME.format(index=index)
        self._remember(name, source)
        try:
            body, last = _compiled(source, name)
        except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
            return _failure("compile_error", "compile_error", error)
        try:
            exec(body, self._globals)  # noqa: S102
            value = eval(last, self._globals) if last is not None else None  # noqa: S307
            if value is None:
                return Told()
            self._globals["_"] = value
            return Told(value=cut(repr(value), MAX_VALUE_CHARS))
        except SystemExit as error:
            return _exit(error)
        except KeyboardInterrupt as error:
            return _failure("runtime_error", "interrupted", error)
        except MemoryError as error:
            return _failure("runtime_error", "memory_error", error)
        except BaseException as error:
            return _failure("runtime_error", "exception", error)

    def _remember(self, name: str, source: str) -> None:
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        self._names.append(name)
        if len(self._names) > KEPT_SOURCES:
            linecache.cache.pop(self._names.popleft(), None)


def cut(text: str, most_chars: int) -> str:
    """The beginning and the end of `text`, with a mark between them where it is longer."""
    length = str.__len__(text)
    if length <= most_chars:
        return str.__getitem__(text, slice(None))
    half = most_chars // 2
    left = _CUT.format(count=length - 2 * half)
    return str.__getitem__(text, slice(half)) + left + str.__getitem__(text, slice(length - half, None))


def _compiled(source: str, name: str) -> tuple[CodeType, CodeType | None]:
    """The cell, and apart from it its last expression, whose value is shown unless a semicolon follows it."""
    tree = ast.parse(source, name)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not _ends_with_semicolon(source):
        expression = tree.body.pop()
        assert isinstance(expression, ast.Expr)
        last = compile(ast.Expression(expression.value), name, "eval", dont_inherit=True)
    return compile(tree, name, "exec", dont_inherit=True), last


def _ends_with_semicolon(source: str) -> bool:
    line = source.rstrip().rpartition("\n")[2]
    return line.endswith(";") and "#" not in line


def _exit(error: SystemExit) -> Told:
    """`exit()` ends the cell, not the session."""
    code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    if not code:
        return Told()
    told = _failure("runtime_error", "exit_code", error)
    told.exit_code = code & 0xFF
    return told


def _failure(status: str, reason: str, error: BaseException) -> Told:
    told = Told(status, reason, 1)
    try:
        trace = None if status == "compile_error" else _of_cells(error.__traceback__)
        lines = list(traceback.TracebackException(type(error), error, trace, compact=True).format())
        told.traceback = cut("".join(lines), MAX_TRACEBACK_CHARS)
        told.error = cut(lines[-1].strip(), 1_000)
    except BaseException:
        told.error = type.__getattribute__(type(error), "__name__")  # no memory left, or a hostile `__str__`
    return told


def _of_cells(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and not trace.tb_frame.f_code.co_filename.startswith("<cell "):
        trace = trace.tb_next
    return trace
