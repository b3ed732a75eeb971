"""How a query that ran, or did not, is paid: our partial credit, and four published rewards (see `partial.py`)."""

import re
from collections.abc import Callable
from typing import Literal, NamedTuple

from veriward.verifiers.sql.cells import cells_f1, qatch
from veriward.verifiers.sql.execution import Compared
from veriward.verifiers.sql.linking import bigram_likeness, schema_likeness
from veriward.verifiers.sql.statement import statement_of
from veriward.verifiers.sql.tagged import Tagged, framed, tagged

CLOSE = 0.5  # what a wrong query may earn at most where no preset is asked for
EXECUTABLE = 0.1  # Arctic's and Think2SQL's pay for a query that runs
LENGTH_LIMIT_CHARS = 2_048  # of SQL-R1's thinking and answer together

Preset = Literal["sql_r1", "reasoning_sql", "think2sql", "arctic"]


class Graded(NamedTuple):
    """`parts` are named as published; `right` is what the rule itself calls right."""

    reward: float
    parts: dict[str, float]
    right: bool
    close: bool = False


class Rule(NamedTuple):
    """A reward: the comparison it was published with, where it reads the statement, and how it pays.

    `grade(gold_sql, response, statement, compared)`; `unanswered(response)` pays a response without a statement.
    """

    compare: str
    statement: Callable[[str], str | None]
    grade: Callable[[str, str, str, Compared], Graded]
    unanswered: Callable[[str], dict[str, float]]


def _ours(gold_sql: str, response: str, statement: str, compared: Compared) -> Graded:
    right = compared.same_everywhere
    cells = 0.0 if compared.failure else min(map(cells_f1, compared.gold, compared.told))
    schema = schema_likeness(gold_sql, statement, compared.engine)
    close = CLOSE * cells * schema
    parts = {"answer": float(right), "cells": cells, "schema": schema}
    return Graded(1.0 if right else close, parts, right, close > 0)


def _sql_r1(gold_sql: str, response: str, statement: str, compared: Compared) -> Graded:
    answer = tagged(response)
    if answer is None:  # read by `_sql_r1_statement` before
        raise AssertionError("a statement without tags")
    right = compared.same_everywhere
    if compared.failure is not None and all(compared.same):
        parts = {"format": 1.0, "execution": -2.0, "result": 0.0}
    else:
        parts = {"format": 1.0, "execution": 2.0, "result": 3.0 if right else -3.0}
    parts["length"] = _length(answer, statement) if right else 0.0
    return Graded(sum(parts.values()), parts, right)


def _length(answer: Tagged, statement: str) -> float:
    written = len(answer.thinking) + len(answer.answer)
    return 0.5 * min(written, LENGTH_LIMIT_CHARS) / LENGTH_LIMIT_CHARS + len(statement) / len(answer.answer)


def _sql_r1_statement(response: str) -> str | None:
    answer = tagged(response)
    return None if answer is None else re.sub(r"\s+", " ", answer.statement)


def _reasoning_sql(gold_sql: str, response: str, statement: str, compared: Compared) -> Graded:
    right = compared.same_everywhere
    parts = {
        "execution": 3.0 * right,
        "syntax": float(compared.failure is None),
        "schema": schema_likeness(gold_sql, statement, compared.engine),
        "ngrams": bigram_likeness(gold_sql, statement),
        "format": float(framed(response)),
    }
    return Graded(sum(parts.values()), parts, right)


def _think2sql(gold_sql: str, response: str, statement: str, compared: Compared) -> Graded:
    names = ("cell_precision", "cell_recall", "cardinality")
    form = float(framed(response))
    if compared.failure is not None:
        return Graded(0.0, {**dict.fromkeys(names, 0.0), "format": form}, False)
    figures = min(map(qatch, compared.gold, compared.told), key=sum)
    score = round(sum(figures) / 3, 3)
    reward = 1.0 if score == 1 else max(score, EXECUTABLE) * form
    return Graded(reward, {**dict(zip(names, figures, strict=True)), "format": form}, score == 1, reward > EXECUTABLE)


def _arctic(gold_sql: str, response: str, statement: str, compared: Compared) -> Graded:
    right = compared.same_everywhere
    runs = EXECUTABLE * (compared.failure is None)
    return Graded(1.0 if right else runs, {"executable": runs, "result": (1 - EXECUTABLE) * right}, right)


OURS = Rule("bag_strict", statement_of, _ours, lambda response: {"answer": 0.0})
PRESETS: dict[Preset, Rule] = {
    "sql_r1": Rule("spider_suite", _sql_r1_statement, _sql_r1, lambda response: {"format": -1.0}),
    "reasoning_sql": Rule(
        "bird_set", statement_of, _reasoning_sql, lambda response: {"execution": 0.0, "format": float(framed(response))}
    ),
    "think2sql": Rule("bird_set", statement_of, _think2sql, lambda response: {"cell_recall": 0.0}),
    "arctic": Rule("bird_set", statement_of, _arctic, lambda response: {"executable": 0.0}),
}
