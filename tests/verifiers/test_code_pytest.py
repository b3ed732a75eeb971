"""Test files for pytest: what is read of them, what is the task's fault, and what stands in for pytest itself."""

from typing import Any

import pytest

from veriward.verifiers import InvalidTask
from veriward.verifiers.code import pytest_shim
from veriward.verifiers.code.pytest_files import MAX_TESTS, read_pytest
from veriward.verifiers.code.pytest_shim import _run_test

IMPORT = "from solution import add\n"
TEST = "def test_add():\n    assert add(1, 2) == 3\n"


def read(*sources: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names left to the program, and where each test stands."""
    scripts = read_pytest(tuple((f"test_{index}.py", source) for index, source in enumerate(sources)))
    return scripts.stubs, scripts.fields


READ = {
    "a test": ([IMPORT + TEST], ("add",), ["test_0.py]::test_add"]),
    "tests of two files": (
        [IMPORT + TEST, "from solution import sub\ndef test_sub():\n    assert sub(2, 1) == 1"],
        ("add", "sub"),
        ["test_0.py]::test_add", "test_1.py]::test_sub"],
    ),
    "methods of a class": (
        [IMPORT + "class TestAdd:\n    def test_one(self):\n        assert add(1, 0) == 1\n    def helper(self): pass"],
        ("add",),
        ["test_0.py]::TestAdd.test_one"],
    ),
    "a name of its own for what is imported": (
        ["from solution import add as plus\ndef test_add():\n    assert plus(1, 2) == 3"],
        ("add",),
        ["test_0.py]::test_add"],
    ),
    "helpers, data and modules of the standard library": (
        [IMPORT + "import math\nROWS = [(1, 2)]\ndef total(row): return math.fsum(row)\n"
         "def test_add():\n    assert all(add(*row) == total(row) for row in ROWS)"],
        ("add",),
        ["test_0.py]::test_add"],
    ),
    "pytest, whole and by name": (
        [IMPORT + "import pytest\nfrom pytest import approx, raises\n"
         "def test_add():\n    with raises(TypeError):\n        add(1)\n    assert add(1, 2) == approx(3)"],
        ("add",),
        ["test_0.py]::test_add"],
    ),
    "parameters by mark, and a default": (
        [IMPORT + "import pytest\n@pytest.mark.parametrize('a', [1])\n@pytest.mark.parametrize(('b', 'c'), [(1, 2)])\n"
         "def test_add(a, b, c, d=0):\n    assert add(a, b) == c + d"],
        ("add",),
        ["test_0.py]::test_add"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sources", "stubs", "fields"), READ.values(), ids=READ.keys())
def test_what_is_read(sources: list[str], stubs: tuple[str, ...], fields: list[str]) -> None:
    assert read(*sources) == (stubs, tuple(f"files[{field}" for field in fields))


FAULTS = {
    "not Python": ("def test(:", "not Python"),
    "nested past all bounds": ("(" * 5_000, "not Python"),
    "no tests": (IMPORT, "holds no test functions"),
    "a test of nothing": ("def test(): assert True", "leaves nothing to the program"),
    "a name that nobody defines": (IMPORT + "def test_add():\n    assert add(1, two) == 3", "undefined names: two"),
    "a foreign module": (IMPORT + "import numpy\n" + TEST, "imports numpy"),
    "all of the program": ("from solution import *\n" + TEST, r"imports \*"),
    "the program as a module": ("import solution\ndef test():\n    assert solution.add(1, 2) == 3", "import what"),
    "a fixture": (IMPORT + "def test_add(tmp_path):\n    assert add(1, 2) == 3", "fixture tmp_path"),
    "a fixture of its own": (IMPORT + "import pytest\n@pytest.fixture\ndef one(): return 1\n" + TEST, "pytest.fixture"),
    "a mark that skips": (IMPORT + "import pytest\n@pytest.mark.skip\n" + TEST, "mark skip"),
    "a class with a set-up": (
        IMPORT + "class TestAdd:\n    def setup_method(self): pass\n    def test(self): add(1, 2)",
        "set-up",
    ),
    "a class with a base": (
        IMPORT + "import unittest\nclass TestAdd(unittest.TestCase):\n    def test(self): add(1, 2)",
        "a base",
    ),
    "a set-up of the module": (IMPORT + "def setup_module(): pass\n" + TEST, "setup_module"),
    "an asynchronous test": (IMPORT + "async def test_add():\n    assert add(1, 2) == 3", "asynchronous"),
    "an exception of the program's own": (
        "import pytest\nfrom solution import add, Overflow\n"
        "def test():\n    with pytest.raises((ValueError, Overflow)):\n        add(1, 2)",
        "expects Overflow",
    ),
    "a test too many": (IMPORT + "".join(f"def test_{n}(): add(1, 2)\n" for n in range(MAX_TESTS + 1)), "more than"),
}


@pytest.mark.parametrize(("source", "told"), FAULTS.values(), ids=FAULTS.keys())
def test_what_is_the_tasks_fault(source: str, told: str) -> None:
    with pytest.raises(InvalidTask, match=told) as fault:
        read(source)
    assert fault.value.field.startswith("files")


def test_a_file_that_is_no_python_is_the_tasks_fault() -> None:
    with pytest.raises(InvalidTask, match="no Python file"):
        read_pytest((("data.csv", "1,2"),))


APPROX = {
    "close": (0.1 + 0.2, 0.3, {}, True),
    "off by more than a millionth": (1.00001, 1.0, {}, False),
    "off by less than `rel`": (1.05, 1.0, {"rel": 0.1}, True),
    "off by less than `abs`": (1.05, 1.0, {"abs": 0.1}, True),
    "`abs` alone leaves no millionth": (1e9 + 1, 1e9, {"abs": 0.5}, False),
    "lists": ([0.1 + 0.2, 1], [0.3, 1], {}, True),
    "lists of other lengths": ([0.3], [0.3, 1], {}, False),
    "dicts": ({"a": 0.1 + 0.2}, {"a": 0.3}, {}, True),
    "dicts of other keys": ({"b": 0.3}, {"a": 0.3}, {}, False),
    "a text for a number": ("0.3", 0.3, {}, False),
    "a truth value for a number": (True, 1.0, {}, True),
    "NaN": (float("nan"), float("nan"), {}, False),
    "NaN where it is allowed": (float("nan"), float("nan"), {"nan_ok": True}, True),
    "infinity is not close to a number": (float("inf"), 1e308, {}, False),
    "None": (None, None, {}, True),
}


@pytest.mark.parametrize(("actual", "expected", "bounds", "same"), APPROX.values(), ids=APPROX.keys())
def test_approx_is_as_pytests(actual: Any, expected: Any, bounds: dict[str, Any], same: bool) -> None:
    assert (actual == pytest_shim.pytest.approx(expected, **bounds)) is same
    assert (actual == pytest.approx(expected, **bounds)) is same


def test_raises_takes_the_exception_expected_and_no_other() -> None:
    with pytest_shim.pytest.raises(ValueError, match="^ze") as caught:
        raise ValueError("zero")
    assert str(caught.value) == "zero"
    pytest_shim.pytest.raises(ValueError, int, "x")
    with pytest.raises(KeyError), pytest_shim.pytest.raises(ValueError):
        raise KeyError
    with pytest.raises(AssertionError, match="no exception"), pytest_shim.pytest.raises(ValueError):
        pass
    with pytest.raises(AssertionError, match="do not match"), pytest_shim.pytest.raises(ValueError, match="one"):
        raise ValueError("zero")


def test_parameters_are_the_product_of_all_marks() -> None:
    seen: list[tuple[int, int]] = []
    mark = pytest_shim.pytest.mark.parametrize
    _run_test(mark("a", [1, 2])(mark("b", [3, 4])(lambda a, b: seen.append((a, b)))))
    assert sorted(seen) == [(1, 3), (1, 4), (2, 3), (2, 4)]
    with pytest.raises(AssertionError, match="without parameters"):
        _run_test(mark("a", [])(lambda a: None))
