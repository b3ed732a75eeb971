"""Which tables are the same, under each of the three comparisons."""

from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.verifiers.sql.compare import MAX_MATCHED_ROWS, bag_strict, bird_set, spider_suite
from veriward.verifiers.sql.tables import Row, Table

INF = float("inf")


def table(*rows: Row, columns: int = 0) -> Table:
    return Table(len(rows[0]) if rows else columns, rows)


# sentence: gold, told, ordered, then the word of bag_strict, bird_set, spider_suite
TABLES: dict[str, tuple[Table, Table, bool, bool, bool, bool]] = {
    "equal rows are equal": (table((1, "a")), table((1, "a")), False, True, True, True),
    "another order is equal as a bag": (table((1,), (2,)), table((2,), (1,)), False, True, True, True),
    "another order differs where it counts": (table((1,), (2,)), table((2,), (1,)), True, False, True, False),
    "a lost duplicate": (table((1,), (1,)), table((1,)), False, False, True, False),
    "other duplicates of as many rows": (table((1,), (1,), (2,)), table((1,), (2,), (2,)), False, False, True, False),
    "swapped columns": (table((1, 2)), table((2, 1)), False, False, False, True),
    "values swapped in one row only": (table((1, 2), (3, 4)), table((2, 1), (3, 4)), False, False, False, False),
    "columns swapped across types": (table((1, "a"), (2, "b")), table(("a", 1), ("b", 2)), True, False, False, True),
    "an extra column": (table((1,)), table((1, 1)), False, False, False, False),
    "an empty result of other columns": (table(columns=1), table(columns=2), False, False, True, True),
    "an empty result against rows": (table((1,)), table(columns=1), False, False, False, False),
    "a whole float and its integer": (table((2,)), table((2.0,)), False, True, True, True),
    "the last bit of a sum": (table((0.3,)), table((0.1 + 0.2,)), False, True, False, False),
    "the last bit of a sum, in order": (table((0.3,)), table((0.1 + 0.2,)), True, True, False, False),
    "a float off by more than a millionth": (table((0.3,)), table((0.30001,)), False, False, False, False),
    "nearly nothing and nothing": (table((0.0,)), table((5e-17,)), False, True, False, False),
    "a large whole float off by one": (table((1234567,)), table((1234568.0,)), False, False, False, False),
    "integers past 2**53 off by one": (table((2**53 + 1,)), table((2**53,)), False, False, False, False),
    "infinities": (table((INF,)), table((INF,)), False, True, True, True),
    "infinity and a large float": (table((INF,)), table((1e308,)), False, False, False, False),
    "text and the number it looks like": (table((1,)), table(("1",)), False, False, False, False),
    "text and the blob it looks like": (table(("a",)), table((b"a",)), False, False, False, False),
    "NULL and NULL": (table((None,)), table((None,)), False, True, True, True),
    "NULL and nothing": (table((None,)), table((0,)), False, False, False, False),
    "NULL and the empty text": (table((None,)), table(("",)), False, False, False, False),
    "last bits that cross between rows": (
        table((0.1 + 0.2, 1), (0.3, 2)),
        table((0.3, 1), (0.1 + 0.2, 2)),
        False,
        True,
        False,
        False,
    ),
    "close rows that must be paired the long way": (
        table((1.0000001, 1.5), (1.0000008, 1.5)),
        table((1.0000016, 1.5), (1.0000005, 1.5)),
        False,
        True,
        False,
        False,
    ),
    "as many close rows, but one pair too far": (
        table((1.0000001,), (1.0000002,)),
        table((1.0000003,), (1.0000032,)),
        False,
        False,
        False,
        False,
    ),
    "last bits of more rows than are paired": (
        table(*((n + 0.1 + 0.2, "x") for n in range(MAX_MATCHED_ROWS + 1))),
        table(*((n + 0.3 + 1e-9, "x") for n in reversed(range(MAX_MATCHED_ROWS + 1)))),
        False,
        True,
        False,
        False,
    ),
}


@pytest.mark.parametrize(("gold", "told", "ordered", "strict", "bird", "spider"), TABLES.values(), ids=TABLES.keys())
def test_same(gold: Table, told: Table, ordered: bool, strict: bool, bird: bool, spider: bool) -> None:
    assert bag_strict(gold, told, ordered) is strict
    assert bird_set(gold, told, ordered) is bird
    assert spider_suite(gold, told, ordered) is spider


def test_equal_columns_are_not_permuted_for_ever() -> None:
    gold = table(*((0, 1) * 10 for _ in range(50)), tuple(range(20)))
    told = table(*((0, 1) * 10 for _ in range(50)), tuple(range(1, 21)))
    assert not spider_suite(gold, told, False)


def test_twenty_columns_are_permuted_back() -> None:
    rows = [tuple((n * column) % 7 for column in range(20)) for n in range(50)]
    assert spider_suite(table(*rows), table(*(row[::-1] for row in rows)), True)


CELLS = st.sampled_from([None, 0, 1, 1.0, 0.3, 0.1 + 0.2, "1", b"1"])
SMALL = st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[CELLS] * width), max_size=4))


@given(gold=SMALL, data=st.data(), ordered=st.booleans())
def test_spider_suite_is_some_permutation_of_columns(gold: list[Row], data: st.DataObject, ordered: bool) -> None:
    width = len(gold[0]) if gold else 1
    told = data.draw(
        st.lists(st.tuples(*[CELLS] * width), min_size=len(gold), max_size=len(gold)) | st.permutations(gold)
    )
    found = spider_suite(table(*gold, columns=width), table(*told, columns=width), ordered)
    orders = [[tuple(row[column] for column in order) for row in told] for order in permutations(range(width))]
    some = any(gold == rows if ordered else Counter(gold) == Counter(rows) for rows in orders)
    # The published quick rejection sorts 1 and 1.0 apart, so it may refuse what a permutation would accept.
    assert found is some or (some and any(isinstance(cell, float) for row in gold + told for cell in row))


@given(rows=SMALL, data=st.data())
def test_bag_strict_accepts_any_order_and_no_lost_row(rows: list[Row], data: st.DataObject) -> None:
    gold = table(*rows, columns=1)
    assert bag_strict(gold, table(*data.draw(st.permutations(rows)), columns=1), False)
    if rows:
        assert not bag_strict(gold, table(*rows[1:], columns=gold.columns), False)
