"""Makes an item to grade of a row: finds its set, by name, by `data_source`, or by its columns."""

import hashlib
import json
from typing import Any

from veriward.verifiers.rows import instructions, mathematics, programs, queries, questions, tables  # noqa: F401
from veriward.verifiers.rows.reading import Row, UnknownRow, columns_of, first
from veriward.verifiers.rows.sets import SETS, Made, RowSet
from veriward.verifiers.rows.verl import VERL_COLUMNS, from_verl

MAX_ID_CHARS = 200
ID_COLUMNS = ("id", "task_id", "question_id", "problem_id", "unique_id", "uuid", "key", "Record ID", "name", "_id")


def known_sets() -> list[str]:
    """The names that `to_item` takes."""
    return sorted([*SETS, "verl"])


def to_item(row: Row, set: str | None = None) -> dict[str, Any]:
    """`{"id", "task", "source"}`, and `prompt` where the row has one, of a row in the columns of a known set.

    `set` is its name; without it, a row in verl's form (`data_source`, `reward_model`) goes by its `data_source`, and
    any other by its columns. Raises `UnknownRow` naming the columns seen, and `BadRow` naming the one at fault. Whether
    the gold answer can be graded is said by the verifier.
    """
    if set is not None and set not in known_sets():
        raise UnknownRow(f"no set is called {set!r}; known: {', '.join(known_sets())}")
    if set == "verl" or (set is None and row.keys() >= VERL_COLUMNS):
        source, made = from_verl(row)
    else:
        found = SETS[set] if set is not None else _by_columns(row)
        source, made = found.name, found.make(row)
    item = {"id": f"{source}/{_id(row, made)}", "source": source, "task": made.task}
    return item if made.prompt is None else {**item, "prompt": made.prompt}


def _by_columns(row: Row) -> RowSet:
    fitting = [one for one in SETS.values() if one.columns <= row.keys() and one.fits(row)]
    if not fitting:
        raise UnknownRow(f"no set publishes the columns {columns_of(row)}; known sets: {', '.join(known_sets())}")
    return max(fitting, key=lambda one: len(one.columns))


def _id(row: Row, made: Made) -> str:
    """The row's own id, else a hash of what is asked, so that a shuffled file keeps its ids."""
    column = first(row, ID_COLUMNS)
    told = made.id or ("" if column is None else str(row[column]))
    if 0 < len(told) <= MAX_ID_CHARS:
        return told
    content = json.dumps([made.task, made.prompt], sort_keys=True, default=str).encode()
    return hashlib.sha256(content).hexdigest()[:16]
