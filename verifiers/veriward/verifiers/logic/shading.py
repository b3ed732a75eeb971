"""Grids in which every cell is shaded or not, for the games that ask which: tasks, reading, counts, fewest givens."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from veriward.verifiers.logic.game import GameTask
from veriward.verifiers.logic.grids import MAX_SIDE, Place, require_rectangle
from veriward.verifiers.logic.reading import last_grid
from veriward.verifiers.logic.solving import Puzzle

Shading = list[list[int]]

UNKNOWN = "?"
NOT_TOLD = -1
CELLS = {"0": 0, "1": 1, ".": 0, "#": 1}
FORM = "at the end, in a fenced block, as [[first row], [second row], …] with the cells of a row apart by commas"

Counts = Annotated[list[Annotated[int, Field(ge=NOT_TOLD, le=MAX_SIDE)]], Field(min_length=2, max_length=MAX_SIDE)]


class ShadingTask(GameTask):
    """`given`: rows of cells such as "1?0": 1 or 0 where it is known, ? where it is asked."""

    given: Annotated[
        list[Annotated[str, Field(pattern=r"^[01?]+$", min_length=2, max_length=MAX_SIDE)]],
        Field(min_length=2, max_length=MAX_SIDE),
        AfterValidator(require_rectangle),
    ]

    @property
    def height(self) -> int:
        return len(self.given)

    @property
    def width(self) -> int:
        return len(self.given[0])


class CountedTask(ShadingTask):
    """`rows` and `columns`: how many cells of each are shaded, -1 where it is not told."""

    rows: Counts
    columns: Counts

    @model_validator(mode="after")
    def _of_one_size(self) -> "CountedTask":
        if len(self.rows) != self.height or len(self.columns) != self.width:
            raise ValueError("there must be one count for each row and column")
        if max(self.rows) > self.width or max(self.columns) > self.height:
            raise ValueError("a count is larger than its row or column")
        return self


def last_shading(response: str, task: ShadingTask) -> Shading:
    """The last grid of 0 and 1, or of `.` and `#`, of the task's size. Raises `Unread`."""
    return last_grid(response, CELLS, task.height, task.width)


def given_fault(grid: Shading, task: ShadingTask) -> str | None:
    for at, (row, given) in enumerate(zip(grid, task.given, strict=True), 1):
        if any(asked != UNKNOWN and int(asked) != cell for cell, asked in zip(row, given, strict=True)):
            return f"a given of row {at} is changed"
    return None


def count_fault(grid: Shading, task: CountedTask) -> str | None:
    """The first given that is changed, or the first row or column of another count."""
    fault = given_fault(grid, task)
    if fault is not None:
        return fault
    for name, lines, counts in (("row", grid, task.rows), ("column", zip(*grid, strict=True), task.columns)):
        for at, (line, count) in enumerate(zip(lines, counts, strict=True), 1):
            if count != NOT_TOLD and sum(line) != count:
                return f"{name} {at} has {sum(line)} cells, not {count}"
    return None


def shaded(grid: Shading) -> list[Place]:
    return [(row, column) for row, line in enumerate(grid) for column, cell in enumerate(line) if cell]


def literals_of(grid: Shading, cells: Mapping[Place, int]) -> list[int]:
    """The literals that say the grid: of each cell its own, negative where it is not shaded."""
    return [one if grid[row][column] else -one for (row, column), one in cells.items()]


def grid_of(chosen: Sequence[int], cells: Mapping[Place, int], height: int, width: int) -> Shading:
    """The grid that `chosen`, as `literals_of` gives it, says; 0 where there is no cell."""
    grid = [[0] * width for _ in range(height)]
    for (row, column), one in zip(cells, chosen, strict=True):
        grid[row][column] = int(one > 0)
    return grid


def count_clues(puzzle: Puzzle, grid: Shading, cells: Mapping[Place, int]) -> list[int]:
    """For every row, then every column, a literal that implies its count."""
    lines = [[cells[at, column] for column in range(len(grid[0]))] for at in range(len(grid))]
    lines += [[cells[row, at] for row in range(len(grid))] for at in range(len(grid[0]))]
    counts = [*map(sum, grid), *map(sum, zip(*grid, strict=True))]
    clues = puzzle.literals(len(lines))
    for clue, line, count in zip(clues, lines, counts, strict=True):
        puzzle.exactly(count, line, where=clue)
    return clues


def fewest_givens(
    rng: Random, puzzle: Puzzle, grid: Shading, cells: Mapping[Place, int], share: float, clues: Sequence[int] = ()
) -> list[str]:
    """As few cells as leave the grid the only solution beside the clues, at least that share of them; else `?`.

    What is no cell of the puzzle is given as it is.
    """
    solution = literals_of(grid, cells)
    kept = set(puzzle.thinned(rng, solution, solution, round(share * len(cells)), clues))
    hidden = {place for place, one in zip(cells, solution, strict=True) if one not in kept}
    return [
        "".join(UNKNOWN if (row, column) in hidden else str(cell) for column, cell in enumerate(line))
        for row, line in enumerate(grid)
    ]


def fewest_counts(
    rng: Random,
    puzzle: Puzzle,
    grid: Shading,
    cells: Mapping[Place, int],
    givens: Sequence[str],
    clues: Sequence[int],
    share: float,
) -> tuple[list[int], list[int]]:
    """The counts of rows and of columns, -1 where the rest tells enough; at least that share of them stay."""
    solution = literals_of(grid, cells)
    known = [one for (row, column), one in zip(cells, solution, strict=True) if givens[row][column] != UNKNOWN]
    kept = set(puzzle.thinned(rng, solution, clues, round(share * len(clues)), known))
    counts = [*map(sum, grid), *map(sum, zip(*grid, strict=True))]
    told = [count if clue in kept else NOT_TOLD for count, clue in zip(counts, clues, strict=True)]
    return told[: len(grid)], told[len(grid) :]


def written(rows: Sequence[Sequence[object]]) -> str:
    """Rows of cells for a prompt, `?` where a count is not told."""
    return "\n".join(" ".join(UNKNOWN if cell == NOT_TOLD else str(cell) for cell in row) for row in rows)
