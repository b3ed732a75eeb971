"""The driver gives rows with SQLite's types apart, and stops everything else; run here as a program under rlimits."""

import json
import resource
import subprocess
import sys
from typing import Any

import pytest

from veriward.verifiers.sql import replies, sqlite_driver

SCHEMA = """
    CREATE TABLE t (a INTEGER, b TEXT, c REAL);
    INSERT INTO t VALUES (1, 'x', 1.5), (2, NULL, 2.0), (3, x'00ff', 9e999);
    CREATE VIEW v AS SELECT upper(b) AS b FROM t;
"""
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))


def told(query: str, schema: str = SCHEMA, *, writable: bool = False) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-I", sqlite_driver.__file__],
        input=json.dumps({"schema": schema, "query": query, "writable": writable}).encode(),
        capture_output=True,
        timeout=30,
        preexec_fn=limit,
        check=True,
    )
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


ROWS: dict[str, tuple[str, list[list[Any]]]] = {
    "types stay apart": (
        "SELECT * FROM t",
        [[1, "x", 1.5], [2, None, 2.0], [3, {"blob": "00ff"}, float("inf")]],
    ),
    "a semicolon and comments may follow": ("SELECT 1; -- done\n /* really */", [[1]]),
    "WITH is reading": ("WITH x AS (SELECT 1) SELECT * FROM x", [[1]]),
    "recursion that ends is reading": (ENDLESS + "SELECT x FROM c LIMIT 3", [[1], [2], [3]]),
    "VALUES is reading": ("VALUES (1), (2)", [[1], [2]]),
    "views are read": ("SELECT b FROM v LIMIT 1", [["X"]]),
    "window functions are read": ("SELECT sum(a) OVER () FROM t LIMIT 1", [[6]]),
    "JSON tables are read": ("SELECT value FROM json_each('[1,2]')", [[1], [2]]),
    "text that is not UTF-8 comes through": ("SELECT CAST(x'61ff' AS TEXT)", [["a\udcff"]]),
    "an integer of 64 bits is exact": ("SELECT 9223372036854775807", [[9223372036854775807]]),
    "no rows are rows": ("SELECT a FROM t WHERE 0", []),
}


@pytest.mark.parametrize(("query", "rows"), ROWS.values(), ids=ROWS.keys())
def test_rows(query: str, rows: list[list[Any]]) -> None:
    assert told(query)["rows"] == rows


def test_a_whole_float_stays_a_float() -> None:
    (cell,) = told("SELECT 2.0")["rows"][0]
    assert type(cell) is float


def test_columns_are_counted_where_there_are_no_rows() -> None:
    assert told("SELECT a, b FROM t WHERE 0")["columns"] == 2


REFUSED = {
    "two statements": ("SELECT 1; SELECT 2", "several_statements"),
    "nothing": ("", "no_query"),
    "a comment alone": ("-- SELECT 1", "no_query"),
    "a NUL": ("SELECT 1\0", "sql_error"),
    "a syntax error": ("SELEC 1", "sql_error"),
    "an unknown column": ("SELECT nope FROM t", "sql_error"),
    "a parameter": ("SELECT ?", "sql_error"),
    "ATTACH": ("ATTACH DATABASE '/tmp/x' AS x", "denied"),
    "DETACH": ("DETACH DATABASE main", "denied"),
    "VACUUM INTO": ("VACUUM INTO '/tmp/x'", "denied"),
    "PRAGMA": ("PRAGMA query_only = OFF", "denied"),
    "a pragma as a table": ("SELECT * FROM pragma_table_info('t')", "denied"),
    "INSERT": ("INSERT INTO t VALUES (1, 2, 3)", "denied"),
    "INSERT behind WITH": ("WITH x AS (SELECT 1) INSERT INTO t SELECT 1, 2, 3 FROM x", "denied"),
    "UPDATE": ("UPDATE t SET a = 1", "denied"),
    "DELETE": ("DELETE FROM t", "denied"),
    "DROP": ("DROP TABLE t", "denied"),
    "CREATE": ("CREATE TABLE u (a)", "denied"),
    "CREATE TEMP": ("CREATE TEMP TABLE u AS SELECT 1", "denied"),
    "BEGIN": ("BEGIN", "denied"),
    "ANALYZE": ("ANALYZE", "denied"),
    "writing the schema": ("UPDATE sqlite_master SET sql = ''", "sql_error"),
    "load_extension": ("SELECT load_extension('x')", "denied"),
    "fts3_tokenizer": ("SELECT fts3_tokenizer('simple')", "denied"),
    "readfile": ("SELECT readfile('/etc/passwd')", "sql_error"),
    "random": ("SELECT random()", "denied"),
    "randomblob in a condition": ("SELECT 1 FROM t WHERE length(RandomBlob(1)) = 1", "denied"),
    "a blob of a gigabyte": ("SELECT zeroblob(999999999)", "size_limit"),
    "a text that doubles": (
        "WITH RECURSIVE c(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM c LIMIT 60) SELECT max(x) FROM c",
        "size_limit",
    ),
    "endless work": (ENDLESS + "SELECT count(*) FROM c", "time_limit"),
    "a row too many": (ENDLESS + f"SELECT x FROM c LIMIT {replies.MAX_ROWS + 1}", "row_limit"),
    "a column too many": ("SELECT 1" + ", 1" * replies.MAX_COLUMNS, "sql_error"),
    "too much text over all cells": (ENDLESS + "SELECT hex(zeroblob(200000)) FROM c LIMIT 25", "size_limit"),
    "too many cells": (ENDLESS + f"SELECT x{', x' * 19} FROM c LIMIT 30000", "size_limit"),
    "a pattern too complex": (f"SELECT 'a' LIKE '{'%a' * 251}'", "sql_error"),
    "an expression too deep": (f"SELECT {'(' * 9000}1{')' * 9000}", "sql_error"),
    "sorting more than the heap holds": (
        ENDLESS + "SELECT x FROM (SELECT x FROM c LIMIT 400) ORDER BY hex(zeroblob(400000 + x))",
        "memory_limit",
    ),
}


@pytest.mark.parametrize(("query", "kind"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(query: str, kind: str) -> None:
    assert told(query)["error"] == kind


SCRIPTS = {
    "a syntax error": "CREATE TABLE (a);",
    "attaching a file": "ATTACH DATABASE '/tmp/x' AS x;",
    "a lone surrogate": "CREATE TABLE t (a); INSERT INTO t VALUES ('\ud800');",
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_a_broken_script_is_told_apart_from_a_broken_query(script: str) -> None:
    assert told("SELECT 1", script)["error"] == "schema"


ROWS_OF_T: list[list[Any]] = [[1, "x", 1.5], [2, None, 2.0], [3, {"blob": "00ff"}, float("inf")]]
VIEW: list[Any] = ["view", "v", ["b"]]
LEFT: dict[str, tuple[str, list[list[Any]]]] = {
    "nothing done": ("", ROWS_OF_T),
    "a row inserted": ("INSERT INTO t VALUES (4, 'y', 0)", [*ROWS_OF_T, [4, "y", 0.0]]),
    "several statements": ("DELETE FROM t WHERE a > 1; UPDATE t SET a = a + 10;", [[11, "x", 1.5]]),
    "a transaction that is committed": ("BEGIN; DELETE FROM t WHERE a > 1; COMMIT", [[1, "x", 1.5]]),
    "a transaction left open is undone": ("BEGIN; DELETE FROM t", ROWS_OF_T),
    "rows that a query gives are no change": ("SELECT 1; SELECT 2", ROWS_OF_T),
    "a temporary table is no part of it": ("CREATE TEMP TABLE t AS SELECT 1", ROWS_OF_T),
}


@pytest.mark.parametrize(("script", "rows"), LEFT.values(), ids=LEFT.keys())
def test_what_a_script_leaves(script: str, rows: list[list[Any]]) -> None:
    table, *_ = told(script, writable=True)["state"]
    assert table == ["table", "t", ["a", "b", "c"], rows]


def test_a_state_is_of_tables_and_views_by_name() -> None:
    script = (
        'CREATE TABLE "S" (Z); CREATE INDEX i ON t (a); CREATE TRIGGER g AFTER INSERT ON "S" BEGIN DELETE FROM t; END'
    )
    state = told(script + "; INSERT INTO s VALUES (7)", writable=True)["state"]
    assert [table[:3] for table in state] == [["table", "s", ["z"]], ["table", "t", ["a", "b", "c"]], VIEW]
    assert [table[3] for table in state] == [[[7]], [], []]


REFUSED_SCRIPTS = {
    "ATTACH": ("ATTACH DATABASE '/tmp/x' AS x", "denied"),
    "VACUUM INTO": ("VACUUM INTO '/tmp/x'", "denied"),
    "PRAGMA": ("PRAGMA hard_heap_limit = 0", "denied"),
    "a virtual table": ("CREATE VIRTUAL TABLE f USING fts5(a)", "denied"),
    "load_extension": ("SELECT load_extension('x')", "denied"),
    "random": ("UPDATE t SET a = random()", "denied"),
    "writing the schema": ("UPDATE sqlite_master SET sql = ''", "sql_error"),
    "a failing statement after a good one": ("DELETE FROM t; SELECT nope", "sql_error"),
    "endless rows": ("INSERT INTO t " + ENDLESS + "SELECT x, hex(zeroblob(9999)), 0 FROM c", "memory_limit"),
    "endless work": (ENDLESS + "SELECT count(*) FROM c", "time_limit"),
    "a view without end, seen only when it is read": (
        f"CREATE VIEW w AS {ENDLESS} SELECT count(*) FROM c",
        "time_limit",
    ),
    "a view past the row limit": (
        f"CREATE VIEW w AS {ENDLESS} SELECT x FROM c LIMIT {replies.MAX_ROWS}",
        "row_limit",
    ),
    "a table too many": (
        ";".join(f"CREATE TABLE n{number} (a)" for number in range(replies.MAX_TABLES)),
        "table_limit",
    ),
}


@pytest.mark.parametrize(("script", "kind"), REFUSED_SCRIPTS.values(), ids=REFUSED_SCRIPTS.keys())
def test_scripts_refused(script: str, kind: str) -> None:
    assert told(script, writable=True)["error"] == kind
