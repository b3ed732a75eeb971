"""Rows of well-known data sets, in their published columns, as tasks."""

from veriward.verifiers.rows.items import known_sets, to_item
from veriward.verifiers.rows.reading import BadRow, RowError, UnknownRow

__all__ = ["BadRow", "RowError", "UnknownRow", "known_sets", "to_item"]
