"""Runs one query or script on a private DuckDB database: the program that goes into the sandbox child.

The child's profile has DuckDB; beside it, `replies.py`. stdin is one JSON object {"schema", "query", "writable"};
stdout is a reply. DuckDB can reach files, the network, extensions and Python's variables: each is closed here before
the first statement, and the configuration locked before the query. It has no clock of its own that holds: the CPU limit
of the sandbox ends what takes too long.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from veriward.verifiers.sql.replies import Failed, Reply, Rows, quoted, require_columns, require_tables

if TYPE_CHECKING or __name__ == "__main__":  # whoever looks for verifiers imports this too, and may not have it
    import duckdb

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    # One thread, which the child may not exceed: equal queries give their rows in equal order.
    "threads": 1,
    "async_threads": 0,
    "memory_limit": "256MB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "python_enable_replacements": False,
}
# In this order, for the last leaves nobody the first two to change.
CLOSING = (
    "SET TimeZone = 'UTC'",
    "SET temp_directory = ''",
    "SET max_temp_directory_size = '0KB'",
    "SET enable_external_access = false",
)
ROWS_AT_ONCE = 1_000

READING = {"SELECT", "MULTI"}  # MULTI: PIVOT, which makes a type for itself first
WRITING = READING | {"ALTER", "CREATE", "DELETE", "DROP", "INSERT", "MERGE_INTO", "TRANSACTION", "UPDATE"}

_TABLES = """
    SELECT 'table', schema_name, table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary
    UNION ALL SELECT 'view', schema_name, view_name FROM duckdb_views() WHERE NOT internal AND NOT temporary
    ORDER BY ALL
"""


def answer(schema: str, query: str, writable: bool) -> Reply:
    """What the driver prints."""
    try:
        database = build(schema)
    except (duckdb.Error, RuntimeError, ValueError) as error:
        return Failed("schema", message_of(error)).reply()
    try:
        return state_after(database, query) if writable else table_of(database, query)
    except Failed as failed:
        return failed.reply()
    except (duckdb.OutOfMemoryException, MemoryError):
        return Failed("memory_limit", "out of memory").reply()
    except (duckdb.Error, RuntimeError, ValueError, OverflowError) as error:
        return Failed(kind_of(error), message_of(error)).reply()


def build(schema: str) -> "duckdb.DuckDBPyConnection":
    """A database made by the script `schema`, its configuration locked."""
    database = duckdb.connect(":memory:", config=CONFIG)
    for statement in CLOSING:
        database.execute(statement)
    database.execute(schema)
    database.execute("SET lock_configuration = true")
    database.execute("SELECT setseed(0)")  # equal queries give equal rows
    return database


def table_of(database: "duckdb.DuckDBPyConnection", query: str) -> Reply:
    """Columns and rows of the one statement `query`. Raises `Failed`."""
    statements = allowed(database, query, READING)
    if len(statements) > 1:
        raise Failed("several_statements", f"{len(statements)} statements, where one is asked for")
    if not statements:
        raise Failed("no_query", "there is no statement")
    database.execute("BEGIN TRANSACTION READ ONLY")
    columns, rows = rows_of(database, statements[0], Rows())
    return {"columns": len(columns), "rows": rows}


def state_after(database: "duckdb.DuckDBPyConnection", script: str) -> Reply:
    """All tables and views, once the script has run and what it has not committed is undone."""
    for statement in allowed(database, script, WRITING):
        database.execute(statement)
    with suppress(duckdb.TransactionException):  # there is none
        database.rollback()
    database.execute("BEGIN TRANSACTION READ ONLY")
    found = database.execute(_TABLES).fetchall()
    require_tables(len(found))
    rows = Rows()
    state = []
    for kind, schema, name in found:
        columns, gathered = rows_of(database, f"SELECT * FROM {quoted(schema, name)}", rows)
        shown = name if schema == "main" else f"{schema}.{name}"
        state.append([kind, shown.lower(), [column.lower() for column in columns], gathered])
    return {"state": state}


def allowed(database: "duckdb.DuckDBPyConnection", text: str, types: set[str]) -> "list[duckdb.Statement]":
    if "\0" in text:
        raise Failed("sql_error", "a NUL")
    statements = database.extract_statements(text)
    for statement in statements:
        if statement.type.name not in types:
            raise Failed("denied", f"{statement.type.name} is not allowed here")
    return statements


def rows_of(
    database: "duckdb.DuckDBPyConnection", statement: "duckdb.Statement | str", rows: Rows
) -> tuple[list[str], list[list[Any]]]:
    cursor = database.execute(statement)
    columns = [column[0] for column in cursor.description or ()]
    require_columns(len(columns))

    def read() -> Iterator[list[Any]]:
        while batch := cursor.fetchmany(ROWS_AT_ONCE):
            for row in batch:
                yield [plain(cell) for cell in row]

    return columns, rows.gather(read())


def plain(cell: Any) -> Any:
    """Numbers, booleans, blobs and text as themselves; any other type, and what is nested, as Python writes it."""
    if cell is None or isinstance(cell, (bool, int, float, str)):
        return cell
    if isinstance(cell, (bytes, bytearray, memoryview)):
        return bytes(cell)
    if isinstance(cell, Decimal):
        return int(cell) if cell.as_tuple().exponent == 0 else float(cell)
    return str(cell)


def kind_of(error: Exception) -> str:
    if isinstance(error, duckdb.PermissionException) or "read-only mode" in str(error):
        return "denied"
    return "denied" if "configuration has been locked" in str(error) else "sql_error"


def message_of(error: Exception) -> str:
    """Without the query, which DuckDB repeats below with an arrow under the place."""
    return str(error).partition("\n\n")[0]


if __name__ == "__main__":
    print(json.dumps(answer(**json.loads(sys.stdin.read()))))
