"""What is taken for the statement, whether its order counts, and what Spider's test suite makes of it."""

import pytest

from veriward.verifiers import InvalidTask
from veriward.verifiers.sql.statement import as_spider_runs_it, orders_rows, statement_of

STATEMENTS: dict[str, tuple[str, str | None]] = {
    "the last sql block": ("```sql\nSELECT 1\n```\n```sql\nSELECT 2\n```", "SELECT 2"),
    "an sqlite block": ("```sqlite\nSELECT 1\n```", "SELECT 1"),
    "an SQL block before a block of output": ("```SQL\nSELECT 1\n```\n```text\n1\n```", "SELECT 1"),
    "the last block of any language": ("```\nSELECT 1\n```", "SELECT 1"),
    "an answer without a block": ("<answer>\nSELECT 1\n</answer>", "SELECT 1"),
    "a block after the answer does not count": ("<answer>SELECT 1</answer>\n```sql\nSELECT 2\n```", "SELECT 1"),
    "an empty answer is none, whatever stands before it": ("```sql\nSELECT 2\n```\n<answer></answer>", None),
    "a block in the thinking does not count": ("<think>\n```sql\nSELECT 2\n```\n</think>\nI don't know.", None),
    "the last bare query": ("SELECT 1;\nno, rather\nselect 2; as above", "select 2"),
    "a bare query up to the blank line": ("SELECT a\nFROM t\n\nwhich gives all.", "SELECT a\nFROM t"),
    "bare WITH needs AS": ("With this in mind we are done.", None),
    "bare WITH with columns": ("WITH x(a) AS (SELECT 1) SELECT a FROM x", "WITH x(a) AS (SELECT 1) SELECT a FROM x"),
    "a word that begins like SELECT": ("SELECTED rows are many.", None),
}


@pytest.mark.parametrize(("response", "statement"), STATEMENTS.values(), ids=STATEMENTS.keys())
def test_statement_of(response: str, statement: str | None) -> None:
    assert statement_of(response) == statement


ORDERS = {
    "at the end": ("SELECT a FROM t ORDER BY a", True),
    "over two lines": ("select a from t order\n  by a limit 3", True),
    "after a subquery": ("SELECT a FROM (SELECT a FROM t) ORDER BY a", True),
    "of a compound": ("SELECT 1 UNION SELECT 2 ORDER BY 1", True),
    "none": ("SELECT a FROM t", False),
    "in a subquery": ("SELECT a FROM (SELECT a FROM t ORDER BY a LIMIT 3)", False),
    "in a window": ("SELECT row_number() OVER (ORDER BY a) FROM t", False),
    "in WITH": ("WITH x AS (SELECT a FROM t ORDER BY a LIMIT 1) SELECT a FROM x", False),
    "in a text": ("SELECT ' ORDER BY a' FROM t", False),
    "in a comment": ("SELECT a FROM t -- ORDER BY a", False),
    "in a name": ('SELECT a AS "order by" FROM t', False),
}


@pytest.mark.parametrize(("query", "counts"), ORDERS.values(), ids=ORDERS.keys())
def test_orders_rows(query: str, counts: bool) -> None:
    assert orders_rows(query) is counts


def test_an_order_that_cannot_be_seen_must_be_told() -> None:
    with pytest.raises(InvalidTask) as refused:
        orders_rows("SELECT 'a")
    assert refused.value.field == "ordered"


SPIDER = {
    "split comparisons are joined": (
        "SELECT a FROM t WHERE a > = 1 AND b ! = 2",
        "SELECT a FROM t WHERE a >= 1 AND b != 2",
    ),
    "the current year is 2020": ("SELECT Year( CurDate() ) - 1", "SELECT 2020- 1"),
    "every DISTINCT goes": ("SELECT DISTINCT a, count(distinct b)", "SELECT  a, count( b)"),
    "IS NOT DISTINCT FROM is spoilt, as published": ("a IS NOT DISTINCT FROM b", "a IS NOT  FROM b"),
    "DISTINCT in a text stays": ("SELECT 'DISTINCT', \"distinct\"", "SELECT 'DISTINCT', \"distinct\""),
    "what can't be read stays": ("SELECT DISTINCT 'a", "SELECT DISTINCT 'a"),
}


@pytest.mark.parametrize(("query", "run"), SPIDER.values(), ids=SPIDER.keys())
def test_as_spider_runs_it(query: str, run: str) -> None:
    assert as_spider_runs_it(query) == run


@pytest.mark.parametrize(
    "piece", ["SELECT ", "\nSELECT", "\nWITH x (", "WITH\n", "```sql\n", "<answer>", ";\n\n", "\n "]
)
def test_a_million_characters_of_anything_are_searched(piece: str) -> None:
    statement_of(piece * (1_000_000 // len(piece)))
