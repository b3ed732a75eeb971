"""Colored Sudoku: a Latin square in which the cells of one colour hold each number once too."""

from random import Random
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, judged, last_grid, whole_numbers
from veriward.verifiers.logic.grids import Place
from veriward.verifiers.logic.latin import Rows, fault_of, latin_rules, only, require_square, values_of, written
from veriward.verifiers.logic.regions import RegionRows, lettered, repeat_in, require_regions_of_a_square
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict


class ColoredSudokuTask(GameTask):
    """`puzzle`: rows of numbers, 0 where blank; `colors`: rows of letters, each on as many cells as a row has."""

    puzzle: Annotated[Rows, Field(min_length=3), AfterValidator(require_square)]
    colors: RegionRows

    @model_validator(mode="after")
    def _colors_fit(self) -> "ColoredSudokuTask":
        require_regions_of_a_square(self.colors)
        if len(self.colors) != len(self.puzzle):
            raise ValueError("puzzle and colors must be of one size")
        return self


@verifier("logic.colored_sudoku", version=1, task=ColoredSudokuTask)
def colored_sudoku(response: str, task: ColoredSudokuTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid; every row, column and colour holds each number once, and no given is changed.

    The cells of a colour lie anywhere; there are no boxes. Any solution counts.
    """
    side = len(task.puzzle)
    return judged(
        lambda: last_grid(response, whole_numbers(1, side), side, side),
        lambda grid: fault_of(grid, task.puzzle) or repeat_in(grid, task.colors, "colour"),
    )


class ColoredSudokuParameters(Parameters):
    """`given_share`: share of cells that are given at least; more are where uniqueness needs it."""

    side: int = dial(4, 8, ge=3, le=9, about="rows, columns, colours and numbers")
    given_share: float = dial(0.6, 0.0, le=0.9, about="share of cells given at least")


PROMPT = """Fill this {side}x{side} grid so that every row, every column and every colour holds each of the numbers 1 \
to {side} exactly once. 0 is a blank cell; a letter is the colour of the cell at its place.

{grid}

Colours:
{colors}

Give the solved grid at the end, all {side} rows, in a fenced block:
```
[[first row], [second row], …]
```
with the cells of a row apart by commas."""


@generator(
    "logic.colored_sudoku", version=1, parameters=ColoredSudokuParameters, unique=True, preload=("pysat.solvers",)
)
def generate(rng: Random, parameters: ColoredSudokuParameters, /) -> Generated:
    """A random Latin square, colours that take each of its numbers once, and as few givens as leave it the only one."""
    side = parameters.side
    puzzle, cells = latin_rules(side)
    with puzzle:
        chosen = puzzle.solution(rng, [cell for row in cells for cell in row])
        assert chosen is not None
        grid = values_of(cells, chosen)
        colors = _colors(rng, grid)
        for color in colors:
            puzzle.different([cells[row][column] for row, column in color])
        kept = puzzle.thinned(rng, chosen, chosen, round(parameters.given_share * side * side))
    shown = only(grid, chosen, kept)
    told = lettered(colors, side, side)
    prompt = PROMPT.format(side=side, grid=written(shown), colors="\n".join(" ".join(row) for row in told))
    task = ColoredSudokuTask(puzzle=shown, colors=told)
    return Generated(prompt=prompt, task=task, reference=f"```\n{grid}\n```")


def _colors(rng: Random, grid: list[list[int]]) -> list[list[Place]]:
    """Of every number each colour gets one place."""
    colors: list[list[Place]] = [[] for _ in grid]
    for number in range(1, len(grid) + 1):
        held = [(row, line.index(number)) for row, line in enumerate(grid)]
        for color, place in zip(colors, rng.sample(held, len(held)), strict=True):
            color.append(place)
    return colors
