"""A call in the child gives a plain value, or none."""

from collections.abc import Callable
from typing import Any

import pytest

from veriward.sandbox.plain import encode

CALLS: dict[str, tuple[str, str, list[Any], Any]] = {
    "a function": ("def f(x, y): return x - y", "f", [5, 3], 2),
    "a method of Solution, by its bare name": ("class Solution:\n def f(self, x): return [x]", "f", [1], [1]),
    "a method, by its full name": ("class Solution:\n def f(self, x): return x", "Solution.f", ["é"], "é"),
    "a lambda": ("f = lambda: None", "f", [], None),
    "a function that prints, reads and changes what it was given": (
        "def f(xs):\n print(input) or xs.sort()\n return xs",
        "f",
        [[3, 1]],
        [1, 3],
    ),
    "a program with a main part, which does not run": (
        "def f(): return 1\nif __name__ == '__main__': print(input())",
        "f",
        [],
        1,
    ),
    "a data class of its own, within": (
        "from dataclasses import *\n@dataclass\nclass P:\n x: int\ndef f(): return astuple(P(1))",
        "f",
        [],
        (1,),
    ),
    "a value of every kind": (
        "def f(): return {1: (None, True), 'a': {2.5}, b'b': frozenset('x'), (1,): 10**30, 1j: [float('inf')]}",
        "f",
        [],
        {1: (None, True), "a": {2.5}, b"b": frozenset("x"), (1,): 10**30, 1j: [float("inf")]},
    ),
    "an int subclass, as its base value": (
        "class I(int):\n def __eq__(s, o): return True\n def __int__(s): return 42\n__hash__ = None\n"
        "def f(): return I(7)",
        "f",
        [],
        7,
    ),
}


@pytest.mark.parametrize(("code", "entry", "arguments", "value"), CALLS.values(), ids=CALLS.keys())
def test_a_call_gives_its_value(
    child: Callable[..., Any], code: str, entry: str, arguments: list[Any], value: Any
) -> None:
    said = child("call", code, entry).run(encode(arguments))
    assert (said.status, said.reason, said.stderr) == ("finished", "", b"")
    assert said.value == value
    assert type(said.value) is type(value)


BROKEN_CALLS: dict[str, tuple[str, str, str]] = {
    "no such function": ("def g(): pass", "runtime_error", "missing_entry"),
    "no such method": ("class Solution: pass", "runtime_error", "missing_entry"),
    "a leaving before the function is there": ("import sys\nsys.exit(0)", "runtime_error", "early_exit"),
    "a leaving in the function": ("def f(): exit()", "runtime_error", "early_exit"),
    "an ending of the process": ("import os\ndef f(): os._exit(0)", "gone", ""),
    "an object equal to everything": (
        "class E:\n def __eq__(s, o): return True\ndef f(): return E()",
        "runtime_error",
        "unserialisable",
    ),
    "a list of such": ("class E: pass\ndef f(): return [E()]", "runtime_error", "unserialisable"),
    "a generator": ("def f(): yield 1", "runtime_error", "unserialisable"),
    "a coroutine": ("async def f(): return 1", "runtime_error", "unserialisable"),
    "a cycle": ("def f():\n x = []\n x.append(x)\n return x", "runtime_error", "unserialisable"),
    "a deep list": (
        "def f():\n x = []\n for _ in range(10**5): x = [x]\n return x",
        "runtime_error",
        "unserialisable",
    ),
    "a class whose metaclass raises": (
        "class M(type):\n @property\n def __name__(c): raise KeyboardInterrupt\nclass E(metaclass=M): pass\n"
        "def f(): return E()",
        "runtime_error",
        "exception",
    ),
    "wrong arguments": ("def f(x): return x", "runtime_error", "exception"),
    "a syntax error": ("def f(:", "compile_error", "compile_error"),
}


@pytest.mark.parametrize(("code", "status", "reason"), BROKEN_CALLS.values(), ids=BROKEN_CALLS.keys())
def test_a_broken_call_gives_none(child: Callable[..., Any], code: str, status: str, reason: str) -> None:
    said = child("call", code, "f").run(encode([]))
    assert (said.status, said.reason, said.result) == (status, reason, b"")


def test_patching_what_the_runner_uses_changes_no_value_of_the_next_program(child: Callable[..., Any]) -> None:
    spoilt = child("call", "import json, os\njson.JSONEncoder.encode = os.write = None\ndef f(): return 1", "f")
    spoilt.run(encode([]))
    assert child("call", "def f(): return 1", "f").run(encode([])).value == 1


def test_calls_see_an_empty_stdin(child: Callable[..., Any]) -> None:
    assert child("call", "import sys\ndef f(x): return sys.stdin.read()", "f").run(encode([1])).value == ""
