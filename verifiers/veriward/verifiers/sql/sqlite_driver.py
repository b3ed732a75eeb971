"""Runs one query or script on a private SQLite database: the program that goes into the sandbox child.

Standard library and `replies.py` only, for it runs there as `__main__`. stdin is one JSON object {"schema", "query",
"writable"}; stdout is a reply. Every number of SQLite's is one of Python's.

The guards bound what honest mistakes and hostile queries cost inside the child. A long call within SQLite (LIKE,
printf) escapes the progress handler, so the limits of the sandbox are the real bound.
"""

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable

from veriward.verifiers.sql.replies import MAX_COLUMNS, Failed, Reply, Rows, quoted, require_tables

MIB = 1 << 20
QUERY_CPU_SECONDS = 2.0  # a database of at most 2 MB of script answers honest queries in milliseconds
HEAP_BYTES = 128 * MIB
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
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 100,
}

READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
NEVER = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_CREATE_VTABLE}
# The first five reach outside the database; the next three make equal queries give unequal rows.
DENIED_FUNCTIONS = {
    *("load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"),
    *("random", "randomblob", "sqlite_offset"),
}
# What these give depends on the changes that made the database, so a query has no honest use for them.
COUNTING_CHANGES = {"changes", "total_changes", "last_insert_rowid"}

ERRORS = {
    "SQLITE_AUTH": "denied",
    "SQLITE_READONLY": "denied",
    "SQLITE_INTERRUPT": "time_limit",
    "SQLITE_NOMEM": "memory_limit",
    "SQLITE_TOOBIG": "size_limit",
}

Authorizer = Callable[[int, str | None, str | None, str | None, str | None], int]


def answer(schema: str, query: str, writable: bool = False) -> Reply:
    """What the driver prints."""
    try:
        database = build(schema)
    except (sqlite3.Error, sqlite3.Warning, MemoryError, ValueError) as error:
        return Failed("schema", str(error)).reply()
    stop_at = time.process_time() + QUERY_CPU_SECONDS
    database.set_progress_handler(lambda: time.process_time() > stop_at, OPS_BETWEEN_CHECKS)
    try:
        return state_after(database, query) if writable else table_of(database, query)
    except Failed as failed:
        return failed.reply()
    except MemoryError:
        return Failed("memory_limit", "out of memory").reply()
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        return Failed(kind_of(error), str(error)).reply()
    finally:
        database.close()


def build(schema: str) -> sqlite3.Connection:
    """A database made by the script `schema`, bounded from then on."""
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
    for category, bound in LIMITS.items():
        database.setlimit(category, bound)
    return database


def table_of(database: sqlite3.Connection, query: str) -> Reply:
    """Columns and rows of the one statement `query`. Raises `Failed`."""
    close_to_all_but_reading(database)
    cursor = database.execute(query)
    if cursor.description is None:
        raise Failed("no_query", "the statement gives no rows")
    return {"columns": len(cursor.description), "rows": Rows().gather(cursor)}


def state_after(database: sqlite3.Connection, script: str) -> Reply:
    """All tables and views, once the script has run and what it has not committed is undone."""
    database.set_authorizer(authorizer(lambda action: action not in NEVER, DENIED_FUNCTIONS))
    database.executescript(script)
    if database.in_transaction:
        database.rollback()
    close_to_all_but_reading(database)
    found = database.execute(
        "SELECT type, name FROM main.sqlite_master WHERE type IN ('table', 'view') "
        "AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY lower(name)"
    ).fetchall()
    require_tables(len(found))
    rows = Rows()
    state = []
    for kind, name in found:
        cursor = database.execute(f"SELECT * FROM {quoted('main', name)}")
        columns = [column[0].lower() for column in cursor.description]
        state.append([kind, name.lower(), columns, rows.gather(cursor)])
    return {"state": state}


def close_to_all_but_reading(database: sqlite3.Connection) -> None:
    database.set_authorizer(None)
    database.execute("PRAGMA query_only = ON")
    database.set_authorizer(authorizer(READING.__contains__, DENIED_FUNCTIONS | COUNTING_CHANGES))


def authorizer(allowed: Callable[[int], bool], denied_functions: Iterable[str]) -> Authorizer:
    denied = frozenset(denied_functions)

    def authorize(action: int, first: str | None, second: str | None, database: str | None, inner: str | None) -> int:
        is_denied = not allowed(action) or (action == sqlite3.SQLITE_FUNCTION and second in denied)
        return sqlite3.SQLITE_DENY if is_denied else sqlite3.SQLITE_OK

    return authorize


def kind_of(error: Exception) -> str:
    if "one statement at a time" in str(error):
        return "several_statements"
    if "not authorized" in str(error):
        return "denied"
    return ERRORS.get(getattr(error, "sqlite_errorname", ""), "sql_error")


if __name__ == "__main__":
    print(json.dumps(answer(**json.loads(sys.stdin.read()))))
