"""Sets of text-to-SQL, judged by what the query returns with `sql`.

Their rows name a database and do not hold it: add a column `schema` with its script, or a list of scripts of variants.
Without it the task refers to the database by name.
"""

from typing import Any

from veriward.verifiers.rows.reading import Row, optional, text, texts
from veriward.verifiers.rows.sets import Made, row_set


def _task(row: Row, gold_sql: str) -> dict[str, Any]:
    task: dict[str, Any] = {"verifier": "sql", "gold_sql": gold_sql}
    if row.get("schema"):
        return {**task, "schema": texts(row, "schema")}
    return {**task, "database": text(row, "db_id")}


@row_set("bird", "question", "SQL", "db_id")
def bird(row: Row) -> Made:
    """BIRD: `question`, `evidence`, `SQL`, `db_id`."""
    evidence = optional(row, "evidence")
    return Made(_task(row, text(row, "SQL")), text(row, "question") + (f"\n{evidence}" if evidence else ""))


@row_set("spider", "question", "query", "db_id")
def spider(row: Row) -> Made:
    """Spider: `question`, `query`, `db_id`."""
    return Made(_task(row, text(row, "query")), text(row, "question"))
