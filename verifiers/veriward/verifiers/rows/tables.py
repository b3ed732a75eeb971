"""Sets of questions on tables, judged with `table` by the gold value's type, whatever the set's own convention."""

from typing import Any

from veriward.verifiers.rows.reading import BadRow, Row, mapping, text
from veriward.verifiers.rows.sets import Made, row_set

LABELS = {0: "refuted", 1: "entailed", "0": "refuted", "1": "entailed"}


def table_task(gold: Any, column: str) -> dict[str, Any]:
    """`gold`: a value, or a list, of which one alone is a value."""
    if gold is None or gold == [] or gold == "":
        raise BadRow(column, "holds no answer")
    return {"verifier": "table", "gold": gold[0] if isinstance(gold, list) and len(gold) == 1 else gold}


@row_set("wikitablequestions", "question", "answers", "table")
def wikitablequestions(row: Row) -> Made:
    """WikiTableQuestions: `question`, `answers` (a list), `table`."""
    return Made(table_task(row["answers"], "answers"), text(row, "question"))


@row_set("hitab", "question", "answer", "table_id", "answer_formulas")
def hitab(row: Row) -> Made:
    """HiTab: `question`, `answer` (a list of numbers or texts), `table_id`."""
    return Made(table_task(row["answer"], "answer"), text(row, "question"))


@row_set("finqa", "qa", "pre_text", "post_text")
def finqa(row: Row) -> Made:
    """FinQA: `qa` with `question`, `answer` as printed, `exe_ans` as computed."""
    told = mapping(row, "qa")
    answer = told.get("answer")
    gold = answer if isinstance(answer, str) and answer.strip() else told.get("exe_ans")
    return Made(table_task(gold, "qa"), text(told, "question"))


@row_set("tabfact", "statement", "label", "table_text")
def tabfact(row: Row) -> Made:
    """TabFact: `statement`, `label` 1 for entailed and 0 for refuted."""
    label = row["label"]
    if isinstance(label, bool) or label not in LABELS:
        raise BadRow("label", "is neither 0 nor 1")
    return Made({"verifier": "table", "kind": "tabfact", "gold": LABELS[label]}, text(row, "statement"))
