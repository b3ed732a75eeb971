"""What partial credit is made of: likeness of tables, of statements, and the tags of published prompts."""

import pytest

from veriward.sandbox.execution import Isolation
from veriward.verifiers.sql.cells import cells_f1, qatch
from veriward.verifiers.sql.execution import Compared
from veriward.verifiers.sql.linking import bigram_likeness, schema_items, schema_likeness
from veriward.verifiers.sql.rewards import PRESETS, Preset
from veriward.verifiers.sql.tables import Cell, Failure, Table
from veriward.verifiers.sql.tagged import framed, tagged


def table(*rows: tuple[Cell, ...]) -> Table:
    return Table(len(rows[0]) if rows else 1, rows)


AB, CD = ("a", "b"), ("c", "d")

# QATCH's own examples (cell precision, cell recall, tuple cardinality), then the ends.
QATCH = {
    "the same table": (table(AB, CD), table(AB, CD), (1, 1, 1)),
    "one cell of four differs": (table(AB, CD), table(AB, ("c", "e")), (0.75, 0.75, 1)),
    "cells in rows of their own": (table(AB, CD), table(("a",), ("b",), ("c",), ("d",)), (1, 1, 0.5)),
    "a cell too often counts once": (table(AB, CD), table(("a", "a"), ("b", "b"), CD), (1, 1, 2 / 3)),
    "half of the rows": (table(AB, CD, CD, ("f", "g")), table(AB, (3, 2)), (0.5, 1 / 3, 0.5)),
    "no rows for some": (table(AB), table(), (0, 0, 0)),
    "some rows for none": (table(), table(AB), (0, 0, 0)),
    "no rows for none": (table(), table(), (1, 1, 1)),
    "NULL is a cell": (table((None,)), table((None,)), (1, 1, 1)),
}


@pytest.mark.parametrize(("gold", "told", "figures"), QATCH.values(), ids=QATCH.keys())
def test_qatch(gold: Table, told: Table, figures: tuple[float, float, float]) -> None:
    assert qatch(gold, told) == pytest.approx(figures)


CELLS = {
    "the same cells, wherever they stand": (table(AB, CD), table(("d", "c"), ("b", "a")), 1.0),
    "a lost duplicate": (table((1,), (1,)), table((1,)), 2 / 3),
    "an extra column": (table((1,)), table((1, 2)), 2 / 3),
    "whole floats are integers": (table((1,)), table((1.0,)), 1.0),
    "text is no number": (table((1,)), table(("1",)), 0.0),
    "both empty": (table(), table(), 1.0),
    "one empty": (table((1,)), table(), 0.0),
}


@pytest.mark.parametrize(("gold", "told", "score"), CELLS.values(), ids=CELLS.keys())
def test_cells_f1(gold: Table, told: Table, score: float) -> None:
    assert cells_f1(gold, told) == pytest.approx(score)


ITEMS = {
    "tables and columns, whatever their case": (
        'SELECT T."Name" FROM Player AS T',
        {("table", "player"), ("column", "name")},
    ),
    "a common table expression is no table": (
        "WITH old AS (SELECT id FROM player) SELECT id FROM old",
        {("table", "player"), ("column", "id")},
    ),
    "functions and texts are no names": ("SELECT count(*), 'x' FROM n", {("table", "n")}),
    "all columns are one": ("SELECT * FROM n", {("table", "n"), ("column", "*")}),
    "the columns of one table are all columns": ("SELECT n.* FROM n", {("table", "n"), ("column", "*")}),
    "constants name nothing": ("VALUES ('Ada')", set()),
}


@pytest.mark.parametrize(("statement", "items"), ITEMS.values(), ids=ITEMS.keys())
def test_the_schema_items_of_a_statement(statement: str, items: frozenset[object]) -> None:
    assert schema_items(statement) == frozenset(items)


UNREADABLE = {
    "not SQL": "SELECT FROM FROM",
    "nothing": "",
    "an open text": "SELECT 'x",
    "nested past all bounds": "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
}


@pytest.mark.parametrize("statement", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_statement_that_cannot_be_read_is_like_none(statement: str) -> None:
    assert schema_likeness("SELECT v FROM n", statement) == 0.0


def test_pairs_of_words() -> None:
    assert bigram_likeness("SELECT v FROM n", "select  v\nfrom n") == 1.0
    assert bigram_likeness("SELECT v FROM n", "SELECT w FROM n") == pytest.approx(1 / 5)
    assert bigram_likeness("SELECT v FROM n", "") == 0.0


BLOCK = "```sql\nSELECT 1\n```"
TAGGED = {
    "each tag once, in order": (f"<think>a</think><answer>{BLOCK}</answer>", ("a", BLOCK, "SELECT 1")),
    "the last block counts": (
        f"<think>a</think><answer>{BLOCK} or ```sql\nSELECT 2```</answer>",
        ("a", f"{BLOCK} or ```sql\nSELECT 2```", "SELECT 2"),
    ),
    "text around them": (f"so <think>a</think> then <answer>{BLOCK}</answer> done", ("a", BLOCK, "SELECT 1")),
    "no thinking": (f"<answer>{BLOCK}</answer>", None),
    "two answers": (f"<think></think><answer>{BLOCK}</answer><answer>{BLOCK}</answer>", None),
    "the answer first": (f"<answer>{BLOCK}</answer><think>a</think>", None),
    "the answer within the thinking": (f"<think><answer>{BLOCK}</answer></think>", None),
    "no block": ("<think>a</think><answer>SELECT 1</answer>", None),
    "an empty block": ("<think>a</think><answer>```sql\n```</answer>", None),
    "a block that never ends": ("<think>a</think><answer>```sql\nSELECT 1</answer>", None),
}


@pytest.mark.parametrize(("response", "parts"), TAGGED.values(), ids=TAGGED.keys())
def test_what_sql_r1_reads(response: str, parts: tuple[str, str, str] | None) -> None:
    assert tagged(response) == parts


FRAMED = {
    "thinking, then an answer": ("<think>a</think>\n<answer>b</answer>\n", True),
    "reasoning, then an answer": ("<reasoning>a</reasoning><answer>b</answer>", True),
    "tags in capitals": ("<THINK>a</THINK> <ANSWER>b</ANSWER>", True),
    "empty tags": ("<think></think><answer></answer>", True),
    "text before": ("so <think>a</think><answer>b</answer>", False),
    "text between": ("<think>a</think> so <answer>b</answer>", False),
    "text after": ("<think>a</think><answer>b</answer> done", False),
    "no thinking": ("<answer>b</answer>", False),
    "tags that do not match": ("<think>a</reasoning><answer>b</answer>", False),
    "an answer that never opens": ("<think>a</think></answer>", False),
    "nothing": ("", False),
}


@pytest.mark.parametrize(("response", "form"), FRAMED.values(), ids=FRAMED.keys())
def test_the_form_of_thinking_and_answer(response: str, form: bool) -> None:
    assert framed(response) is form


RIGHT, WRONG = table((1,), (2,)), table((3,), (4,))
RESPONSE = "<think>" + "a" * 5_000 + "</think><answer>```sql\nSELECT v FROM n\n```</answer>"


def compared(*told: Table, failure: Failure | None = None) -> Compared:
    gold = [RIGHT] * (len(told) + (failure is not None))
    return Compared(gold, list(told), [one == RIGHT for one in told], failure, Isolation("L3", ()))


@pytest.mark.parametrize("preset", list(PRESETS))
def test_no_wrong_query_is_paid_like_a_right_one(preset: Preset) -> None:
    """The right one without thinking worth paying for, the wrong ones in the best form, with the gold query's text."""
    rule = PRESETS[preset]
    gold_sql = "SELECT v FROM n"
    modest = "<think></think><answer>```sql\nSELECT v FROM n\n```</answer>"
    right = rule.grade(gold_sql, modest, gold_sql, compared(RIGHT)).reward
    for wrong in (compared(WRONG), compared(RIGHT, WRONG), compared(RIGHT, failure=Failure("sql_error", "x"))):
        assert rule.grade(gold_sql, RESPONSE, gold_sql, wrong).reward < right


def test_sql_r1_calls_rows_that_differ_before_a_failure_a_mismatch() -> None:
    parts = PRESETS["sql_r1"].grade("", RESPONSE, "", compared(WRONG, failure=Failure("sql_error", "x"))).parts
    assert parts == {"format": 1.0, "execution": 2.0, "result": -3.0, "length": 0.0}


def test_sql_r1_pays_length_up_to_its_limit() -> None:
    statement = "SELECT v FROM n"
    answer = f"```sql\n{statement}\n```"
    at_most = 0.5 + len(statement) / len(answer)
    for thinking, length in ((2_048, at_most), (2_049, at_most), (100_000, at_most), (0, at_most - 0.5 + 13 / 2_048)):
        response = f"<think>{'a' * thinking}</think><answer>{answer}</answer>"
        parts = PRESETS["sql_r1"].grade("", response, statement, compared(RIGHT)).parts
        assert parts["length"] == pytest.approx(length)
