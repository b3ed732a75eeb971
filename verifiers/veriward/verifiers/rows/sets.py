"""The register of sets: a set is one small function from a row to what is asked and how it is judged.

    @row_set("gsm8k", "question", "answer")
    def gsm8k(row: Row) -> Made: ...

`columns` are those by which a row without `data_source` is known; of the sets that fit, the one with most of them is
taken. `fits` tells apart sets that publish the same columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from veriward.verifiers.rows.reading import Row


class Made(NamedTuple):
    """`task` as `POST /v1/grade` takes it; `prompt`: a text, or chat messages; `id` within the set."""

    task: dict[str, Any]
    prompt: Any = None
    id: str | None = None


Make = Callable[[Row], Made]


@dataclass(frozen=True, slots=True)
class RowSet:
    """A set and its published columns."""

    name: str
    columns: frozenset[str]
    make: Make
    fits: Callable[[Row], bool]


SETS: dict[str, RowSet] = {}


def row_set(name: str, *columns: str, fits: Callable[[Row], bool] = lambda row: True) -> Callable[[Make], Make]:
    """Declare a function as the set `name`."""

    def declare(make: Make) -> Make:
        SETS[name] = RowSet(name, frozenset(columns), make, fits)
        return make

    return declare
