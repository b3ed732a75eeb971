"""The program that keeps an episode's database: it is run in the episode's own interpreter, in the sandbox."""

QUERY_SECONDS = 5.0  # of CPU, after which a statement is stopped; the interpreter could not stop it itself
MAX_CELL_CHARS = 200
_STEPS = 10_000  # of SQLite's machine between two looks at the clock

_OPENING = """
import sqlite3 as _sqlite3, time as _time
_database = _sqlite3.connect(":memory:", isolation_level=None)
with open("database.sql") as _file:
    _database.executescript(_file.read())
_until = 0.0
_database.set_progress_handler(lambda: _time.process_time() > _until, STEPS)

def _cell(value):
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return "x'" + value[:64].hex() + "'"
    return str(value)[:CHARS]

def _query(text, most):
    global _until
    _until = _time.process_time() + SECONDS
    try:
        cursor = _database.execute(text)
        if cursor.description is None:
            return str(max(0, cursor.rowcount)) + " rows were changed"
        rows = cursor.fetchmany(most + 1)
    except (_sqlite3.Error, _sqlite3.Warning, OverflowError, ValueError) as fault:
        raise RuntimeError(str(fault)[:500]) from None
    names = [column[0] for column in cursor.description]
    lines = [" | ".join(names)] + [" | ".join(map(_cell, row)) for row in rows[:most]]
    lines.append(f"({len(rows)} rows)" if len(rows) <= most else f"(the first {most} rows; there are more)")
    return chr(10).join(lines)
"""

LIST_TABLES = "select name, type from sqlite_master where type in ('table', 'view') order by name"


def opening() -> str:
    """Builds the database from the file `database.sql`."""
    known = {"STEPS": _STEPS, "CHARS": MAX_CELL_CHARS, "SECONDS": QUERY_SECONDS}
    text = _OPENING
    for name, value in known.items():
        text = text.replace(name, str(value))
    return text


def query(text: str, most_rows: int) -> str:
    return f"print(_query({text!r}, {most_rows}))"


def describe(table: str) -> str:
    quoted = table.replace("'", "''")
    return f"select name, type, pk, \"notnull\" from pragma_table_info('{quoted}')"
