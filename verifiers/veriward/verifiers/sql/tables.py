"""Runs a query on every variant of a database, in the sandbox, and reads what comes back as plain rows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from veriward.sandbox.execution import MIB, Execution, Isolation, Limits, Run, RunStatus, Sandbox

# Above the driver's own: they end what its clock can't see, one long call within SQLite.
LIMITS = Limits(wall_seconds=15, cpu_seconds=4, memory_bytes=512 * MIB, output_bytes=32 * MIB, processes=1)

Cell = int | float | str | bytes | None
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What a query gave: SQLite's types are Python's, and text that is not UTF-8 holds surrogate escapes."""

    columns: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a query gave no table. `kind` is the driver's word or the sandbox's."""

    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind


Result = Table | Failure


def query_all(sandbox: Sandbox, scripts: Sequence[str], query: str) -> tuple[list[Result], Isolation]:
    """The result of `query` on a fresh database per script, in a child of its own; ends with the first failure."""
    requests = (json.dumps({"schema": script, "query": query}).encode() for script in scripts)
    execution = Execution(code=_driver(), inputs=tuple(requests), limits=LIMITS)
    runs = sandbox.run(execution, stop=lambda run: isinstance(result_of(run), Failure))
    return [result_of(run) for run in runs], runs[-1].isolation


@cache
def _driver() -> str:
    return files("veriward.verifiers.sql").joinpath("driver.py").read_text("utf-8")


def result_of(run: Run) -> Result:
    if run.status is not RunStatus.FINISHED:
        return Failure(run.status.value, run.reason)
    try:
        told = json.loads(run.stdout)
        if "error" in told:
            return Failure(str(told["error"]), str(told["message"]))
        return _table(told["columns"], told["rows"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return Failure("protocol", "the database's child broke off")


def _table(columns: Any, rows: Any) -> Table:
    if type(columns) is not int or any(len(row) != columns for row in rows):
        raise ValueError("rows of unequal width")
    return Table(columns, tuple(tuple(map(_cell, row)) for row in rows))


def _cell(cell: Any) -> Cell:
    if cell is None or type(cell) in (int, float, str):
        return cell  # type: ignore[no-any-return]
    return bytes.fromhex(cell["blob"])
