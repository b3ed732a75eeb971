"""Reads the columns of a row, each within a bound; what is not as published is told by its column."""

import ast
import json
from collections.abc import Iterable, Mapping
from typing import Any

MAX_TEXT_CHARS = 32 << 20  # of one column, packed tests included
MAX_LITERAL_CHARS = 20_000
MAX_COLUMNS_TOLD = 30

Row = Mapping[str, Any]


class RowError(ValueError):
    """A row that no task can be made of."""


class UnknownRow(RowError):
    """No set publishes rows of these columns, or of this `data_source`."""


class BadRow(RowError):
    """The set is known, and `column` is not as it publishes it."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(f"{column}: {message}")
        self.column = column


def columns_of(row: Row) -> str:
    """The names of the columns, for a sentence."""
    names = [str(name)[:40] for name in list(row)[:MAX_COLUMNS_TOLD]]
    return ", ".join(names) + (", …" if len(row) > MAX_COLUMNS_TOLD else "")


def text(row: Row, column: str) -> str:
    """A text that is not blank."""
    value = row.get(column)
    if not isinstance(value, str) or not value.strip():
        raise BadRow(column, "is no text, or blank")
    if len(value) > MAX_TEXT_CHARS:
        raise BadRow(column, f"is longer than {MAX_TEXT_CHARS:,} characters")
    return value


def text_or_number(row: Row, column: str) -> str:
    value = row.get(column)
    return repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else text(row, column)


def optional(row: Row, column: str) -> str:
    """The text, "" where there is none."""
    value = row.get(column)
    return text(row, column) if isinstance(value, str) and value.strip() else ""


def texts(row: Row, column: str) -> list[str]:
    """A list of texts, or one text."""
    value = row.get(column)
    told = [value] if isinstance(value, str) else value
    if not isinstance(told, list | tuple) or not told or not all(isinstance(one, str) for one in told):
        raise BadRow(column, "is no list of texts")
    return list(told)


def mapping(row: Row, column: str) -> Mapping[str, Any]:
    """An object, or JSON of one."""
    value = from_json(row, column)
    if not isinstance(value, Mapping):
        raise BadRow(column, "is no object")
    return value


def from_json(row: Row, column: str) -> Any:
    """What the JSON in the column says; what is no text is taken as it is."""
    if not isinstance(row.get(column), str):
        return row.get(column)
    try:
        return json.loads(text(row, column))
    except (ValueError, RecursionError) as error:
        if isinstance(error, BadRow):
            raise
        raise BadRow(column, f"is not JSON: {str(error)[:100]}") from None


def from_literal(row: Row, column: str) -> Any:
    """JSON, or a Python literal as some sets write their lists."""
    value = row.get(column)
    if not isinstance(value, str):
        return value
    if len(value) > MAX_LITERAL_CHARS:
        raise BadRow(column, f"is longer than {MAX_LITERAL_CHARS:,} characters")
    try:
        return from_json(row, column)
    except BadRow:
        pass
    try:
        return ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise BadRow(column, "is neither JSON nor a literal") from None


def first(row: Row, columns: Iterable[str]) -> str | None:
    """The first of the columns that is there."""
    return next((column for column in columns if row.get(column) is not None), None)
