"""Hitori: shade cells until no line repeats a number; the shaded never touch, the others hang together."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from random import Random
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import Puzzle, judged
from veriward.verifiers.logic.grids import MAX_SIDE, Place, neighbours, parts, places, require_rectangle
from veriward.verifiers.logic.shading import (
    FORM,
    Shading,
    ShadingTask,
    fewest_givens,
    given_fault,
    last_shading,
    shaded,
    written,
)
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

NumberRow = Annotated[list[Annotated[int, Field(ge=1, le=99)]], Field(min_length=2, max_length=MAX_SIDE)]
Numbers = list[list[int]]


class HitoriTask(ShadingTask):
    """`numbers`: the rows of the grid; `given`: 1 where a cell is known to be shaded, 0 where not, else ?."""

    numbers: Annotated[list[NumberRow], Field(min_length=2, max_length=MAX_SIDE), AfterValidator(require_rectangle)]

    @model_validator(mode="after")
    def _of_one_size(self) -> "HitoriTask":
        if len(self.numbers) != self.height or len(self.numbers[0]) != self.width:
            raise ValueError("numbers and givens must be of one size")
        return self


@verifier("logic.hitori", version=1, task=HitoriTask)
def hitori(response: str, task: HitoriTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid of 0 and 1 (1 is shaded); what is left repeats no number in a row or column.

    No two shaded cells share an edge, and the others are connected edge to edge. Any solution counts.
    """
    return judged(lambda: last_shading(response, task), lambda grid: _broken_rule(grid, task))


def _broken_rule(grid: Shading, task: HitoriTask) -> str | None:
    fault = given_fault(grid, task)
    if fault is not None:
        return fault
    for place in shaded(grid):
        if any(grid[row][column] for row, column in neighbours(place, grid)):
            return f"the cell at row {place[0] + 1}, column {place[1] + 1} touches another shaded one"
    left = [[0 if cell else number for cell, number in zip(*pair, strict=True)] for pair in _pairs(grid, task.numbers)]
    for name, lines in (("row", left), ("column", list(map(list, zip(*left, strict=True))))):
        for at, line in enumerate(lines, 1):
            numbers = [number for number in line if number]
            if len(set(numbers)) < len(numbers):
                return f"{name} {at} repeats a number"
    light = [place for place in places(grid) if not grid[place[0]][place[1]]]
    return None if len(parts(light, grid)) == 1 else "the cells that are not shaded are cut in two"


def _pairs(grid: Shading, numbers: Numbers) -> Iterable[tuple[list[int], list[int]]]:
    return zip(grid, numbers, strict=True)


class HitoriParameters(Parameters):
    """`given_share`: share of cells told; more where uniqueness needs it."""

    side: int = dial(4, 8, ge=3, le=9, about="rows and columns")
    given_share: float = dial(0.2, 0.0, le=0.8, about="share of cells told at least")


PROMPT = """Shade cells of this {side}x{side} grid so that no row and no column holds a number twice among the cells \
that are not shaded. No two shaded cells may share an edge, and all cells that are not shaded must be connected with \
each other edge to edge.

{numbers}

What is known of the cells (1 shaded, 0 not shaded, ? unknown):
{given}

Give all {side} rows {form}: 1 for a shaded cell, 0 for another."""


@generator("logic.hitori", version=1, parameters=HitoriParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: HitoriParameters, /) -> Generated:
    """A random shading over a Latin square, whose shaded cells repeat numbers; cells are told where it needs them."""
    side = parameters.side
    grid = _shading(rng, side)
    numbers = _latin(rng, side)
    for row, column in shaded(grid):
        line = [numbers[row][at] for at in range(side) if not grid[row][at]]
        line += [numbers[at][column] for at in range(side) if not grid[at][column]]
        numbers[row][column] = rng.choice(line)
    with Puzzle() as puzzle:
        cells = _rules(puzzle, numbers)
        given = fewest_givens(rng, puzzle, grid, cells, parameters.given_share)
    prompt = PROMPT.format(side=side, numbers=written(numbers), given=written(given), form=FORM)
    return Generated(prompt=prompt, task=HitoriTask(numbers=numbers, given=given), reference=f"```\n{grid}\n```")


def _shading(rng: Random, side: int) -> Shading:
    """As many shaded cells as fit in random order without touching or cutting the rest in two."""
    grid = [[0] * side for _ in range(side)]
    for row, column in rng.sample(places(grid), side * side):
        if any(grid[near][at] for near, at in neighbours((row, column), grid)):
            continue
        grid[row][column] = 1
        light = [place for place in places(grid) if not grid[place[0]][place[1]]]
        if len(parts(light, grid)) > 1:
            grid[row][column] = 0
    return grid


def _latin(rng: Random, side: int) -> Numbers:
    """A cyclic Latin square with rows, columns and numbers shuffled."""
    rows, columns, numbers = (rng.sample(range(side), side) for _ in range(3))
    return [[numbers[(row + column) % side] + 1 for column in columns] for row in rows]


def _rules(puzzle: Puzzle, numbers: Numbers) -> dict[Place, int]:
    cells = {place: puzzle.literal() for place in places(numbers)}
    for place in cells:
        for near in neighbours(place, numbers, ((0, 1), (1, 0))):
            puzzle.never([cells[place], cells[near]])
    for one in cells:
        for other in cells:
            alike = numbers[one[0]][one[1]] == numbers[other[0]][other[1]]
            if one < other and alike and (one[0] == other[0] or one[1] == other[1]):
                puzzle.any_of([cells[one], cells[other]])

    def cut(model: AbstractSet[int]) -> Iterable[Sequence[int]]:
        """Around each part of what is not shaded, one cell must not be shaded either."""
        found = parts([place for place, one in cells.items() if one not in model], numbers)
        for part in found if len(found) > 1 else ():
            around = {near for place in part for near in neighbours(place, numbers)} - set(part)
            yield [-cells[place] for place in sorted(around)]

    puzzle.lazily(cut)
    return cells
