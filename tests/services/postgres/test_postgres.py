"""Queries and scripts on a real PostgreSQL server, told apart from the operator's and from each other."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from veriward.verifiers.sql.engines import query_all
from veriward.verifiers.sql.execution import SqlTask, sql
from veriward.verifiers.sql.tables import Cell, Failure, State, Table, Truth
from veriward.wire.outcomes import Outcome

pytestmark = pytest.mark.services

SCRIPT = """
    CREATE TABLE n (v integer, w text);
    INSERT INTO n VALUES (3, 'c'), (1, 'a'), (2, NULL);
    CREATE VIEW few AS SELECT v FROM n WHERE v < 3;
    CREATE SCHEMA other;
    CREATE TABLE other.m (k numeric);
    INSERT INTO other.m VALUES (1.5);
"""
Keep = Callable[..., AbstractContextManager[Any]]


def result(databases: Any, query: str, script: str = SCRIPT, *, writable: bool = False) -> Any:
    (found,), isolation = query_all(databases, "postgres", (script,), query, writable)
    assert isolation.backend == "postgres"
    return found


CELLS: dict[str, tuple[str, tuple[Cell, ...]]] = {
    "numbers": ("SELECT 1, 2::bigint, 1.5::float8, 2::numeric, 2.50", (1, 2, 1.5, 2, 2.5)),
    "what is no number": ("SELECT 'Infinity'::float8, '-Infinity'::numeric", (float("inf"), float("-inf"))),
    "booleans are no numbers": ("SELECT true, 1 > 2", (Truth.TRUE, Truth.FALSE)),
    "text and NULL": ("SELECT 'é'::text, NULL, 'x'::char(3)", ("é", None, "x  ")),
    "bytes": (r"SELECT '\x00ff'::bytea", (b"\x00\xff",)),
    "times as text": (
        "SELECT date '2024-02-03', timestamptz '2024-02-03 04:05+01', interval '1 day'",
        ("2024-02-03", "2024-02-03 03:05:00+00", "1 day"),
    ),
    "arrays and JSON as text": ("""SELECT ARRAY[1,2], '{"a": 1}'::jsonb""", ("{1,2}", '{"a": 1}')),
    "a table of another schema": ("SELECT k FROM other.m", (1.5,)),
    "a view": ("SELECT count(*) FROM few", (2,)),
    "an aggregate": ("SELECT avg(v) FROM n", (2.0,)),
    "a semicolon and comments may follow": ("SELECT 1; -- done\n /* really */", (1,)),
}


@pytest.mark.parametrize(("query", "row"), CELLS.values(), ids=CELLS.keys())
def test_cells(databases: Any, query: str, row: tuple[Cell, ...]) -> None:
    assert result(databases, query) == Table(len(row), (row,))


def test_columns_are_counted_where_there_are_no_rows(databases: Any) -> None:
    assert result(databases, "SELECT v, w FROM n WHERE false") == Table(2, ())


def test_equal_queries_give_equal_rows_even_of_chance(databases: Any) -> None:
    first, second = (result(databases, "SELECT random() FROM n") for _ in range(2))
    assert first == second


REFUSED = {
    "two statements": ("SELECT 1; SELECT 2", "several_statements"),
    "nothing": ("", "no_query"),
    "a comment alone": ("-- SELECT 1", "no_query"),
    "a setting": ("SET work_mem = '1GB'", "no_query"),
    "a NUL": ("SELECT 1\0", "sql_error"),
    "a lone surrogate": ("SELECT '\ud800'", "sql_error"),
    "a syntax error": ("SELEC 1", "sql_error"),
    "an unknown column": ("SELECT nope FROM n", "sql_error"),
    "a parameter": ("SELECT $1", "sql_error"),
    "INSERT": ("INSERT INTO n VALUES (4, 'd')", "denied"),
    "INSERT behind WITH": ("WITH x AS (INSERT INTO n VALUES (4, 'd') RETURNING v) SELECT v FROM x", "denied"),
    "CREATE": ("CREATE TABLE u (a integer)", "denied"),
    "CREATE TEMP": ("CREATE TEMP TABLE u (a integer)", "denied"),
    "a row too many": ("SELECT generate_series(1, 50001)", "row_limit"),
    "a column too many": ("SELECT 1" + ", 1" * 100, "column_limit"),
    "too much text": ("SELECT repeat('x', 9000000)", "size_limit"),
    "too many digits": ("SELECT 10::numeric ^ 2000", "size_limit"),
}


@pytest.mark.parametrize(("query", "kind"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(databases: Any, query: str, kind: str) -> None:
    found = result(databases, query)
    assert isinstance(found, Failure)
    assert found.kind == kind, found


def test_a_script_is_judged_by_what_it_leaves(databases: Any) -> None:
    found = result(databases, "DELETE FROM n WHERE v > 1; CREATE TABLE z (a text); ALTER TABLE n DROP w", writable=True)
    assert found == State(
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
    "rows that a query gives": "SELECT 1; SELECT generate_series(1, 100000)",
    "settings of its role": "ALTER ROLE CURRENT_USER SET search_path = nowhere",
    "another password": "ALTER ROLE CURRENT_USER PASSWORD 'mine'",
}


@pytest.mark.parametrize("script", UNDONE.values(), ids=UNDONE.keys())
def test_what_leaves_nothing(databases: Any, script: str) -> None:
    assert result(databases, script, writable=True) == result(databases, "", writable=True)


SCRIPTS = {
    "a syntax error": ("CREATE TABLE (a);", "syntax error"),
    "an open transaction": ("BEGIN; CREATE TABLE t (a integer);", "leaves a transaction open"),
    "an extension": ("CREATE EXTENSION IF NOT EXISTS plperl", ""),
    "COPY from the client": ("CREATE TABLE t (a integer); COPY t FROM stdin;", "COPY has no place here"),
    "a file of the server": ("CREATE TABLE t (a text); COPY t FROM '/etc/passwd';", "COPY from a file"),
}


@pytest.mark.parametrize(("script", "message"), SCRIPTS.values(), ids=SCRIPTS.keys())
def test_a_broken_script_is_told_apart_from_a_broken_query(
    databases: Any, cluster: Any, script: str, message: str
) -> None:
    before = cluster.templates()
    found = result(databases, "SELECT 1", script)
    assert isinstance(found, Failure)
    assert (found.kind, message in found.message) == ("schema", True), found
    assert cluster.templates() == before
    assert cluster.leftovers() == []


def test_a_task_is_graded(databases: Any) -> None:
    task = SqlTask.model_validate({"engine": "postgres", "schema": [SCRIPT], "gold_sql": "SELECT v FROM n ORDER BY v"})
    assert sql("```sql\nTABLE few UNION ALL SELECT 3 ORDER BY 1\n```", task, databases).outcome is Outcome.CORRECT
    assert sql("```sql\nSELECT v FROM n ORDER BY v DESC\n```", task, databases).outcome is Outcome.WRONG


def test_a_template_is_built_once_and_the_least_recently_used_goes(cluster: Any, keep: Keep) -> None:
    scripts = [f"CREATE TABLE only_{number} (a integer)" for number in range(3)]
    with keep(templates=2) as databases:
        for script in scripts:
            assert isinstance(result(databases, "SELECT 1", script), Table)
            assert len(cluster.templates()) <= 2
        kept = cluster.templates()
        assert isinstance(result(databases, "SELECT 1", scripts[-1]), Table)
        assert cluster.templates() == kept


def test_what_a_killed_keeper_leaves_is_swept_up_by_the_next(cluster: Any, keep: Keep) -> None:
    with keep(seconds=60) as databases:
        from veriward.sandbox import frames
        from veriward.sandbox.execution import Execution

        request = b'{"schema": "", "query": "SELECT pg_sleep(60)", "writable": false}'
        frames.send(databases.sock, b"X", frames.pack_execution(Execution(code="", inputs=(request,))))
        while not cluster.ask("SELECT 1 FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND usename ~ '^veriward_r_'"):
            pass
        databases.process.kill()
        databases.process.wait()
    assert cluster.leftovers() != []
    with keep() as databases:
        while cluster.leftovers():
            result(databases, "SELECT 1")


def test_a_statement_is_called_off(cluster: Any, keep: Keep) -> None:
    with keep(seconds=60) as databases:
        from veriward.sandbox import frames
        from veriward.sandbox.execution import Execution

        request = b'{"schema": "", "query": "SELECT pg_sleep(60)", "writable": false}'
        frames.send(databases.sock, b"X", frames.pack_execution(Execution(code="", inputs=(request,))))
        while not cluster.ask("SELECT 1 FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND usename ~ '^veriward_r_'"):
            pass
        frames.send(databases.sock, b"C")
        assert frames.receive(databases.sock) == (b"D", b"")
        assert cluster.leftovers() == []
        assert isinstance(result(databases, "SELECT 1"), Table)
