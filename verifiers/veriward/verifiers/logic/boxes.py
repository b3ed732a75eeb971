"""Sudoku's boxes, for the games that keep them: rows, columns and boxes by name, and their rules for the solver."""

from veriward.verifiers.logic.latin import Grid, latin_rules
from veriward.verifiers.logic.solving import Puzzle

BOXES = {4: (2, 2), 6: (2, 3), 9: (3, 3)}  # side -> rows and columns of a box


def units(grid: Grid) -> list[tuple[str, list[int]]]:
    """Rows, columns and boxes, each with its name."""
    side = len(grid)
    height, width = BOXES[side]
    found = [(f"row {at}", row) for at, row in enumerate(grid, 1)]
    found += [(f"column {at}", list(column)) for at, column in enumerate(zip(*grid, strict=True), 1)]
    for top in range(0, side, height):
        for left in range(0, side, width):
            box = [cell for row in grid[top : top + height] for cell in row[left : left + width]]
            found.append((f"the box at row {top + 1}, column {left + 1}", box))
    return found


def require_boxes(grid: Grid) -> Grid:
    """Raises `ValueError` where the givens are of no size that has boxes, or can't be in one solution."""
    side = len(grid)
    if side not in BOXES or any(len(row) != side for row in grid):
        raise ValueError(f"the puzzle must be square with a side of {', '.join(map(str, BOXES))}")
    for name, line in units(grid):
        given = [cell for cell in line if cell]
        if len(set(given)) < len(given) or max(given, default=0) > side:
            raise ValueError(f"the givens of {name} can't be in one solution")
    return grid


def box_fault(grid: Grid, givens: Grid) -> str | None:
    """The first given that is changed, or the first row, column or box that repeats a number."""
    for at, (row, given) in enumerate(zip(grid, givens, strict=True), 1):
        if any(asked and asked != cell for cell, asked in zip(row, given, strict=True)):
            return f"a given of row {at} is changed"
    for name, line in units(grid):
        if len(set(line)) < len(line):
            return f"{name} repeats a number"
    return None


def box_rules(side: int) -> tuple[Puzzle, list[list[list[int]]]]:
    """A puzzle with the rules of a Sudoku, and its literals by row, column and value less 1."""
    puzzle, cells = latin_rules(side)
    places = [list(range(at * side, (at + 1) * side)) for at in range(side)]
    for _, unit in units(places)[2 * side :]:
        puzzle.different([cells[place // side][place % side] for place in unit])
    return puzzle, cells
