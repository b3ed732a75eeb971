"""Says whether two tables are the same: the strict rule that trains, and two published rules that reproduce figures.

And whether two states of a database are."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from veriward.verifiers.sql.tables import Cell, Row, State, Table

RELATIVE = 1e-6
ABSOLUTE = 1e-12
EXACT_BELOW = 2**53  # whole floats under it are exact
MAX_MATCHED_ROWS = 200
MAX_ROWS_VISITED = 2_000_000


def bag_strict(gold: Table, told: Table, ordered: bool) -> bool:
    """Equal as multisets of rows (`ordered`: as sequences), columns in their order.

    Numbers are close within 1e-6 relative, whole ones exactly; text never equals a number, and NULL equals NULL only.
    """
    if gold.columns != told.columns or len(gold.rows) != len(told.rows):
        return False
    if ordered:
        return all(map(_close_rows, gold.rows, told.rows))
    left, right = Counter(gold.rows), Counter(told.rows)
    return _matched((left - right).elements(), (right - left).elements())


def same_state(gold: State, told: State) -> bool:
    """The same tables and views, by kind, name and names of the columns in their order, each with `bag_strict` rows.

    Types of columns, constraints, indexes and triggers are not compared, but for what they did to the rows.
    """
    if gold.tables.keys() != told.tables.keys():
        return False
    return all(bag_strict(table, told.tables[key], False) for key, table in gold.tables.items())


def bird_set(gold: Table, told: Table, ordered: bool) -> bool:
    """Equal as sets of rows (BIRD: Li et al. 2023, arXiv:2305.03111, execution accuracy).

    Known holes, kept: lost and extra duplicates, and any order of rows, are accepted; floats must agree to the last
    bit; two empty results are equal whatever their columns.
    """
    return set(gold.rows) == set(told.rows)


def spider_suite(gold: Table, told: Table, ordered: bool) -> bool:
    """Equal as multisets (`ordered`: as sequences) under some order of the columns.

    Rule: Zhong et al. 2020, "Semantic Evaluation for Text-to-SQL with Distilled Test Suites", arXiv:2010.02840; its
    random sample of rows only saves time, and is replaced by an exact search. Known holes, kept: columns may be
    swapped; two empty results are equal whatever their columns; floats must agree to the last bit. Its removal of every
    DISTINCT (in `statement.py`) accepts lost duplicates, and spoils `IS NOT DISTINCT FROM`.
    """
    if not gold.rows and not told.rows:
        return True
    if len(gold.rows) != len(told.rows) or gold.columns != told.columns:
        return False
    left, right = ([sorted(row, key=_by_text) for row in table.rows] for table in (gold, told))
    if ordered and left != right:
        return False
    if set(map(tuple, left)) != set(map(tuple, right)):
        return False
    return _some_order(gold, told, ordered)


def _some_order(gold: Table, told: Table, ordered: bool) -> bool:
    """Search the orders of `told`'s columns, column by column, keeping those whose beginning agrees with `gold`."""
    columns = list(zip(*told.rows, strict=True))
    visited = 0

    def agrees(order: Sequence[int]) -> bool:
        nonlocal visited
        visited += len(gold.rows)
        begun = [row[: len(order)] for row in gold.rows]
        chosen = list(zip(*(columns[column] for column in order), strict=True))
        return begun == chosen if ordered else Counter(begun) == Counter(chosen)

    def extend(order: tuple[int, ...]) -> bool:
        if len(order) == len(columns):
            return True
        tried = set()
        for column in range(len(columns)):
            if column in order or columns[column] in tried:
                continue
            if visited > MAX_ROWS_VISITED:
                return False
            tried.add(columns[column])
            if agrees((*order, column)) and extend((*order, column)):
                return True
        return False

    return extend(())


def _by_text(cell: Cell) -> str:
    return str(cell) + str(type(cell))


def _matched(left: Iterable[Row], right: Iterable[Row]) -> bool:
    """Whether rows that differ in their last bits can be paired off, each with a close one."""
    groups: defaultdict[Row, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((left, right)):
        for row in rows:
            groups[_without_numbers(row)][side].append(row)
    return all(len(ours) == len(theirs) and _paired(ours, theirs) for ours, theirs in groups.values())


def _paired(ours: list[Row], theirs: list[Row]) -> bool:
    """Perfect matching by augmenting paths; of long lists, in sorted order only."""
    if len(ours) > MAX_MATCHED_ROWS:
        return all(map(_close_rows, sorted(ours, key=_numbers), sorted(theirs, key=_numbers)))
    partner: dict[int, int] = {}

    def pair(mine: int, seen: set[int]) -> bool:
        for other, row in enumerate(theirs):
            if other not in seen and _close_rows(ours[mine], row):
                seen.add(other)
                if other not in partner or pair(partner[other], seen):
                    partner[other] = mine
                    return True
        return False

    return all(pair(mine, set()) for mine in range(len(ours)))


def _without_numbers(row: Row) -> Row:
    return tuple(0 if isinstance(cell, (int, float)) else cell for cell in row)


def _numbers(row: Row) -> list[int | float]:
    return [cell for cell in row if isinstance(cell, (int, float))]


def _close_rows(left: Row, right: Row) -> bool:
    return all(map(_close, left, right))


def _close(left: Cell, right: Cell) -> bool:
    if not isinstance(left, (int, float)) or not isinstance(right, (int, float)):
        return left == right
    if left is right:  # NaN, in engines that have it
        return True
    if _exact(left) and _exact(right):
        return left == right
    return math.isclose(left, right, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def _exact(number: int | float) -> bool:
    return isinstance(number, int) or (number.is_integer() and abs(number) < EXACT_BELOW)
