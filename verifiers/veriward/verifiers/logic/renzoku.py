"""Renzoku: a Latin square with a dot between any two neighbours whose numbers follow each other."""

from functools import cache
from random import Random
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Puzzle, judged, last_grid, whole_numbers
from veriward.verifiers.logic.grids import Place, neighbours, places
from veriward.verifiers.logic.latin import (
    Grid,
    Rows,
    fault_of,
    latin_rules,
    only,
    require_square,
    values_of,
    written,
)
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

NEXT = ((0, 1), (1, 0))

Cell = Annotated[list[Annotated[int, Field(ge=1, le=9)]], Field(min_length=2, max_length=2)]
Dot = Annotated[list[Cell], Field(min_length=2, max_length=2)]


class RenzokuTask(GameTask):
    """`puzzle`: rows of numbers, 0 where blank; `dots`: pairs of neighbouring `[row, column]`, from 1, with a dot."""

    puzzle: Annotated[Rows, AfterValidator(require_square)]
    dots: Annotated[list[Dot], Field(max_length=144)]

    @model_validator(mode="after")
    def _between_neighbours(self) -> "RenzokuTask":
        side = len(self.puzzle)
        for (row, column), (other, at) in self.dots:
            if abs(row - other) + abs(column - at) != 1 or max(row, column, other, at) > side:
                raise ValueError("a dot is not between two neighbours of the grid")
        return self


@verifier("logic.renzoku", version=1, task=RenzokuTask)
def renzoku(response: str, task: RenzokuTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid; rows and columns hold each number once, neighbours differ by 1 just where a dot is.

    No given is changed; any solution counts.
    """
    side = len(task.puzzle)
    return judged(
        lambda: last_grid(response, whole_numbers(1, side), side, side), lambda grid: _broken_rule(grid, task)
    )


def _broken_rule(grid: Grid, task: RenzokuTask) -> str | None:
    fault = fault_of(grid, task.puzzle)
    if fault is not None:
        return fault
    dots = {frozenset(((row - 1, column - 1), (other - 1, at - 1))) for (row, column), (other, at) in task.dots}
    for one, other in _pairs(grid):
        follow = abs(grid[one[0]][one[1]] - grid[other[0]][other[1]]) == 1
        if follow != (frozenset((one, other)) in dots):
            where = f"row {one[0] + 1}, column {one[1] + 1} and row {other[0] + 1}, column {other[1] + 1}"
            return f"between {where} is {'no dot' if follow else 'a dot'}"
    return None


def _pairs(grid: Grid) -> list[tuple[Place, Place]]:
    return [(place, near) for place in places(grid) for near in neighbours(place, grid, NEXT)]


class RenzokuParameters(Parameters):
    """`given_share`: share of cells that are given at least; more are where uniqueness needs it."""

    side: int = dial(4, 8, ge=3, le=9, about="rows, columns and numbers")
    given_share: float = dial(0.4, 0.0, le=0.9, about="share of cells given at least")


PROMPT = """Fill this {side}x{side} grid so that every row and every column holds each of the numbers 1 to {side} \
exactly once. A dot lies between two cells that share an edge if, and only if, their numbers differ by exactly 1. 0 is \
a blank cell; (i,j) is the cell in row i and column j.

{grid}

Dots lie between: {dots}
Between all other neighbours there is none.

Give all {side} rows at the end, in a fenced block:
```
[[first row], [second row], …]
```
with the cells of a row apart by commas."""


@generator("logic.renzoku", version=1, parameters=RenzokuParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: RenzokuParameters, /) -> Generated:
    """A random Latin square, its dots, and as few givens as leave it the only solution."""
    side = parameters.side
    puzzle, cells, dotted = _rules(side)
    chosen = puzzle.solution(rng, [cell for row in cells for cell in row])
    assert chosen is not None
    grid = values_of(cells, chosen)
    follow = {(one, other): abs(grid[one[0]][one[1]] - grid[other[0]][other[1]]) == 1 for one, other in dotted}
    held = [literal if follow[pair] else -literal for pair, literal in dotted.items()]
    kept = puzzle.thinned(rng, chosen, chosen, round(parameters.given_share * side * side), held)
    shown = only(grid, chosen, kept)
    dots = [[[row + 1, column + 1] for row, column in pair] for pair, near in follow.items() if near]
    told = ", ".join(f"({row},{column}) and ({other},{at})" for (row, column), (other, at) in dots)
    prompt = PROMPT.format(side=side, grid=written(shown), dots=told or "no cells")
    return Generated(prompt=prompt, task=RenzokuTask(puzzle=shown, dots=dots), reference=f"```\n{grid}\n```")


@cache
def _rules(side: int) -> tuple[Puzzle, list[list[list[int]]], dict[tuple[Place, Place], int]]:
    """The rules of the square, its cells, and for every two neighbours a literal: true is a dot, false is none."""
    puzzle, cells = latin_rules(side)
    dotted = {pair: puzzle.literal() for pair in _pairs([[0] * side] * side)}
    for (one, other), dot in dotted.items():
        first, second = cells[one[0]][one[1]], cells[other[0]][other[1]]
        for number, literal in enumerate(first):
            beside = [second[near] for near in (number - 1, number + 1) if 0 <= near < side]
            puzzle.implies([dot, literal], beside)
            for near in beside:
                puzzle.never([-dot, literal, near])
    return puzzle, cells, dotted
