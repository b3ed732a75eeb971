"""How output and values are compared: the rules, their bounds, and what they refuse."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.sandbox.plain import decode, encode
from veriward.verifiers.code.checkers import MAX_NUMBER_CHARS, same_output
from veriward.verifiers.code.task import Checker
from veriward.verifiers.code.values import same_value

LINES, EXACT, TOKENS, UNORDERED = (
    Checker(kind="lines"),
    Checker(kind="exact"),
    Checker(kind="tokens"),
    Checker(kind="unordered_lines"),
)
FLOAT = Checker(kind="float", abs=1e-6, rel=1e-6)

OUTPUTS: dict[str, tuple[Checker, str, bytes, bool]] = {
    "lines: equal": (LINES, "1 2\n3\n", b"1 2\n3\n", True),
    "lines: blanks round a line and blank lines round all are nothing": (LINES, "1 2\n3", b"\n 1 2 \r\n3\t\n\n", True),
    "lines: a blank line between is something": (LINES, "1\n2", b"1\n\n2", False),
    "lines: equal as decimals": (LINES, "1.0 2", b"1 2.00", True),
    "lines: with exponents": (LINES, "1000", b"1e3", True),
    "lines: no tolerance": (LINES, "0.1", b"0.1000001", False),
    "lines: the width of a blank counts in text alone": (LINES, "a  b", b"a b", False),
    "lines: the width of a blank does not count between numbers": (LINES, "1  2", b"1 2", True),
    "lines: case counts": (LINES, "YES", b"Yes", False),
    "lines: one line more": (LINES, "1", b"1\n2", False),
    "lines: one line less": (LINES, "1\n2", b"1", False),
    "lines: the right answer among others": (LINES, "2", b"1 2 3", False),
    "lines: a number in words that Decimal knows": (LINES, "Infinity", b"inf", False),
    "lines: a signalling NaN": (LINES, "1", b"sNaN", False),
    "lines: underscores make no number": (LINES, "1000", b"1_000", False),
    "lines: digits of other scripts make no number": (LINES, "1", "١".encode(), False),
    "lines: a huge exponent": (LINES, "1", b"1e999999", False),
    "lines: an exponent past the bound": (LINES, "1e9999999", b"10e9999998", False),
    "lines: an empty output for an empty one": (LINES, "", b"\n", True),
    "lines: no output": (LINES, "0", b"", False),
    "lines: bytes that are not UTF-8": (LINES, "\ufffd", b"\xff", False),
    "exact: byte for byte": (EXACT, "1 2\n", b"1 2\n", True),
    "exact: but for one last newline": (EXACT, "1 2", b"1 2\n", True),
    "exact: not for two": (EXACT, "1 2", b"1 2\n\n", False),
    "exact: nor for a blank": (EXACT, "1 2\n", b"1 2 \n", False),
    "tokens: lines are nothing": (TOKENS, "1 2\n3", b"1\n2 3", True),
    "tokens: numbers are words": (TOKENS, "1.0", b"1", False),
    "tokens: order counts": (TOKENS, "1 2", b"2 1", False),
    "float: within the absolute tolerance": (FLOAT, "0.5", b"0.5000005", True),
    "float: beyond it": (FLOAT, "0.5", b"0.500002", False),
    "float: within the relative tolerance": (FLOAT, "1000000", b"1000000.5", True),
    "float: words are equal or not": (FLOAT, "YES 1", b"YES 1.0", True),
    "float: other words": (FLOAT, "YES 1", b"NO 1", False),
    "float: nan is close to nothing": (FLOAT, "1", b"nan", False),
    "float: infinity is close to nothing": (FLOAT, "1", b"1e999", False),
    "float: nor is another infinity": (FLOAT, "1e999", b"2e999", False),
    "float: an infinite text equals itself": (FLOAT, "1e999", b"1e999", True),
    "unordered: any order of lines": (UNORDERED, "a\nb\nb", b"b\na \nb\n", True),
    "unordered: as often": (UNORDERED, "a\nb\nb", b"b\na\na", False),
}


@pytest.mark.parametrize(("checker", "expected", "output", "same"), OUTPUTS.values(), ids=OUTPUTS.keys())
def test_output(checker: Checker, expected: str, output: bytes, same: bool) -> None:
    assert same_output(expected, output, checker) is same


def test_numbers_up_to_the_bound_are_numbers() -> None:
    longest = "1" * (MAX_NUMBER_CHARS - 2)
    assert same_output(longest, f"{longest}.0".encode(), LINES)
    assert not same_output(f"1{longest}", f"1{longest}.0".encode(), LINES)


@pytest.mark.parametrize("checker", [LINES, EXACT, TOKENS, UNORDERED, FLOAT], ids=lambda checker: checker.kind)
@given(text=st.text(st.characters(codec="utf-8")))
def test_what_is_expected_is_right(checker: Checker, text: str) -> None:
    assert same_output(text, text.encode(), checker)


@pytest.mark.parametrize("checker", [LINES, EXACT, TOKENS, UNORDERED, FLOAT], ids=lambda checker: checker.kind)
@given(expected=st.text(), output=st.binary())
def test_any_bytes_are_right_or_wrong(checker: Checker, expected: str, output: bytes) -> None:
    assert same_output(expected, output, checker) in (True, False)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3), st.integers(min_value=0, max_value=5))
def test_trailing_zeros_never_count(number: Decimal, zeros: int) -> None:
    assert same_output(f"{number:f}", f"{number:f}{'0' * zeros}".encode(), LINES)


VALUES: dict[str, tuple[Any, Any, bool]] = {
    "an integer": (3, 3, True),
    "another integer": (3, 4, False),
    "a huge integer is exact": (10**30, 10**30 + 1, False),
    "an integer as a float": (3, 3.0, True),
    "a float as an integer": (3.0, 3, True),
    "a float a millionth off": (0.5, 0.5000009, True),
    "a float more off": (0.5, 0.50001, False),
    "a large float relatively close": (1e12, 1e12 + 1e5, True),
    "True is 1, as to LiveCodeBench": (1, True, True),
    "1 is true": (True, 1, True),
    "2 is not true": (True, 2, False),
    "None is not false": (False, None, False),
    "None": (None, None, True),
    "text": ("a", "a", True),
    "text is no number": (1, "1", False),
    "a number is no text": ("1", 1, False),
    "a tuple is its list": ([1, [2, 3]], (1, (2, 3)), True),
    "a list's order": ([1, 2], [2, 1], False),
    "a longer list": ([1], [1, 1], False),
    "a list that holds the answer": ([1], [[1]], False),
    "a list for its only element": (1, [1], False),
    "an empty list is not None": ([], None, False),
    "a dict": ({"a": [1]}, {"a": (1,)}, True),
    "a dict's integer keys": ({"1": "a", "-2": "b"}, {1: "a", -2: "b"}, True),
    "a dict's boolean and None keys": ({"true": 1, "null": 2}, {True: 1, None: 2}, True),
    "a dict's tuple keys": ({"(1, 2)": 1}, {(1, 2): 1}, False),
    "keys that become one": ({"1": "a"}, {1: "a", "1": "a"}, False),
    "a key more": ({"a": 1}, {"a": 1, "b": 1}, False),
    "a huge integer key": ({"1" * 5000: 1}, {1 << 70: 1}, False),
    "a set is no list": ([1, 2], {1, 2}, False),
    "bytes are no text": ("a", b"a", False),
    "NaN equals nothing": (0.0, float("nan"), False),
    "infinity is not a large number": (1e308, float("inf"), False),
    "an integer beyond the floats": (0.5, 10**400, False),
    "a complex number equals no real one": (1, 1 + 0j, False),
}


@pytest.mark.parametrize(("expected", "value", "same"), VALUES.values(), ids=VALUES.keys())
def test_value(expected: Any, value: Any, same: bool) -> None:
    assert same_value(expected, decode(encode(value))) is same


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)


@given(JSON)
def test_any_json_value_equals_itself(value: Any) -> None:
    assert same_value(value, value)


@given(JSON)
def test_a_value_in_a_list_is_another(value: Any) -> None:
    assert not same_value(value, [value])


@given(JSON, st.binary())
def test_any_answer_is_right_or_wrong(expected: Any, data: bytes) -> None:
    try:
        value = decode(data)
    except ValueError:
        return
    assert same_value(expected, value) in (True, False)
