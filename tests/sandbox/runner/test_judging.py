"""A script in one child judges a program in another, and is not fooled by it."""

from collections.abc import Callable
from typing import Any

import pytest

from veriward.sandbox.plain import encode

NODE = "class Node:\n def __init__(s, x): s.x, s.next = x, None\n def get(s): return s.x\n def link(s, o): s.next = o\n"

PASSING: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "values": ("def f(x): return {x: (x,)}", "assert f(1) == {1: (1,)}", ("f",)),
    "keyword arguments": ("def f(*, operation): return operation", "assert f(operation=2) == 2", ("f",)),
    "a check of a candidate": (
        "def f(x): return x + 1",
        "def check(candidate):\n assert candidate(1) == 2\ncheck(f)",
        ("f",),
    ),
    "state between calls": ("n = 0\ndef f():\n global n\n n += 1\n return n", "f()\nassert f() == 2", ("f",)),
    "an exception that is expected": (
        "def f(): raise ValueError('no')",
        "try:\n f()\nexcept ValueError as e: assert str(e) == 'no'\nelse: raise SystemExit(1)",
        ("f",),
    ),
    "an exception of its own, as its builtin base": (
        "class E(KeyError): pass\ndef f(): raise E('k')",
        "try:\n f()\nexcept KeyError as e: assert e.args == ('k',)\nelse: raise SystemExit(1)",
        ("f",),
    ),
    "a list changed in place": ("def f(xs): xs.sort()", "a = [2, 1]\nf(a)\nassert a == [1, 2]", ("f",)),
    "a dict and a set changed in place": (
        "def f(d, s): d['a'] = 1; s.clear()",
        "d, s = {}, {1}\nf(d, s=s)\nassert d == {'a': 1} and s == set()",
        ("f",),
    ),
    "a method of Solution as a function": ("class Solution:\n def f(s, x): return x", "assert f(3) == 3", ("f",)),
    "objects, their methods and attributes": (
        NODE,
        "a, b = Node(1), Node(2)\na.link(b)\nassert a.next.get() == 2\na.x = 5\nassert a.get() == 5",
        ("Node",),
    ),
    "objects in lists, and the same object again": (
        NODE + "def f(nodes): return [n for n in nodes if n.x > 1]",
        "a, b = Node(1), Node(2)\n(c,) = f([a, b])\nassert c is b and c.x == 2",
        ("Node", "f"),
    ),
    "objects that the program calls equal": (
        "class P:\n def __init__(s, x): s.x = x\n def __eq__(s, o): return s.x == o.x",
        "assert P(1) == P(1) and P(1) != P(2)",
        ("P",),
    ),
    "what Python asks of objects": (
        "class B:\n def __init__(s): s.d = {}\n def __len__(s): return len(s.d)\n"
        " def __getitem__(s, k): return s.d[k]\n def __setitem__(s, k, v): s.d[k] = v\n"
        " def __delitem__(s, k): del s.d[k]\n"
        " def __iter__(s): return iter(s.d)\n def __str__(s): return 'B'\n def __bool__(s): return bool(s.d)",
        "b = B()\nassert not b\nb[1] = 2\nassert b and len(b) == 1 and b[1] == 2 and list(b) == [1] and 1 in b\n"
        "assert str(b) == f'{b}' == 'B'\ndel b[1]\nassert len(b) == 0",
        ("B",),
    ),
    "slices of objects": (
        "class B:\n def __getitem__(s, k): return list(range(5))[k]",
        "assert B()[1:] == [1, 2, 3, 4] and B()[::-2] == [4, 2, 0]",
        ("B",),
    ),
    "generators": (
        "def f(n): yield from range(n)",
        "assert list(f(3)) == [0, 1, 2]\ng = f(1)\nassert next(g) == 0\nassert next(g, None) is None",
        ("f",),
    ),
    "a function given to a function": (
        "def f(g, x): return g(x)\ndef g(x): return x * 2",
        "assert f(g, 4) == 8",
        ("f", "g"),
    ),
    "a script that exits well": ("def f(): return 1", "assert f() == 1\nexit(0)", ("f",)),
    "unit tests": (
        "def f(): return 1",
        "import unittest\nclass T(unittest.TestCase):\n def test(s): s.assertEqual(f(), 1)\nunittest.main()",
        ("f",),
    ),
}


@pytest.mark.parametrize(("program", "script", "stubs"), PASSING.values(), ids=PASSING.keys())
def test_a_script_judges(judged: Callable[..., Any], program: str, script: str, stubs: tuple[str, ...]) -> None:
    said = judged(program, script, *stubs)
    assert (said.status, said.reason, said.stderr) == ("finished", "", said.stderr)


EQUAL = "class E:\n def __getattr__(s, n): return E()\n def __call__(s, *a): return E()\n" + "".join(
    f" def __{name}__(s, *a): return {value}\n"
    for name, value in {
        "eq": "True", "ne": "False", "lt": "True", "gt": "True", "le": "True", "ge": "True", "contains": "True",
        "sub": "0", "rsub": "0", "add": "E()", "abs": "0", "float": "0.0", "int": "0", "index": "0", "hash": "1",
        "round": "0", "mod": "0", "xor": "0", "bool": "True", "instancecheck": "True", "str": "'2'", "repr": "'2'",
    }.items()
)  # fmt: skip

FAILING: dict[str, tuple[str, str, str, str]] = {
    "a wrong value": ("def f(x): return 3", "assert f(1) == 2", "runtime_error", "assertion"),
    "an object equal to everything": (EQUAL + "f = E()", "assert f(1) == 2", "runtime_error", "assertion"),
    "that object on the right": (EQUAL + "f = E()", "assert 2 == f(1)", "runtime_error", "assertion"),
    "that object in a list": (EQUAL + "def f(x): return [E()]", "assert f(1) == [2]", "runtime_error", "assertion"),
    "that object as a number near the right one": (
        EQUAL + "f = E()",
        "assert abs(f(1) - 2.5) < 1e-6",
        "runtime_error",
        "exception",
    ),
    "that object said to hold the right one": (EQUAL + "f = E()", "assert 2 in f(1)", "runtime_error", "exception"),
    "that object less than a bound": (EQUAL + "f = E()", "assert f(1) < 2", "runtime_error", "exception"),
    "that object in a set": (EQUAL + "f = E()", "assert f(1) in {2, 3}", "runtime_error", "assertion"),
    "that object by an explicit method": (
        EQUAL + "f = E()",
        "assert f(1).__contains__(2)",
        "runtime_error",
        "exception",
    ),
    "a class for a function": (
        "class f:\n def __init__(s, x): pass\n def __eq__(s, o): return True",
        "assert f(1) == 2",
        "runtime_error",
        "assertion",
    ),
    "an end of the process": ("import os\ndef f(x): os._exit(0)", "assert f(1) == 2", "runtime_error", "early_exit"),
    "a leaving": ("def f(x): raise SystemExit(0)", "assert f(1) == 2", "runtime_error", "early_exit"),
    "a leaving before there is a function": ("raise SystemExit(0)", "assert f(1) == 2", "runtime_error", "early_exit"),
    "an end that the script would swallow": (
        "import os\ndef f(x): os._exit(0)",
        "try: f(1)\nexcept: pass",
        "runtime_error",
        "early_exit",
    ),
    "an assertion error of its own": (
        "def f(x): raise AssertionError",
        "assert f(1) == 2",
        "runtime_error",
        "assertion",
    ),
    "a stop that would end the script's loop": (
        "def f(x): raise StopIteration",
        "assert all(map(lambda x: f(x) == 2, [1, 2]))",
        "runtime_error",
        "exception",
    ),
    "a stop in an asynchronous loop": (
        "def f(x): raise StopAsyncIteration",
        "f(1)",
        "runtime_error",
        "exception",
    ),
    "a check of its own": (
        "def check(f): pass\ndef f(x): return 1",
        "def check(f): assert f(1) == 2\ncheck(f)",
        "runtime_error",
        "assertion",
    ),
    "an assertion patched away": (
        "import builtins\nbuiltins.AssertionError = None\ndef f(x): return 1",
        "assert f(1) == 2",
        "runtime_error",
        "assertion",
    ),
    "an emptied list whose sum is expected": (
        "def f(xs):\n xs.clear()\n return 0",
        "a = [1, 2]\nr = f(a)\nassert r == sum(a)",
        "runtime_error",
        "assertion",
    ),
    "no such function": ("def g(): pass", "assert f(1) == 2", "runtime_error", "missing_entry"),
    "a program that is not Python": ("def f(", "assert f(1) == 2", "compile_error", "compile_error"),
    "a value too deep": (
        "def f(x):\n for _ in range(99): x = [x]\n return x",
        "f(1)",
        "runtime_error",
        "unserialisable",
    ),
    "a function of the script's, for an object that the program chose to return": (
        EQUAL + "f = E",
        "f().g(lambda x: x)",
        "runtime_error",
        "exception",
    ),
    "a function of the script's": (
        "def f(g): return g(1)",
        "try: f(lambda x: x)\nexcept TypeError: pass",
        "runtime_error",
        "unplain_argument",
    ),
}


@pytest.mark.parametrize(("program", "script", "status", "reason"), FAILING.values(), ids=FAILING.keys())
def test_a_script_is_not_fooled(
    judged: Callable[..., Any], program: str, script: str, status: str, reason: str
) -> None:
    said = judged(program, script, "f")
    assert (said.status, said.reason) == (status, reason)


FORGED: dict[str, bytes] = {
    "nothing": b"",
    "no encoding": b"\xff",
    "a plain value, without the envelope": encode(2),
    "an unknown envelope": encode(("return", 2, None)),
    "a short envelope": encode(("value", 2)),
    "changes that are no tuple": encode(("value", None, 5)),
    "an exception that is none": encode(("raise", "SystemExit", "")),
    "an exception without a text": encode(("raise", "ValueError", 5)),
    "an exception by a list": encode(("raise", ["ValueError"], "")),
    "more than the bound": b" " * (9 << 20),
}


@pytest.mark.parametrize("answer", FORGED.values(), ids=FORGED.keys())
def test_a_forged_answer_ends_the_script(child: Callable[..., Any], hostile: type[Any], answer: bytes) -> None:
    said = child("judge", "", stubs=("f",)).run(
        b"try: assert f(1) == 2\nexcept Exception: pass", hostile([answer]).carry
    )
    assert (said.status, said.reason) == ("runtime_error", "protocol")


def test_a_candidate_cannot_call_the_task_unfit(child: Callable[..., Any], hostile: type[Any]) -> None:
    teller = hostile([b""], "runtime_error", "unplain_argument")
    assert child("judge", "", stubs=("f",)).run(b"f(1)", teller.carry).reason == "protocol"


def test_nothing_that_the_script_compares_with_is_sent(child: Callable[..., Any], hostile: type[Any]) -> None:
    reference = b'{"t":["value",{"h":0},null]}'
    teller = hostile([reference, reference, encode(("value", True, None))])
    script = b"x = f(1)\ntry: x - 4242\nexcept TypeError: pass\nassert x != 4242 and x.y is x and bool(x)"
    assert child("judge", "", stubs=("f",)).run(script, teller.carry).status == "finished"
    assert teller.asked == [
        ("call", [("reference", -1), 1], {}),
        ("get", [("reference", 0), "y"], {}),
        ("bool", [("reference", 0)], {}),
    ]


def test_a_candidate_cannot_change_an_argument_and_give_a_value(child: Callable[..., Any], hostile: type[Any]) -> None:
    teller = hostile([encode(("value", 0, ([],))), encode(("value", None, ([],)))])
    script = b"xs = [1]\nassert f(xs) == 0 and xs == [1]\nassert f(xs) is None and xs == []"
    assert child("judge", "", stubs=("f",)).run(script, teller.carry).status == "finished"
