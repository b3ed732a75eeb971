"""Thermometers: filled from the bulb, so many cells of each row and column."""

import json
from itertools import pairwise
from random import Random
from typing import Annotated

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import Puzzle, judged
from veriward.verifiers.logic.grids import ACROSS, MAX_SIDE, Place, places
from veriward.verifiers.logic.shading import (
    FORM,
    CountedTask,
    Shading,
    count_clues,
    count_fault,
    fewest_counts,
    fewest_givens,
    last_shading,
    written,
)
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_CELLS = MAX_SIDE * MAX_SIDE

Cell = Annotated[list[Annotated[int, Field(ge=1, le=MAX_SIDE)]], Field(min_length=2, max_length=2)]
Thermometer = Annotated[list[Cell], Field(min_length=1, max_length=MAX_SIDE)]


class ThermometersTask(CountedTask):
    """`thermometers`: each the `[row, column]`, from 1, of its cells from the bulb on."""

    thermometers: Annotated[list[Thermometer], Field(min_length=1, max_length=MAX_CELLS)]

    @model_validator(mode="after")
    def _thermometers_fit(self) -> "ThermometersTask":
        cells = [(row, column) for one in self.thermometers for row, column in one]
        if any(row > self.height or column > self.width for row, column in cells):
            raise ValueError("a thermometer leaves the grid")
        if len(set(cells)) < len(cells):
            raise ValueError("two thermometers share a cell")
        return self


@verifier("logic.thermometers", version=1, task=ThermometersTask)
def thermometers(response: str, task: ThermometersTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid of 0 and 1; every thermometer is filled from its bulb without a gap, every count is right.

    A cell of no thermometer is empty. Any solution counts.
    """
    return judged(lambda: last_shading(response, task), lambda grid: _broken_rule(grid, task))


def _broken_rule(grid: Shading, task: ThermometersTask) -> str | None:
    fault = count_fault(grid, task)
    if fault is not None:
        return fault
    filled = 0
    for one in task.thermometers:
        levels = [grid[row - 1][column - 1] for row, column in one]
        if levels != sorted(levels, reverse=True):
            return f"the thermometer whose bulb is at row {one[0][0]}, column {one[0][1]} has a gap"
        filled += sum(levels)
    return None if filled == sum(map(sum, grid)) else "a cell of no thermometer is filled"


class ThermometersParameters(Parameters):
    """`given_share`: share of cells told; `count_share`: of the counts; more where uniqueness needs it."""

    side: int = dial(4, 9, ge=3, le=10, about="rows and columns")
    longest: int = dial(4, 6, ge=2, le=10, about="cells of a thermometer, at most")
    given_share: float = dial(0.15, 0.0, le=0.8, about="share of cells told at least")
    count_share: float = dial(1.0, 0.7, ge=0.0, about="share of counts told at least")


PROMPT = """On a {side}x{side} grid lie thermometers. Each is empty, or filled from its bulb on up to some cell, \
without a gap. The numbers say how many cells of a row or column are filled; ? says nothing. Each thermometer is told \
as the [row, column] of its cells, from 1, beginning with the bulb; every cell belongs to one.

Thermometers:
{thermometers}

Filled in each row, from the top: {rows}
Filled in each column, from the left: {columns}

What is known of the cells (1 filled, 0 empty, ? unknown):
{given}

Give all {side} rows {form}: 1 where it is filled, 0 where it is not."""


@generator("logic.thermometers", version=1, parameters=ThermometersParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: ThermometersParameters, /) -> Generated:
    """Random straight thermometers and levels, with as few cells and counts told as leave one solution."""
    side = parameters.side
    laid = _laid(rng, side, parameters.longest)
    grid = [[0] * side for _ in range(side)]
    for one in laid:
        for row, column in one[: rng.randint(0, len(one))]:
            grid[row][column] = 1
    with Puzzle() as puzzle:
        cells = {place: puzzle.literal() for place in places(grid)}
        for one in laid:
            for nearer, further in pairwise(one):
                puzzle.implies([cells[further]], [cells[nearer]])
        clues = count_clues(puzzle, grid, cells)
        given = fewest_givens(rng, puzzle, grid, cells, parameters.given_share, clues)
        rows, columns = fewest_counts(rng, puzzle, grid, cells, given, clues, parameters.count_share)
    told = [[[row + 1, column + 1] for row, column in one] for one in laid]
    prompt = PROMPT.format(
        side=side,
        thermometers="\n".join(map(json.dumps, told)),
        rows=written([rows]),
        columns=written([columns]),
        given=written(given),
        form=FORM,
    )
    task = ThermometersTask(thermometers=told, given=given, rows=rows, columns=columns)
    return Generated(prompt=prompt, task=task, reference=f"```\n{grid}\n```")


def _laid(rng: Random, side: int, longest: int) -> list[list[Place]]:
    """Straight lines that cover the square; single cells where nothing longer fits."""
    free = dict.fromkeys(rng.sample([(row, column) for row in range(side) for column in range(side)], side * side))
    laid = []
    while free:
        row, column = next(iter(free))
        lines = []
        for down, right in ACROSS:
            line = [(row, column)]
            while len(line) < longest and (line[-1][0] + down, line[-1][1] + right) in free:
                line.append((line[-1][0] + down, line[-1][1] + right))
            lines.append(line)
        reach = max(map(len, lines))
        line = rng.choice([line for line in lines if len(line) == reach])[: rng.randint(min(2, reach), reach)]
        for place in line:
            del free[place]
        laid.append(line)
    return laid
