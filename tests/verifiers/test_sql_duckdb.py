"""Queries and scripts on DuckDB, in a sandbox child of the profile that has it."""

import pytest

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.sql import replies
from veriward.verifiers.sql.engines import query_all
from veriward.verifiers.sql.execution import SqlTask, sql
from veriward.verifiers.sql.tables import Cell, Failure, Result, State, Table, Truth
from veriward.wire.outcomes import Outcome

pytest.importorskip("duckdb")
pytestmark = pytest.mark.sandbox

SCRIPT = """
    CREATE TABLE n (v INTEGER, w VARCHAR);
    INSERT INTO n VALUES (3, 'c'), (1, 'a'), (2, NULL);
    CREATE VIEW few AS SELECT v FROM n WHERE v < 3;
    CREATE SCHEMA other;
    CREATE TABLE other.m AS SELECT 1.5 AS k;
"""


def result(sandbox: Sandbox, query: str, script: str = SCRIPT, *, writable: bool = False) -> Result:
    (found,), _ = query_all(sandbox, "duckdb", (script,), query, writable)
    return found


CELLS: dict[str, tuple[str, tuple[Cell, ...]]] = {
    "numbers": (
        "SELECT 1, 2::HUGEINT * 1000000000000000000000, 1.5::DOUBLE, 2::DECIMAL(9, 0), 2.50",
        (1, 2 * 10**21, 1.5, 2, 2.5),
    ),
    "booleans are no numbers": ("SELECT true, 1 > 2", (Truth.TRUE, Truth.FALSE)),
    "text and NULL": ("SELECT 'é', NULL", ("é", None)),
    "bytes": (r"SELECT '\x00\xFF'::BLOB", (b"\x00\xff",)),
    "times as text": (
        "SELECT DATE '2024-02-03', TIMESTAMPTZ '2024-02-03 04:05:00+01'",
        ("2024-02-03", "2024-02-03 03:05:00+00:00"),
    ),
    "lists as text": ("SELECT [1, 2]", ("[1, 2]",)),
    "a table of another schema": ("SELECT k FROM other.m", (1.5,)),
    "a view, FROM first": ("FROM few SELECT count(*)", (2,)),
    "PIVOT": ("PIVOT (SELECT 1 AS a, 2 AS b) ON a USING sum(b)", (2,)),
    "a semicolon and comments may follow": ("SELECT 1; -- done\n /* really */", (1,)),
}


@pytest.mark.parametrize(("query", "row"), CELLS.values(), ids=CELLS.keys())
def test_cells(sandbox: Sandbox, query: str, row: tuple[Cell, ...]) -> None:
    assert result(sandbox, query) == Table(len(row), (row,))


def test_what_is_no_number_is_itself(sandbox: Sandbox) -> None:
    assert result(sandbox, "SELECT 'nan'::DOUBLE") == result(sandbox, "SELECT 'nan'::DOUBLE")


def test_columns_are_counted_where_there_are_no_rows(sandbox: Sandbox) -> None:
    assert result(sandbox, "SELECT v, w FROM n WHERE false") == Table(2, ())


def test_equal_queries_give_equal_rows_even_of_chance(sandbox: Sandbox) -> None:
    first, second = (result(sandbox, "SELECT random(), uuid() FROM n") for _ in range(2))
    assert first == second


REFUSED = {
    "two statements": ("SELECT 1; SELECT 2", "several_statements"),
    "nothing": ("", "no_query"),
    "a comment alone": ("-- SELECT 1", "no_query"),
    "a NUL": ("SELECT 1\0", "sql_error"),
    "a syntax error": ("SELEC 1", "sql_error"),
    "an unknown column": ("SELECT nope FROM n", "sql_error"),
    "a parameter": ("SELECT ?", "sql_error"),
    "INSERT": ("INSERT INTO n VALUES (4, 'd')", "denied"),
    "INSERT behind WITH": ("WITH x AS (INSERT INTO n VALUES (4, 'd') RETURNING v) SELECT v FROM x", "denied"),
    "CREATE": ("CREATE TABLE u (a INTEGER)", "denied"),
    "EXPLAIN": ("EXPLAIN SELECT 1", "denied"),
    "a row too many": (f"FROM range({replies.MAX_ROWS + 1})", "row_limit"),
    "a column too many": ("SELECT 1" + ", 1" * replies.MAX_COLUMNS, "column_limit"),
    "too much text": ("SELECT repeat('x', 9000000)", "size_limit"),
}


@pytest.mark.parametrize(("query", "kind"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(sandbox: Sandbox, query: str, kind: str) -> None:
    found = result(sandbox, query)
    assert isinstance(found, Failure)
    assert found.kind == kind, found


def test_a_script_is_judged_by_what_it_leaves(sandbox: Sandbox) -> None:
    script = 'DELETE FROM n WHERE v > 1; CREATE TABLE "Z" (A TEXT); ALTER TABLE n DROP w'
    assert result(sandbox, script, writable=True) == State(
        {
            ("table", "n", "v"): Table(1, ((1,),)),
            ("table", "other.m", "k"): Table(1, ((1.5,),)),
            ("table", "z", "a"): Table(1, ()),
            ("view", "few", "v"): Table(1, ((1,),)),
        }
    )


UNDONE = {
    "a transaction left open": "BEGIN; DELETE FROM n",
    "a temporary table": "CREATE TEMP TABLE u AS SELECT 1",
    "rows that a query gives": "SELECT 1; FROM range(100000)",
}


@pytest.mark.parametrize("script", UNDONE.values(), ids=UNDONE.keys())
def test_what_leaves_nothing(sandbox: Sandbox, script: str) -> None:
    assert result(sandbox, script, writable=True) == result(sandbox, "", writable=True)


SCRIPTS = {
    "a syntax error": "CREATE TABLE (a);",
    "a file": "CREATE TABLE t AS FROM read_csv('/etc/passwd')",
    "an extension": "INSTALL httpfs; LOAD httpfs",
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_a_broken_script_is_told_apart_from_a_broken_query(sandbox: Sandbox, script: str) -> None:
    found = result(sandbox, "SELECT 1", script)
    assert isinstance(found, Failure)
    assert found.kind == "schema"


def test_a_task_is_graded(sandbox: Sandbox) -> None:
    task = SqlTask.model_validate({"engine": "duckdb", "schema": [SCRIPT], "gold_sql": "SELECT v FROM n ORDER BY v"})
    right = sql("```sql\nFROM n SELECT v ORDER BY ALL\n```", task, sandbox)
    assert (right.outcome, right.metrics) == (Outcome.CORRECT, {"rows": 3.0, "variants_matched": 1.0})
    assert sql("```sql\nFROM n SELECT v ORDER BY ALL DESC\n```", task, sandbox).outcome is Outcome.WRONG
