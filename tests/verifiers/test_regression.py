"""How quantities are read, and the bounds and costs of `regression`; its cases say the rest."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.quantities import (
    MAX_EXPONENT,
    MAX_NUMBER_CHARS,
    MAX_QUANTITY_CHARS,
    quantity_in,
    quantity_in_prose,
    read,
)
from veriward.verifiers.regression import MAX_METRIC, RegressionTask, regression
from veriward.verifiers.verdict import Verdict

VALUES: dict[str, tuple[str, str]] = {
    "digits": ("42", "42"),
    "a full stop": ("42.", "42"),
    "no digit before the point": (".5", "0.5"),
    "thousands": ("1,234,567.5", "1234567.5"),
    "thousands with spaces": ("1 234 567", "1234567"),
    "thousands with apostrophes": ("1’234", "1234"),
    "thousands with points": ("1.234.567", "1234567"),
    "lakhs": ("1,23,456", "123456"),
    "a decimal comma": ("2,74", "2.74"),
    "a decimal comma and points": ("1.234,5", "1234.5"),
    "a sign of minus": ("−3.2", "-3.2"),
    "accounting's minus": ("(1,234)", "-1234"),
    "accounting's minus with a currency": ("$(1.5)", "-1.5"),
    "a minus before the currency": ("-$5", "-5"),
    "a minus after the currency": ("$-5", "-5"),
    "a scale word": ("1.5 million", "1500000"),
    "a scale letter": ("2.5B", "2500000000"),
    "a small scale letter after money": ("$5m", "5000000"),
    "metres are no millions": ("5m", "5"),
    "scale and currency in words": ("5 billion US dollars", "5000000000"),
    "a fraction": ("3/4", "3/4"),
    "an exponent": ("1.5e-3", "0.0015"),
    "a power of ten": (r"$1.5 \times 10^{3}$", "1500"),
    "a word": ("three players", "3"),
    "about": ("approximately 12", "12"),
    "a year": ("in 1990", "1990"),
    "a year, called so": ("the year 1990", "1990"),
    "a minus in words": ("minus 1,234", "-1234"),
    "a minus in words before the currency": ("negative $5", "-5"),
    "a unit": ("12 km", "12"),
    "full width": ("１２％", "12"),
    "Chinese scale": ("3万", "30000"),
    "LaTeX": (r"\text{12}\%", "12"),
    "an integer beyond the floats": ("9007199254740993", "9007199254740993"),
}


@pytest.mark.parametrize(("text", "value"), VALUES.values(), ids=VALUES.keys())
def test_it_is_read(text: str, value: str) -> None:
    found = read(text)
    assert found is not None
    assert found.value == Fraction(value)


NO_QUANTITY: dict[str, str] = {
    "nothing": "",
    "a word": "many",
    "two numbers": "5, 6",
    "two numbers apart": "12 5",
    "a choice": "5 or 6",
    "a choice in words": "5 and six",
    "a range": "3-5",
    "a season": "1990-91",
    "a time": "12:30",
    "a decade": "1990s",
    "two minuses": "minus -5",
    "a denial": "not 5",
    "an uncertainty": "5 ± 1",
    "two signs": "--5",
    "two signs about a currency": "-$-5",
    "a sum": "5 + 6",
    "a division by zero": "5/0",
    "a power": "10^6",
    "nan": "nan",
    "infinity": "Infinity",
    "a question": "5?",
    "hexadecimal": "0x1F",
    "three scales": "5 trillion billion",
}


@pytest.mark.parametrize("text", NO_QUANTITY.values(), ids=NO_QUANTITY.keys())
def test_it_is_no_quantity(text: str) -> None:
    assert read(text) is None


IN_ANSWERS: dict[str, tuple[str, str | None]] = {
    "is": ("The value is 5", "5"),
    "equals": ("x = -5", "-5"),
    "a reason": ("5, because 2 + 3 = 5", "5"),
    "JSON": ('{"score": 3.50}', "3.5"),
    "JSON with two keys": ('{"year": 1990, "value": 7}', "7"),
    "between": ("between 3 and 5", None),
    "is not": ("The value is not 5", None),
}


@pytest.mark.parametrize(("answer", "value"), IN_ANSWERS.values(), ids=IN_ANSWERS.keys())
def test_the_quantity_in_an_answer(answer: str, value: str | None) -> None:
    found = quantity_in(answer)
    assert (found and found.value) == (value and Fraction(value))


IN_PROSE: dict[str, tuple[str, str | None]] = {
    "would be": ("The predicted rating would be 3.5", "3.5"),
    "money": ("I would pay $3,500 for it", None),
    "money at the end": ("I would pay -$3,500", "-3500"),
    "a bound": ("It is more than 5", None),
    "a doubt": ("It may not be 5", None),
    "two numbers": ("In 1990 it was 5", None),
}


@pytest.mark.parametrize(("answer", "value"), IN_PROSE.values(), ids=IN_PROSE.keys())
def test_the_quantity_in_prose(answer: str, value: str | None) -> None:
    found = quantity_in_prose(answer)
    assert (found and found.value) == (value and Fraction(value))


def test_the_step_is_a_unit_of_the_last_digit() -> None:
    steps = {text: read(text).step for text in ("12", "12.50", "1.5 million", "1.5e3", "3/4")}  # type: ignore[union-attr]
    assert steps == {"12": 1, "12.50": Fraction(1, 100), "1.5 million": 100_000, "1.5e3": 100, "3/4": 0}


def test_a_quantity_one_step_past_its_bounds_is_not_read() -> None:
    assert read("1" * MAX_NUMBER_CHARS) is not None
    assert read("1" * (MAX_NUMBER_CHARS + 1)) is None
    assert read(f"1e{MAX_EXPONENT}") is not None
    assert read(f"1e{MAX_EXPONENT + 1}") is None
    assert read("1 " + "x" * (MAX_QUANTITY_CHARS - 2)) is not None
    assert read("1 " + "x" * (MAX_QUANTITY_CHARS - 1)) is None


def verdict(response: str, **fields: object) -> Verdict:
    return regression(response, RegressionTask.model_validate(fields), NoSandbox())


def test_the_error_is_told_and_is_finite() -> None:
    assert verdict("12.5", gold=10).metrics == {"absolute_error": 2.5}
    assert verdict(f"1e{MAX_EXPONENT}", gold=10).metrics == {"absolute_error": MAX_METRIC}


# 1 - |9 - 10| / 4
def test_the_linear_score_by_hand() -> None:
    assert verdict("9", gold=10, tolerance=4, score="linear").reward == 0.75


@given(st.text(alphabet=st.sampled_from("0123456789.,' -+$%()eE/*^{}\\kM×万 amilon")))
def test_any_text_is_a_quantity_or_none(text: str) -> None:
    found = quantity_in(text)
    assert found is None or isinstance(found.value, Fraction)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_what_is_printed_is_read(value: object) -> None:
    for text in (f"{value:.4f}", f"{value:,.4f}", f"{value:.14e}"):
        found = read(text)
        assert found is not None
        assert found.value == Fraction(str(value))


FLOODS = ["1", "1,", "1 ", "(", ",", "1.", "% ", "million ", "x = ", "-", "e", "/1", "about "]


@pytest.mark.parametrize("piece", FLOODS)
def test_a_million_characters_of_anything_are_judged(piece: str) -> None:
    flood = piece * (1_000_000 // len(piece))
    verdict(flood, gold=1)
    verdict(f"<answer>{flood[:4_096]}</answer>", gold=1)
    verdict(f"<answer>{flood[:MAX_QUANTITY_CHARS]}</answer>", gold=1)
