"""Aquarium: tanks filled to a level, so many cells of water in each row and column."""

from random import Random

from pydantic import model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import Puzzle, judged
from veriward.verifiers.logic.grids import Place
from veriward.verifiers.logic.regions import RegionRows, by_letter, grown, lettered
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


class AquariumTask(CountedTask):
    """`tanks`: rows of letters, one letter for each tank; `given`, `rows` and `columns` tell of water."""

    tanks: RegionRows

    @model_validator(mode="after")
    def _tanks_fit(self) -> "AquariumTask":
        if len(self.tanks) != self.height or len(self.tanks[0]) != self.width:
            raise ValueError("the tanks must be as large as the grid")
        return self


@verifier("logic.aquarium", version=1, task=AquariumTask)
def aquarium(response: str, task: AquariumTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid of 0 and 1; every tank is filled up to one level, and every count is right.

    Where a cell of a tank is water, so are all of the same tank in its row and in the rows below. Any solution counts.
    """
    return judged(lambda: last_shading(response, task), lambda grid: _broken_rule(grid, task))


def _broken_rule(grid: Shading, task: AquariumTask) -> str | None:
    fault = count_fault(grid, task)
    if fault is not None:
        return fault
    for letter, tank in by_letter(task.tanks).items():
        wet = [row for row, column in tank if grid[row][column]]
        if any(not grid[row][column] for row, column in tank if wet and row >= min(wet)):
            return f"tank {letter} has air beside or below water"
    return None


class AquariumParameters(Parameters):
    """`given_share`: share of cells told; `count_share`: of the counts; more where uniqueness needs it."""

    side: int = dial(4, 9, ge=3, le=10, about="rows and columns")
    largest_tank: int = dial(4, 9, ge=2, le=16, about="cells of a tank, at most")
    given_share: float = dial(0.15, 0.0, le=0.8, about="share of cells told at least")
    count_share: float = dial(1.0, 0.7, ge=0.0, about="share of counts told at least")


PROMPT = """In this {side}x{side} aquarium each letter is a tank. Each tank is empty or filled with water up to some \
level: where one of its cells is water, so are all cells of the same tank in the same row and in all rows below. \
The numbers say how many cells of a row or column are water; ? says nothing.

Tanks:
{tanks}

Water in each row, from the top: {rows}
Water in each column, from the left: {columns}

What is known of the cells (1 water, 0 air, ? unknown):
{given}

Give all {side} rows {form}: 1 for water, 0 for air."""


@generator("logic.aquarium", version=1, parameters=AquariumParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: AquariumParameters, /) -> Generated:
    """Random tanks and levels, with as few cells and counts told as leave one solution."""
    side = parameters.side
    tanks = grown(rng, side, side, min(3, parameters.largest_tank), parameters.largest_tank)
    grid = [[0] * side for _ in range(side)]
    for tank in tanks:
        level = rng.choice([*sorted({row for row, _ in tank}), side])
        for row, column in tank:
            grid[row][column] = int(row >= level)
    with Puzzle() as puzzle:
        cells = _rules(puzzle, tanks)
        clues = count_clues(puzzle, grid, cells)
        given = fewest_givens(rng, puzzle, grid, cells, parameters.given_share, clues)
        rows, columns = fewest_counts(rng, puzzle, grid, cells, given, clues, parameters.count_share)
    task = AquariumTask(tanks=lettered(tanks, side, side), given=given, rows=rows, columns=columns)
    prompt = PROMPT.format(
        side=side,
        tanks="\n".join(task.tanks),
        rows=written([rows]),
        columns=written([columns]),
        given=written(given),
        form=FORM,
    )
    return Generated(prompt=prompt, task=task, reference=f"```\n{grid}\n```")


def _rules(puzzle: Puzzle, tanks: list[list[Place]]) -> dict[Place, int]:
    cells = {place: puzzle.literal() for place in sorted(place for tank in tanks for place in tank)}
    for tank in tanks:
        for one in tank:
            for other in tank:
                if one != other and one[0] <= other[0]:
                    puzzle.implies([cells[one]], [cells[other]])
    return cells
