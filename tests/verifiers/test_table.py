"""Cells, dates and lists, each data set's rule at its bound, and the costs of `table`; its cases say the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.table.cells import CONVENTIONS, same_cell
from veriward.verifiers.table.dates import MAX_DATE_CHARS, Day, read_date, same_date
from veriward.verifiers.table.grading import MAX_ALTERNATIVES, MAX_GOLD_CHARS, TableTask, table
from veriward.verifiers.table.lists import MAX_ITEMS, items_of, paired
from veriward.verifiers.verdict import Verdict

CELLS: dict[str, tuple[str, str, bool]] = {
    "a whole number to the digit": ("104", "104.0", True),
    "a whole number and a half": ("104", "104.4", False),
    "the last decimal shown, rounded": ("5.30", "5.304", True),
    "the last decimal shown, not rounded": ("5.30", "5.306", False),
    "fewer decimals than gold": ("5.31", "5.3", False),
    "half a unit of a scaled number": ("2.5 billion", "2,549,000,000", True),
    "past half a unit of a scaled number": ("2.5 billion", "2,551,000,000", False),
    "a whole percentage": ("35%", "34.8%", False),
    "a small percentage as points": ("0.5%", "0.5", True),
    "a small percentage as a fraction": ("0.5%", "0.005", True),
    "a small percentage a hundredfold": ("0.5%", "50%", False),
    "points for a bare fraction": ("0.5", "0.5%", False),
    "a unit left out": ("12 km", "12", True),
    "a unit added": ("12", "12 km", True),
    "text with a number's digits moved": ("3.14 a", "31.4 a", False),
    "a score": ("3-2", "3–2", True),
    "a time": ("12:30", "12:30", True),
    "a month name in text": ("May", "may", True),
    "a day and month": ("5 March", "March 5", True),
    "nothing for a dash": ("-", "", False),
}


@pytest.mark.parametrize(("gold", "told", "same"), CELLS.values(), ids=CELLS.keys())
def test_a_cell(gold: str, told: str, same: bool) -> None:
    assert same_cell(gold, told) is same


# kind, gold, told at the bound, told one step past it: each by hand from the published rule
BOUNDS: dict[str, tuple[str, str, str, str]] = {
    "hitab, absolute 1e-5": ("hitab", "0.2", "0.20001", "0.200011"),
    "hitab, relative 1e-5": ("hitab", "1000000", "1000010", "1000011"),
    "aitqa, relative 1e-5": ("aitqa", "1000000", "999990", "999989"),
    "multihiertt, relative 1e-5": ("multihiertt", "200000", "200002", "200003"),
    "finqa, less than 0.01": ("finqa", "0.1", "0.1099", "0.11"),
    "finqa, percentages 0.15 apart after rounding": ("finqa", "2.0%", "2.14%", "2.25%"),
    "finqa, relative 5 %": ("finqa", "200", "210", "210.1"),
    "tatqa, the number": ("tatqa", "12.5", "12.50", "12.51"),
    "guru_table, relative 1e-3": ("guru_table", "1000", "1001", "1001.1"),
    "guru_table, a hundredth": ("guru_table", "1000", "10.01", "10.02"),
    "guru_table, a percent sign": ("guru_table", "50%", "0.5", "0.6"),
    "guru_table, a ratio": ("guru_table", "3:4", "0.75", "0.76"),
    "wikitq, punctuation": ("wikitq", "a-b", "A b", "ab"),
    "tablebench, the decimal shown": ("tablebench", "1.5", "1.55", "1.56"),
}


@pytest.mark.parametrize(("kind", "gold", "at", "past"), BOUNDS.values(), ids=BOUNDS.keys())
def test_a_rule_at_its_bound_and_past_it(kind: str, gold: str, at: str, past: str) -> None:
    assert CONVENTIONS[kind](gold, at)
    assert not CONVENTIONS[kind](gold, past)


DATES: dict[str, tuple[str, list[tuple[int | None, int, int | None]]]] = {
    "month, day, year": ("March 5, 1990", [(1990, 3, 5)]),
    "short month with a stop": ("Mar. 5 1990", [(1990, 3, 5)]),
    "day, month, year": ("5 March 1990", [(1990, 3, 5)]),
    "an ordinal": ("the 5th of March, 1990", [(1990, 3, 5)]),
    "a weekday": ("Mon, 5 Sept 1990", [(1990, 9, 5)]),
    "ISO": ("1990-3-05", [(1990, 3, 5)]),
    "ISO with midnight": ("1990-03-05 00:00:00", [(1990, 3, 5)]),
    "year, month, day": ("1990 March 5", [(1990, 3, 5)]),
    "month and year": ("March 1990", [(1990, 3, None)]),
    "month and day": ("March 5", [(None, 3, 5)]),
    "Chinese": ("1990年3月5日", [(1990, 3, 5)]),
    "slashes, both ways": ("05/03/1990", [(1990, 5, 3), (1990, 3, 5)]),
    "slashes, one way": ("25/03/1990", [(1990, 3, 25)]),
    "slashes, the same both ways": ("3/3/1990", [(1990, 3, 3)]),
    "no such month": ("1990-13-05", []),
    "no such day": ("March 32, 1990", []),
    "a year alone": ("1990", []),
    "a score": ("3-2", []),
    "words": ("in March", []),
}


@pytest.mark.parametrize(("text", "days"), DATES.values(), ids=DATES.keys())
def test_a_date(text: str, days: list[tuple[int | None, int, int | None]]) -> None:
    assert read_date(text) == tuple(Day(*day) for day in days)


def test_an_ambiguous_date_is_the_clear_one_but_not_its_mirror() -> None:
    ambiguous = read_date("05/03/1990")
    assert same_date(ambiguous, read_date("5 March 1990"))
    assert same_date(ambiguous, read_date("05-03-1990"))
    assert not same_date(ambiguous, read_date("03/05/1990"))


def test_a_date_one_step_past_its_bound_is_not_read() -> None:
    assert read_date("March 5," + " " * (MAX_DATE_CHARS - 12) + "1990")
    assert not read_date("March 5," + " " * (MAX_DATE_CHARS - 11) + "1990")


ITEMS: dict[str, tuple[str, int, list[str] | None]] = {
    "one, commas and all": ("a, b", 1, ["a, b"]),
    "commas": ("a, b, c", 3, ["a", "b", "c"]),
    "commas and and": ("a, b, and c", 3, ["a", "b", "c"]),
    "and alone": ("a and b", 2, ["a", "b"]),
    "and within a value": ("a and b, c", 2, ["a and b", "c"]),
    "lines before commas": ("a, x\nb, y", 2, ["a, x", "b, y"]),
    "numbered lines": ("1. a\n2) b", 2, ["a", "b"]),
    "bars": ("a|b", 2, ["a", "b"]),
    "brackets": ("[a, b]", 2, ["a", "b"]),
    "quotes": ("'a', \"b\"", 2, ["a", "b"]),
    "thousands": ("1,234, 5", 2, ["1,234", "5"]),
    "numbers without blanks": ("3,15", 2, ["3", "15"]),
    "JSON": ('["a", 2]', 2, ["a", "2"]),
    "JSON under a key": ('{"answer": ["a", "b"]}', 2, ["a", "b"]),
    "JSON of another length": ('["a", "b"]', 3, None),
    "too few": ("a, b", 3, None),
    "too many": ("a, b, c", 2, None),
}


@pytest.mark.parametrize(("answer", "count", "items"), ITEMS.values(), ids=ITEMS.keys())
def test_items(answer: str, count: int, items: list[str] | None) -> None:
    assert items_of(answer, count) == items


def test_pairs_are_found_where_the_first_fit_is_not_the_right_one() -> None:
    near = {"x": "12", "y": "1", "z": "23"}  # x fits 1 and 2, y fits 1 alone, z fits 2 and 3
    assert paired(list(near), ["1", "2", "3"], lambda gold, told: told in near[gold], ordered=False)
    assert not paired(["y", "y"], ["1", "2"], lambda gold, told: told in near[gold], ordered=False)


def verdict(response: str, **fields: object) -> Verdict:
    return table(response, TableTask.model_validate(fields), NoSandbox())


# words: operating lease costs / lease costs total: 2 * 2 / (3 + 3)
def test_f1_is_a_metric_by_hand() -> None:
    told = verdict("<answer>lease costs total</answer>", kind="tatqa", gold="operating lease costs")
    assert told.reward == 0
    assert told.metrics["f1"] == pytest.approx(2 / 3)


def test_a_gold_one_step_past_its_bounds_is_refused() -> None:
    many = [str(number) for number in range(MAX_ITEMS)]
    assert verdict(f"<answer>{'|'.join(many)}</answer>", gold=many).reward == 1
    for gold in ([*many, "x"], [["x"] * (MAX_ALTERNATIVES + 1)], "x" * (MAX_GOLD_CHARS + 1), [["x"] * 6] * 84):
        with pytest.raises(ValueError, match=r"values, not|alternatives, not|longer than|more than 500"):
            verdict("x", gold=gold)


@given(st.text(alphabet=st.sampled_from("0123456789/-.,|[]\"' abMarchy%$年月日\n")))
def test_any_text_is_a_cell_and_a_list(text: str) -> None:
    read_date(text)
    items_of(text, 2)
    for gold in ("12", "March 5, 1990", "a b"):
        same_cell(gold, text)
        for same in CONVENTIONS.values():
            same(gold, text)


FLOODS = ["1,", "1 and ", "|", "\n", "March 5 ", "[", '["', "1/", "(", "a, "]


@pytest.mark.parametrize("kind", ["table", *CONVENTIONS, "tabfact"])
@pytest.mark.parametrize("piece", FLOODS)
def test_a_million_characters_of_anything_are_judged(piece: str, kind: str) -> None:
    gold = "entailed" if kind == "tabfact" else ["12", "March 5, 1990", "a b"]
    for response in (piece * (1_000_000 // len(piece)), f"<answer>{(piece * 4_096)[:4_096]}</answer>"):
        verdict(response, kind=kind, gold=gold)
