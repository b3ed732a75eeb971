"""How grids are read, and the bounds and costs of `arc`; its cases say the rest."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.verifiers.arc import MAX_GRID_CHARS, MAX_SIDE, ArcTask, arc, last_grid
from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.verdict import Verdict
from veriward.wire.outcomes import Outcome

ROWS: dict[str, tuple[str, list[str] | None]] = {
    "brackets": ("[[0,1],[2,3]]", ["0,1", "2,3"]),
    "brackets with blanks": ("[ [ 0 , 1 ] , [ 2 , 3 ] ]", ["0 , 1", "2 , 3"]),
    "lines": ("0 1\n2 3", ["0 1", "2 3"]),
    "the last block of lines": ("9 9\n\n0 1\n2 3\nDone.", ["0 1", "2 3"]),
    "lines after brackets": ("[[9]]\n0 1\n2 3", ["0 1", "2 3"]),
    "brackets after lines": ("9 9\n9 9\nso [[0]]", ["0"]),
    "a row of its own": ("[0, 1]", None),
    "nothing": ("", None),
}


@pytest.mark.parametrize(("text", "rows"), ROWS.values(), ids=ROWS.keys())
def test_the_last_grid(text: str, rows: list[str] | None) -> None:
    assert last_grid(text) == rows


def verdict(response: str, gold: list[list[int]]) -> Verdict:
    return arc(response, ArcTask(gold=gold), NoSandbox())


# 3 of 4 cells are right
def test_the_metrics_by_hand() -> None:
    assert verdict("[[0, 1], [2, 4]]", [[0, 1], [2, 3]]).metrics == {"shape": 1.0, "cells": 0.75}
    assert verdict("[[0, 1]]", [[0, 1], [2, 3]]).metrics == {"shape": 0.0, "cells": 0.0}


GRIDS = st.integers(1, MAX_SIDE).flatmap(
    lambda width: st.lists(st.lists(st.integers(0, 9), min_size=width, max_size=width), min_size=1, max_size=MAX_SIDE)
)


@given(GRIDS)
def test_every_grid_is_read_in_every_form(grid: list[list[int]]) -> None:
    spaced = "\n".join(" ".join(map(str, row)) for row in grid)
    for written in (json.dumps(grid), json.dumps(grid, indent=1), spaced, spaced.replace(" ", ""), f"|{spaced}|"):
        assert verdict(f"<answer>{written}</answer>", grid).outcome is Outcome.CORRECT


def test_a_grid_one_step_past_its_bounds_is_refused() -> None:
    most = [[0] * MAX_SIDE] * MAX_SIDE
    assert verdict(json.dumps(most), most).reward == 1
    for grid in ([*most, [0] * MAX_SIDE], [[0] * (MAX_SIDE + 1)]):
        assert verdict(json.dumps(grid), most).outcome is Outcome.UNPARSED
        with pytest.raises(ValueError, match="at most"):
            ArcTask(gold=grid)


def test_a_grid_far_from_the_end_is_not_looked_at() -> None:
    assert last_grid("[[0]]" + " " * (MAX_GRID_CHARS - 5)) is not None
    assert last_grid("[[0]]" + " " * (MAX_GRID_CHARS - 4)) is None


@given(st.text(alphabet=st.sampled_from("[]0123, \n|x")))
def test_any_text_has_a_grid_or_none(text: str) -> None:
    verdict(text, [[0]])


@pytest.mark.parametrize("piece", ["[", "]", "[[", "0\n", "0 ", "[[0]]", "[0],", "\n", "<answer>"])
def test_a_million_characters_of_anything_are_judged(piece: str) -> None:
    verdict(piece * (1_000_000 // len(piece)), [[0]])
