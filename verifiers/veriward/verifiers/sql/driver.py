"""Runs one query on a private in-memory SQLite database: the program that goes into the sandbox child.

Standard library only, for it runs there as `__main__`. stdin is one JSON object {"schema", "query"}; stdout is one of
{"columns": n, "rows": [[cell, …], …]} and {"error": kind, "message": text}. Cells keep SQLite's types apart: an
integer, a float (with a point, an exponent, or Infinity), a string, null, and {"blob": hex}.

The guards bound what honest mistakes and hostile queries cost inside the child. A long call within SQLite (LIKE,
printf) escapes the progress handler, so the limits of the sandbox are the real bound.
"""

import json
import sqlite3
import sys
import time
from typing import Any

MIB = 1 << 20
QUERY_CPU_SECONDS = 2.0  # a database of at most 2 MB of script answers honest queries in milliseconds
HEAP_BYTES = 128 * MIB
MAX_ROWS = 50_000
MAX_COLUMNS = 100
MAX_TABLE_BYTES = 8 * MIB
CELL_BYTES = 16  # what a cell counts for, its text apart
OPS_BETWEEN_CHECKS = 10_000

LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 1 * MIB,  # of a cell, in bytes
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_COLUMN: MAX_COLUMNS,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 100,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 100_000,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 500,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}

READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
# The first five reach outside the database; the others make equal queries give unequal rows.
DENIED_FUNCTIONS = {
    *("load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"),
    *("random", "randomblob", "sqlite_offset", "changes", "total_changes", "last_insert_rowid"),
}

ERRORS = {
    "SQLITE_AUTH": "denied",
    "SQLITE_READONLY": "denied",
    "SQLITE_INTERRUPT": "time_limit",
    "SQLITE_NOMEM": "memory_limit",
    "SQLITE_TOOBIG": "size_limit",
}


class Failed(Exception):
    """The query gave no rows; `kind` is one word for why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def answer(schema: str, query: str) -> dict[str, Any]:
    """What the driver prints."""
    try:
        database = build(schema)
    except (sqlite3.Error, sqlite3.Warning, MemoryError, ValueError) as error:
        return {"error": "schema", "message": str(error)}
    try:
        return table_of(database, query)
    except Failed as failed:
        return {"error": failed.kind, "message": str(failed)}
    finally:
        database.close()


def build(schema: str) -> sqlite3.Connection:
    """A database made by the script `schema`, then closed to everything but reading."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    database.execute("PRAGMA temp_store = MEMORY")
    database.execute(f"PRAGMA hard_heap_limit = {HEAP_BYTES}")
    database.executescript(schema)
    database.execute(
        "SELECT 1 FROM json_each('[]'), json_tree('[]')"
    )  # made on first use, which needs more than reading
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA query_only = ON")
    for category, bound in LIMITS.items():
        database.setlimit(category, bound)
    database.set_authorizer(authorize)
    return database


def authorize(action: int, first: str | None, second: str | None, database: str | None, inner: str | None) -> int:
    allowed = action in READING and not (action == sqlite3.SQLITE_FUNCTION and second in DENIED_FUNCTIONS)
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def table_of(database: sqlite3.Connection, query: str) -> dict[str, Any]:
    """Columns and rows of the one statement `query`. Raises `Failed`."""
    stop_at = time.process_time() + QUERY_CPU_SECONDS
    database.set_progress_handler(lambda: time.process_time() > stop_at, OPS_BETWEEN_CHECKS)
    try:
        cursor = database.execute(query)
        if cursor.description is None:
            raise Failed("no_query", "the statement gives no rows")
        return {"columns": len(cursor.description), "rows": bounded_rows(cursor)}
    except MemoryError:
        raise Failed("memory_limit", "out of memory") from None
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        raise Failed(kind_of(error), str(error)) from None


def bounded_rows(cursor: sqlite3.Cursor) -> list[list[Any]]:
    rows: list[list[Any]] = []
    table_bytes = 0
    for row in cursor:
        rows.append([{"blob": cell.hex()} if isinstance(cell, bytes) else cell for cell in row])
        table_bytes += CELL_BYTES * len(row) + sum(len(cell) for cell in row if isinstance(cell, (str, bytes)))
        if len(rows) > MAX_ROWS:
            raise Failed("row_limit", f"more than {MAX_ROWS:,} rows")
        if table_bytes > MAX_TABLE_BYTES:
            raise Failed("size_limit", f"more than {MAX_TABLE_BYTES:,} bytes")
    return rows


def kind_of(error: Exception) -> str:
    if "one statement at a time" in str(error):
        return "several_statements"
    if "not authorized" in str(error):
        return "denied"
    return ERRORS.get(getattr(error, "sqlite_errorname", ""), "sql_error")


if __name__ == "__main__":
    request = json.loads(sys.stdin.read())
    print(json.dumps(answer(request["schema"], request["query"])))
