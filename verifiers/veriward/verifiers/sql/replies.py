"""What a database says of one request, in every engine: rows within bounds, or one word for why there are none.

Standard library only, for it goes into the sandbox child beside the engine's driver. A reply is one JSON object:
{"columns": n, "rows": [[cell, …], …]} of a query, {"state": [[kind, name, [column, …], rows], …]} of a script that
changes the database, or {"error": kind, "message": text}. A cell keeps types apart: an integer, a float (with a point,
an exponent, Infinity or NaN), a string, true or false, null, and {"blob": hex}.
"""

from collections.abc import Iterable, Sequence
from typing import Any

MAX_ROWS = 50_000  # of a table, and of all tables of a state together
MAX_COLUMNS = 100
MAX_TABLE_BYTES = 8 << 20  # and of all tables of a state together
MAX_TABLES = 100
MAX_MESSAGE_CHARS = 1_000
CELL_BYTES = 16  # what a cell counts for, its text apart

Reply = dict[str, Any]


class Failed(Exception):
    """There are no rows; `kind` is one word for why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def reply(self) -> Reply:
        return {"error": self.kind, "message": str(self)[:MAX_MESSAGE_CHARS]}


class Rows:
    """Gathers rows, over all tables of one reply; raises `Failed` at the first past a bound."""

    def __init__(self) -> None:
        self._rows = self._bytes = 0

    def gather(self, rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
        """The rows as cells that JSON can hold."""
        gathered: list[list[Any]] = []
        for row in rows:
            self._rows += 1
            self._bytes += CELL_BYTES * len(row) + sum(len(cell) for cell in row if isinstance(cell, (str, bytes)))
            if self._rows > MAX_ROWS:
                raise Failed("row_limit", f"more than {MAX_ROWS:,} rows")
            if self._bytes > MAX_TABLE_BYTES:
                raise Failed("size_limit", f"more than {MAX_TABLE_BYTES:,} bytes")
            gathered.append([{"blob": cell.hex()} if isinstance(cell, bytes) else cell for cell in row])
        return gathered


def require_columns(count: int) -> int:
    if count > MAX_COLUMNS:
        raise Failed("column_limit", f"more than {MAX_COLUMNS} columns")
    return count


def require_tables(count: int) -> int:
    if count > MAX_TABLES:
        raise Failed("table_limit", f"more than {MAX_TABLES} tables and views")
    return count


def quoted(*names: str) -> str:
    """The names as one quoted identifier."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)
