"""The little of pytest that tests of plain functions use: what is put in front of each test script, as its source.

It runs in the judge's child beside the trusted test. Covered: `raises` (with `match`, as a context or with a
callable), `approx` (numbers, lists, tuples, dicts) and `mark.parametrize`. Not covered: fixtures, `skip`, plug-ins.
"""

import re as _re
from math import isclose as _isclose
from typing import Any as _Any


class _Approx:
    """Equal within `rel` of the expected number or within `abs`, with pytest's defaults."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, expected: _Any, rel: _Any = None, abs: _Any = None, nan_ok: bool = False) -> None:
        self._expected = expected
        self._rel = 0.0 if rel is None and abs is not None else 1e-6 if rel is None else rel
        self._abs = 1e-12 if abs is None else abs
        self._nan_ok = nan_ok

    def __eq__(self, actual: object) -> bool:
        return self._same(self._expected, actual)

    def _same(self, expected: _Any, actual: _Any) -> bool:
        if isinstance(expected, dict):
            alike = isinstance(actual, dict) and expected.keys() == actual.keys()
            return alike and all(self._same(expected[key], actual[key]) for key in expected)
        if isinstance(expected, (list, tuple)):
            alike = isinstance(actual, (list, tuple)) and len(expected) == len(actual)
            return alike and all(map(self._same, expected, actual))
        if isinstance(expected, bool) or not isinstance(expected, (int, float)):
            return bool(expected == actual)
        if not isinstance(actual, (int, float)):
            return False
        if expected != expected:
            return self._nan_ok and actual != actual
        within = max(self._rel * abs(expected), self._abs)
        return _isclose(actual, expected, rel_tol=0.0, abs_tol=within)


class _Raises:
    """The context that an expected exception ends."""

    value: _Any = None
    type: _Any = None

    def __init__(self, expected: _Any, match: _Any) -> None:
        self._expected = expected
        self._match = match

    def __enter__(self) -> "_Raises":
        return self

    def __exit__(self, kind: _Any, value: _Any, trace: _Any) -> bool:
        if kind is None:
            raise AssertionError("no exception was raised")
        if not issubclass(kind, self._expected):
            return False
        self.type, self.value = kind, value
        if self._match is not None and not _re.search(self._match, str(value)):
            raise AssertionError("the exception's words do not match")
        return True


class _Mark:
    """`mark.parametrize`; of several, the product."""

    @staticmethod
    def parametrize(names: _Any, values: _Any, ids: _Any = None) -> _Any:
        keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        rows = [(value,) if len(keys) == 1 else tuple(value) for value in values]

        def mark(function: _Any) -> _Any:
            known = getattr(function, "parametrized", [{}])
            function.parametrized = [{**one, **dict(zip(keys, row, strict=True))} for one in known for row in rows]
            return function

        return mark


class pytest:
    """Stands in for the module."""

    mark = _Mark
    approx = _Approx

    @staticmethod
    def raises(expected: _Any, *call: _Any, match: _Any = None, **keywords: _Any) -> _Raises:
        context = _Raises(expected, match)
        if call:
            with context:
                call[0](*call[1:], **keywords)
        return context


def _run_test(function: _Any) -> None:
    """Call the test once, or once for each row of its parameters; no row at all is no success."""
    rows = getattr(function, "parametrized", [{}])
    if not rows:
        raise AssertionError("a test without parameters to run with")
    for row in rows:
        function(**row)
