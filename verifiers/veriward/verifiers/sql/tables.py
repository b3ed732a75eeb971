"""Tables and states of a database as plain rows, and how they are read from a reply."""

import json
from dataclasses import dataclass
from enum import Enum
from math import isnan, nan
from typing import Any

from veriward.sandbox.execution import Run, RunStatus


class Truth(Enum):
    """A boolean of an engine that has such; neither 0 nor 1, nor a text. SQLite's are integers."""

    FALSE = False
    TRUE = True


Cell = int | float | str | bytes | Truth | None
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What a query gave. Text that is not UTF-8 holds surrogate escapes; NaN is one object, and so equals itself."""

    columns: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class State:
    """All tables of a database, by what tells them apart: kind, name, names of the columns."""

    tables: dict[tuple[str, ...], Table]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a database gave nothing. `kind` is the engine's word or the sandbox's."""

    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind


Result = Table | State | Failure


def result_of(run: Run) -> Result:
    if run.status is not RunStatus.FINISHED:
        return Failure(run.status.value, run.reason)
    try:
        told = json.loads(run.stdout)
        if "error" in told:
            return Failure(str(told["error"]), str(told["message"]))
        if "state" in told:
            return State({_key(*found): _table(len(found[2]), found[3]) for found in told["state"]})
        return _table(told["columns"], told["rows"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return Failure("protocol", "the database's child broke off")


def _key(kind: str, name: str, columns: list[str], rows: object) -> tuple[str, ...]:
    return kind, name, *columns


def _table(columns: Any, rows: Any) -> Table:
    if type(columns) is not int or any(len(row) != columns for row in rows):
        raise ValueError("rows of unequal width")
    return Table(columns, tuple(tuple(map(_cell, row)) for row in rows))


def _cell(cell: Any) -> Cell:
    if cell is None or type(cell) in (int, str):
        return cell  # type: ignore[no-any-return]
    if type(cell) is float:
        return nan if isnan(cell) else cell
    if type(cell) is bool:
        return Truth(cell)
    return bytes.fromhex(cell["blob"])
