"""Pictures of generated puzzles: every game that says so is drawn, the same each time, and without its solution."""

import json
from pathlib import Path
from typing import Any

import pytest

from veriward.verifiers.generators import generators, sample
from veriward.verifiers.pictures import PICTURES, Picture, draw, drawable


def task_of(name: str, difficulty: float = 0.4, **parameters: Any) -> dict[str, Any]:
    """As it comes from a file."""
    task: dict[str, Any] = json.loads(json.dumps(sample(generators()[name], 5, 0, difficulty, parameters)["task"]))
    return task


@pytest.mark.parametrize("difficulty", [0.0, 1.0], ids=["an easy one", "a hard one"])
@pytest.mark.parametrize("name", drawable())
def test_what_is_drawn_has_the_size_of_the_puzzle(name: str, difficulty: float) -> None:
    picture = PICTURES[name](task_of(name, difficulty))
    height, width = len(picture.cells), len(picture.cells[0])
    assert min(height, width) >= 3
    assert {len(row) for row in picture.cells} == {width}
    assert all(0 <= row < height and 0 <= column < width for row, column in [*picture.fills, *picture.corners])
    assert len(picture.left) in (0, height)
    assert len(picture.top) in (0, width)


def test_a_puzzle_is_drawn_with_what_is_given_alone() -> None:
    task = task_of("logic.killer_sudoku", side=4)
    picture = PICTURES["logic.killer_sudoku"](task)
    assert [[int(cell or 0) for cell in row] for row in picture.cells] == task["puzzle"]
    assert sorted(picture.corners.values()) == sorted(str(total) for total in task["sums"].values())


def test_counts_that_are_not_told_are_left_out() -> None:
    task = {"given": ["?1", "0?"], "rows": [-1, 1], "columns": [2, -1], "tanks": ["AB", "AB"]}
    picture = PICTURES["logic.aquarium"](task)
    assert picture == Picture([["", "1"], ["0", ""]], regions=["AB", "AB"], top=["2", ""], left=["", "1"], lines=[])


def test_the_same_task_is_the_same_svg(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("one.svg", "other.svg"):
        assert draw(task_of("logic.maze"), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()


def test_a_png_is_one(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert draw(task_of("logic.thermometers"), tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_no_grid_is_not_drawn(tmp_path: Path) -> None:
    assert not draw(task_of("logic.countdown"), tmp_path / "one.svg")
    assert list(tmp_path.iterdir()) == []
