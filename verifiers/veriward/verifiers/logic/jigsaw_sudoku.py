"""Jigsaw Sudoku: a Latin square divided into pieces that hold each number once too."""

from random import Random
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, judged, last_grid, whole_numbers
from veriward.verifiers.logic.latin import Rows, fault_of, latin_rules, only, require_square, values_of, written
from veriward.verifiers.logic.regions import RegionRows, lettered, of_one_size, repeat_in, require_regions_of_a_square
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_TRIES = 50


class JigsawSudokuTask(GameTask):
    """`puzzle`: rows of numbers, 0 where blank; `pieces`: rows of letters, each on as many cells as a row has."""

    puzzle: Annotated[Rows, Field(min_length=3), AfterValidator(require_square)]
    pieces: RegionRows

    @model_validator(mode="after")
    def _pieces_fit(self) -> "JigsawSudokuTask":
        require_regions_of_a_square(self.pieces)
        if len(self.pieces) != len(self.puzzle):
            raise ValueError("puzzle and pieces must be of one size")
        return self


@verifier("logic.jigsaw_sudoku", version=1, task=JigsawSudokuTask)
def jigsaw_sudoku(response: str, task: JigsawSudokuTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid; every row, column and piece holds each number once, and no given is changed.

    Any solution counts.
    """
    side = len(task.puzzle)
    return judged(
        lambda: last_grid(response, whole_numbers(1, side), side, side),
        lambda grid: fault_of(grid, task.puzzle) or repeat_in(grid, task.pieces, "piece"),
    )


class JigsawSudokuParameters(Parameters):
    """`given_share`: share of cells that are given at least; more are where uniqueness needs it."""

    side: int = dial(4, 9, ge=3, le=9, about="rows, columns, pieces and numbers")
    given_share: float = dial(0.6, 0.0, le=0.9, about="share of cells given at least")


PROMPT = """Fill this {side}x{side} grid so that every row, every column and every piece holds each of the numbers 1 \
to {side} exactly once. 0 is a blank cell; a letter names the piece that the cell at its place belongs to.

{grid}

Pieces:
{pieces}

Give the solved grid at the end, all {side} rows, in a fenced block:
```
[[first row], [second row], …]
```
with the cells of a row apart by commas."""


@generator("logic.jigsaw_sudoku", version=1, parameters=JigsawSudokuParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: JigsawSudokuParameters, /) -> Generated:
    """Random pieces, a random grid that fits them, and as few givens as leave it the only one."""
    side = parameters.side
    for _ in range(MAX_TRIES):
        pieces = of_one_size(rng, side)
        puzzle, cells = latin_rules(side)
        with puzzle:
            for piece in pieces:
                puzzle.different([cells[row][column] for row, column in piece])
            chosen = puzzle.solution(rng, [cell for row in cells for cell in row])
            if chosen is None:
                continue
            kept = puzzle.thinned(rng, chosen, chosen, round(parameters.given_share * side * side))
        grid = values_of(cells, chosen)
        shown = only(grid, chosen, kept)
        told = lettered(pieces, side, side)
        prompt = PROMPT.format(side=side, grid=written(shown), pieces="\n".join(" ".join(row) for row in told))
        task = JigsawSudokuTask(puzzle=shown, pieces=told)
        return Generated(prompt=prompt, task=task, reference=f"```\n{grid}\n```")
    raise NoTask(f"no pieces of {side} by {side} had a solution")
