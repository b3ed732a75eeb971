"""Reads rows of a well-known set, in their published columns, as lines to grade: each is a `Line` or a `BadLine`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from veriward.cli.exits import Exit, Stop
from veriward.cli.rollout_lines import BadLine, Line, Unfit, bad_line, json_object, line_hash, line_of, raw_lines
from veriward.verifiers.rows import RowError, known_sets, to_item

AUTO = "auto"
"""In place of a set's name: each row goes by its `data_source`, or by its columns."""


def check_set(name: str) -> str | None:
    """The name of a known set, None for `AUTO`. Raises `Stop` listing those that are known."""
    if name == AUTO:
        return None
    if name not in known_sets():
        raise Stop(f"no set is called {name!r}; known: {', '.join(known_sets())}; or {AUTO}", Exit.USAGE)
    return name


def row_lines(
    path: Path, skip: Callable[[int], bool], set_name: str | None, response_column: str
) -> Iterator[Line | BadLine]:
    """Every row whose number is not to be skipped; its responses, a list or one text, are in `response_column`."""
    for number, raw, end in raw_lines(path):
        if skip(number):
            continue
        try:
            item = item_of(json_object(raw), set_name, response_column)
            item.pop("prompt", None)
            yield line_of(number, line_hash(raw), end, item, raw)
        except (Unfit, RowError) as error:
            yield bad_line(number, raw, end, str(error))


def item_of(row: dict[str, Any], set_name: str | None, response_column: str) -> dict[str, Any]:
    """The item to grade that the row makes. Raises `Unfit` where it has no such column, and `RowError`."""
    if row.get(response_column) is None:
        columns = ", ".join(list(row)[:30])
        raise Unfit(f"has no responses in the column {response_column!r}; its columns: {columns}")
    responses = row.pop(response_column)
    item: dict[str, Any] = to_item(row, set_name)
    return {**item, "responses": responses if _is_list_of_responses(responses) else [responses]}


def _is_list_of_responses(value: Any) -> bool:
    """A list of chat messages is one response."""
    return isinstance(value, list) and not (value and all(isinstance(one, dict) and "role" in one for one in value))
