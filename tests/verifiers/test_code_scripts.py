"""What is read out of a task's tests: free names, plain calls, what the program may share."""

from typing import Any

import pytest

from veriward.sandbox.plain import decode
from veriward.verifiers import InvalidTask
from veriward.verifiers.code.scripts import (
    check,
    forgotten_imports,
    free_names,
    plain_call,
    shared_part,
    without_definition,
)

FREE: dict[str, tuple[str, set[str]]] = {
    "a call": ("assert f(1) == 2", {"f"}),
    "builtins are given": ("assert sorted(f([1])) == list(range(3))", {"f"}),
    "what the test defines": ("x = 1\ndef g(y): return y\nassert f(x) == g(1)", {"f"}),
    "what it imports": ("import math\nfrom os import path as p\nassert math.pi == f(p)", {"f"}),
    "parameters and locals": ("def check(candidate):\n y = candidate(1)\n assert y\ncheck(f)", {"f"}),
    "names within functions": ("def t():\n assert f(1) == g\n", {"f", "g"}),
    "names within comprehensions": ("assert all(f(x) == y for x, y in [(1, 2)])", {"f"}),
    "a global made by a function": ("def t():\n global z\n z = 1\nt()\nassert f(z)", {"f"}),
    "exceptions and loops": ("for i in range(3):\n try: f(i)\n except ValueError as e: print(e)", {"f"}),
    "a name that is assigned only in a function": ("def t():\n q = 1\nassert f(q)", {"f", "q"}),
    "attributes are no names": ("assert Solution().f(x=1) == 2", {"Solution"}),
    "walrus": ("assert (r := f(1)) and r", {"f"}),
    "a class": ("class T:\n x = f(1)\n def m(self): return self.x", {"f"}),
}


@pytest.mark.parametrize(("source", "names"), FREE.values(), ids=FREE.keys())
def test_free_names(source: str, names: set[str]) -> None:
    assert free_names(source) == names


def test_a_module_that_nobody_imported_is_not_left_to_the_program() -> None:
    assert forgotten_imports("assert math.isclose(f(2), 4.0)") == {"math"}
    assert forgotten_imports("assert queue(2) == 4") == set()
    assert forgotten_imports("import math\nassert math.pi == f()") == set()
    assert forgotten_imports("assert calendar(1).calendar == calendar.x") == set()


CALLS: dict[str, tuple[str, list[Any], Any, Any]] = {
    "equal": ("assert f(1, 'a') == [2]", [1, "a"], [2], (2,)),
    "equal, turned round": ("assert -3 == f((1, 2))", [(1, 2)], -3, 3),
    "literals of every kind": (
        "assert f({1: {2}}, [(-1.5, None)], b'x', 1+2j) == {'a': set()}",
        [{1: {2}}, [(-1.5, None)], b"x", 1 + 2j],
        {"a": set()},
        {"a": []},
    ),
    "with a message": ("assert f() == 1, 'wrong'", [], 1, 2),
    "unequal": ("assert f() != 1", [], 2, 1),
    "truth": ("assert f()", [], [0], []),
    "falsehood": ("assert not f()", [], "", "x"),
    "is True": ("assert f() is True", [], True, 1),
    "is None": ("assert f() is None", [], None, 0),
    "is not None": ("assert f() is not None", [], 0, None),
    "True is 1 to an ==": ("assert f() == True", [], 1, 2),
}


@pytest.mark.parametrize(("source", "arguments", "right", "wrong"), CALLS.values(), ids=CALLS.keys())
def test_a_plain_call(source: str, arguments: list[Any], right: Any, wrong: Any) -> None:
    call = plain_call(source)
    assert call is not None
    assert call.entry == "f"
    assert decode(call.arguments) == arguments
    assert call.holds(right) is True
    assert call.holds(wrong) is False


NOT_PLAIN: dict[str, str] = {
    "two statements": "x = 1\nassert f(x) == 1",
    "an argument that is no literal": "assert f(x) == 1",
    "an expectation that is no literal": "assert f(1) == g(1)",
    "a keyword argument": "assert f(x=1) == 1",
    "a starred argument": "assert f(*[1]) == 1",
    "a method": "assert A().f(1) == 1",
    "a call within a call": "assert len(f(1)) == 1",
    "an order": "assert f(1) < 2",
    "a chain": "assert 1 == f(1) == 1",
    "identity with a number": "assert f(1) is 1",
    "a membership": "assert f(1) in [1]",
    "an ellipsis": "assert f(...) == 1",
    "no assert": "f(1)",
}


@pytest.mark.parametrize("source", NOT_PLAIN.values(), ids=NOT_PLAIN.keys())
def test_no_plain_call(source: str) -> None:
    assert plain_call(source) is None


def test_the_program_shares_imports_and_classes_but_no_solution() -> None:
    setup = "import math\nclass P:\n    x = math.pi\nanswer = 42\ndef reference(x):\n    return x"
    assert shared_part(setup) == "import math\n\nclass P:\n    x = math.pi"
    assert shared_part("import math\nclass P:\n    x = answer\nanswer = 42") == "import math"
    assert shared_part("s = Solution()") == ""


PREFIXES: dict[str, tuple[str, str]] = {
    "a function with a docstring": ('import re\ndef f(x):\n    """Doc."""\n', "import re"),
    "an open function": ("import re\ndef f(x):\n    # body:", "import re"),
    "helpers stay": ("def g():\n    return 1\n\ndef f(x):\n    '''d'''", "def g():\n    return 1"),
    "what is not Python gives nothing": ("def f(x", ""),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("prefix", "rest"), PREFIXES.values(), ids=PREFIXES.keys())
def test_the_judge_gets_the_prefix_without_the_function(prefix: str, rest: str) -> None:
    assert without_definition(prefix, "f") == rest


@pytest.mark.parametrize("source", ["f(", "x = \0", "(" * 5000, "return 1", "é" * 10 + "\ud800"])
def test_tests_that_are_not_python_are_the_tasks_fault(source: str) -> None:
    with pytest.raises(InvalidTask, match=r"^tests\[3\]: not Python"):
        check(source, "tests[3]")


@pytest.mark.parametrize(
    "source", ["import numpy as np", "import os, torch.nn", "from solution import f", "from . import x"]
)
def test_tests_that_need_more_than_the_standard_library_are_the_tasks_fault(source: str) -> None:
    with pytest.raises(InvalidTask, match="only the standard library"):
        check(source, "setup")


def test_an_import_that_may_fail_is_no_fault() -> None:
    check("import os.path, collections.abc\ntry:\n    import numpy\nexcept ImportError:\n    pass", "setup")
