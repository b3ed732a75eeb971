"""Latin squares, for the games that are played on them: reading, checking, and their rules for the solver."""

from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Any

from pydantic import Field

from veriward.verifiers.logic.solving import Puzzle

Grid = list[list[int]]

MIN_SIDE, MAX_SIDE = 2, 9
BLANKS = ("X", "x", "", ".", "_", None)

Row = Annotated[list[Annotated[int, Field(ge=0, le=MAX_SIDE)]], Field(min_length=MIN_SIDE, max_length=MAX_SIDE)]
Rows = Annotated[list[Row], Field(min_length=MIN_SIDE, max_length=MAX_SIDE)]


def blanks_as_0(rows: Any) -> Any:
    """A published grid with numbers where it has digits as texts, and 0 where it is blank."""
    if not isinstance(rows, list):
        return rows
    return [[_cell(cell) for cell in row] if isinstance(row, list) else row for row in rows]


def require_square(rows: Grid) -> Grid:
    """Raises `ValueError` where the givens are no square, or can't be in a Latin one."""
    side = len(rows)
    if any(len(row) != side for row in rows):
        raise ValueError("the grid must be square")
    for name, line in lines(rows):
        given = [cell for cell in line if cell]
        if len(set(given)) < len(given) or max(given, default=0) > side:
            raise ValueError(f"the givens of {name} can't be in one solution")
    return rows


def fault_of(grid: Grid, givens: Grid) -> str | None:
    """The first rule of a Latin square with givens that the grid, of their size, breaks."""
    for at, (row, given) in enumerate(zip(grid, givens, strict=True), 1):
        if any(asked and asked != cell for cell, asked in zip(row, given, strict=True)):
            return f"a given of row {at} is changed"
    for name, line in lines(grid):
        if len(set(line)) < len(line):
            return f"{name} repeats a number"
    return None


def lines(grid: Grid) -> list[tuple[str, Sequence[int]]]:
    """Rows and columns, each with its name."""
    rows: list[tuple[str, Sequence[int]]] = [(f"row {at}", row) for at, row in enumerate(grid, 1)]
    return rows + [(f"column {at}", column) for at, column in enumerate(zip(*grid, strict=True), 1)]


def latin_rules(side: int) -> tuple[Puzzle, list[list[list[int]]]]:
    """A puzzle with the rules of a Latin square, and its literals by row, column and value less 1."""
    puzzle = Puzzle()
    cells = [[puzzle.choice(side) for _ in range(side)] for _ in range(side)]
    for line in [*cells, *map(list, zip(*cells, strict=True))]:
        puzzle.different(line)
    return puzzle, cells


def values_of(cells: list[list[list[int]]], chosen: Sequence[int]) -> Grid:
    """The grid that the true literals `chosen`, one of each cell in reading order, say."""
    flat = [cell for row in cells for cell in row]
    values = [cell.index(one) + 1 for cell, one in zip(flat, chosen, strict=True)]
    side = len(cells)
    return [values[at : at + side] for at in range(0, side * side, side)]


def only(grid: Grid, chosen: Sequence[int], kept: Sequence[int]) -> Grid:
    """The grid with 0 where the literal of a cell is not among the clues `kept`."""
    side, clues = len(grid), set(kept)
    flat = [value if one in clues else 0 for value, one in zip(chain(*grid), chosen, strict=True)]
    return [flat[at : at + side] for at in range(0, side * side, side)]


def written(grid: Grid) -> str:
    return "\n".join(" ".join(map(str, row)) for row in grid)


def _cell(cell: Any) -> Any:
    if not isinstance(cell, bool) and cell in BLANKS:
        return 0
    return int(cell) if isinstance(cell, str) and len(cell) == 1 and cell in "0123456789" else cell
