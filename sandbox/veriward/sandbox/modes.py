"""The four ways in which a child runs the program it was given.

stdin   the program is `__main__`, its stdin is the input
call    a function of the program is called with the plain-encoded arguments in the input; the value goes to the result
judge   the input is a trusted test script; the names of `stubs` reach the candidate in another child
serve   the program is that candidate: an input is one operation asked by the script

Only `stdin` and `judge` run as `__main__`: what a candidate keeps under `if __name__ == "__main__"` reads a stdin that
calls do not have.
"""

import builtins
import os
import socket
import sys
from types import CodeType, ModuleType
from typing import Any, Protocol

from veriward.sandbox import memfds
from veriward.sandbox.candidate import Candidate, find_entry
from veriward.sandbox.execution import MAX_INPUT_BYTES
from veriward.sandbox.plain import decode, encode
from veriward.sandbox.remote import Judge

PROGRAM = "<program>"  # in angle brackets, so that no traceback looks for a file of that name


class NotCompiled(Exception):
    """The program is not Python; the cause says where."""


class Mode(Protocol):
    is_script: bool
    """Whether a run stands for a whole process: `SystemExit` is an ordinary end, and exit functions run."""

    def run(self, fresh: bool, result: int) -> None:
        """Run once, writing the value (if the mode has one) to `result`; raises what the program raises."""
        ...

    def forget(self) -> None:
        """Drop the globals of the last run."""
        ...

    def overrule(self, report: dict[str, Any]) -> dict[str, Any]:
        """The report as it must be, whatever the program made of its own end."""
        ...


class _Program:
    is_script = False
    module = "solution"

    def __init__(self, source: bytes, entry: str, stubs: list[str], sock: socket.socket) -> None:
        self._source = source
        self._entry = entry
        self._code: CodeType | None = None
        self._globals: dict[str, Any] = {}

    def run(self, fresh: bool, result: int) -> None:
        raise NotImplementedError

    def forget(self) -> None:
        self._globals.clear()

    def overrule(self, report: dict[str, Any]) -> dict[str, Any]:
        return report

    def _execute(self, **given: object) -> dict[str, Any]:
        if self._code is None:  # compiled within the run, for its limits hold for the compiler too
            self._code = _compile(self._source)
        module = ModuleType(self.module)
        sys.modules[self.module] = module
        self._globals = vars(module)
        self._globals.update(given, __builtins__=builtins)
        exec(self._code, self._globals)  # noqa: S102
        return self._globals


def _compile(source: bytes) -> CodeType:
    try:
        return compile(source, PROGRAM, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise NotCompiled from error


class _Stdin(_Program):
    is_script = True
    module = "__main__"

    def run(self, fresh: bool, result: int) -> None:
        self._execute()


class _Call(_Program):
    def run(self, fresh: bool, result: int) -> None:
        arguments = decode(_input())
        function = find_entry(self._execute(), self._entry)
        _give(result, encode(function(*arguments)))


class _Serve(_Program):
    def __init__(self, source: bytes, entry: str, stubs: list[str], sock: socket.socket) -> None:
        super().__init__(source, entry, stubs, sock)
        self._stubs = stubs
        self._candidate: Candidate | None = None

    def run(self, fresh: bool, result: int) -> None:
        operation = _input()
        if fresh or self._candidate is None:
            self._candidate = Candidate(self._execute(), self._stubs)
        _give(result, self._candidate.answer(operation))


class _Judge(_Program):
    is_script = True
    module = "__main__"

    def __init__(self, source: bytes, entry: str, stubs: list[str], sock: socket.socket) -> None:
        super().__init__(b"", entry, stubs, sock)
        self._judge = Judge(sock, stubs)

    def run(self, fresh: bool, result: int) -> None:
        self._judge = self._judge.anew()
        self._code = _compile(_input())
        self._execute(**self._judge.stubs())

    def overrule(self, report: dict[str, Any]) -> dict[str, Any]:
        return {**report, **self._judge.fault}


def _input() -> bytes:
    data = memfds.read(0, MAX_INPUT_BYTES)
    os.lseek(0, 0, os.SEEK_END)  # to the program, stdin is empty
    return data


def _give(result: int, data: bytes) -> None:
    os.ftruncate(result, 0)  # whatever the program may have left there
    at = 0
    while at < len(data):
        at += os.pwrite(result, data[at:], at)


MODES = {"stdin": _Stdin, "call": _Call, "serve": _Serve, "judge": _Judge}
