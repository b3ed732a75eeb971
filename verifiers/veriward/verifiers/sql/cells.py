"""Likeness of two tables, cell by cell."""

from collections import Counter
from itertools import chain

from veriward.verifiers.sql.tables import Cell, Table


def cells_f1(gold: Table, told: Table) -> float:
    """F1 = 2 shared/(cells + cells) of the cells as multisets, 1 and 1.0 being equal; 1 where both are empty."""
    right, given = Counter(_cells(gold)), Counter(_cells(told))
    everything = right.total() + given.total()
    return 2 * (right & given).total() / everything if everything else 1.0


def qatch(gold: Table, told: Table) -> tuple[float, float, float]:
    """Cell precision, cell recall and tuple cardinality (QATCH, Papicchio et al. 2023, NeurIPS), each in [0, 1].

    The first two compare sets of cells, wherever they stand; the third is the smaller count of rows over the larger.
    An empty table is like an empty one only.
    """
    if not gold.rows or not told.rows:
        alike = float(not gold.rows and not told.rows)
        return alike, alike, alike
    right, given = set(_cells(gold)), set(_cells(told))
    shared = len(right & given)
    fewer, more = sorted((len(gold.rows), len(told.rows)))
    return shared / len(given), shared / len(right), fewer / more


def _cells(table: Table) -> "chain[Cell]":
    return chain.from_iterable(table.rows)
