"""Odd-Even Sudoku: some cells say whether their number is odd or even."""

from random import Random
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator, levels
from veriward.verifiers.logic import GameTask, judged, last_grid, whole_numbers
from veriward.verifiers.logic.boxes import BOXES, box_fault, box_rules, require_boxes
from veriward.verifiers.logic.grids import places
from veriward.verifiers.logic.latin import Grid, Rows, only, values_of, written
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

ODD, EVEN, UNMARKED = "o", "e", "."
NAMES = {ODD: "odd", EVEN: "even"}


class OddEvenSudokuTask(GameTask):
    """`puzzle`: 4, 6 or 9 rows, 0 where blank; `marks`: rows of "o" (odd), "e" (even) and "." (not marked)."""

    puzzle: Annotated[Rows, AfterValidator(require_boxes)]
    marks: list[Annotated[str, Field(pattern=r"^[oe.]+$", max_length=9)]]

    @model_validator(mode="after")
    def _marks_fit(self) -> "OddEvenSudokuTask":
        side = len(self.puzzle)
        if len(self.marks) != side or any(len(row) != side for row in self.marks):
            raise ValueError("puzzle and marks must be of one size")
        if _mark_fault(self.puzzle, self.marks) is not None:
            raise ValueError("a given is not of the kind that its mark says")
        return self


@verifier("logic.odd_even_sudoku", version=1, task=OddEvenSudokuTask)
def odd_even_sudoku(response: str, task: OddEvenSudokuTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid; every row, column and box holds each number once, marked cells are odd or even as marked.

    No given is changed; any solution counts. Boxes are 2×2, 2×3 or 3×3.
    """
    side = len(task.puzzle)
    return judged(
        lambda: last_grid(response, whole_numbers(1, side), side, side),
        lambda grid: box_fault(grid, task.puzzle) or _mark_fault(grid, task.marks),
    )


def _mark_fault(grid: Grid, marks: list[str]) -> str | None:
    for row, column in places(grid):
        mark, number = marks[row][column], grid[row][column]
        if number and mark != UNMARKED and _mark(number) != mark:
            return f"row {row + 1}, column {column + 1} is not {NAMES[mark]}"
    return None


def _mark(number: int) -> str:
    return ODD if number % 2 else EVEN


class OddEvenSudokuParameters(Parameters):
    """`mark_share`: share of marked cells; `given_share`: of given ones, more where uniqueness needs it."""

    side: int = levels(4, 6, 9, 9, 9, about="rows, columns and numbers: 4, 6 or 9")
    mark_share: float = dial(0.5, 0.3, ge=0.0, le=1.0, about="share of cells that are marked odd or even")
    given_share: float = dial(0.5, 0.0, le=0.9, about="share of cells given at least")

    @model_validator(mode="after")
    def _has_boxes(self) -> "OddEvenSudokuParameters":
        if self.side not in BOXES:
            raise ValueError("side must be 4, 6 or 9")
        return self


PROMPT = """Solve this {side}x{side} Odd-Even Sudoku. Every row, every column and every {height}x{width} box must hold \
each of the numbers 1 to {side} exactly once. 0 is a blank cell. Where the second grid has o, the number is odd; where \
it has e, the number is even; . says nothing.

{grid}

{marks}

Give the solved grid at the end, all {side} rows, in a fenced block:
```
[[first row], [second row], …]
```
with the cells of a row apart by commas."""


@generator(
    "logic.odd_even_sudoku", version=1, parameters=OddEvenSudokuParameters, unique=True, preload=("pysat.solvers",)
)
def generate(rng: Random, parameters: OddEvenSudokuParameters, /) -> Generated:
    """A random full grid, random marks that are true in it, and as few givens as leave it the only solution."""
    side = parameters.side
    puzzle, cells = box_rules(side)
    with puzzle:
        chosen = puzzle.solution(rng, [cell for row in cells for cell in row])
        assert chosen is not None
        grid = values_of(cells, chosen)
        marked = set(rng.sample(places(grid), round(parameters.mark_share * side * side)))
        for row, column in sorted(marked):
            for number, literal in enumerate(cells[row][column], 1):
                if _mark(number) != _mark(grid[row][column]):
                    puzzle.never([literal])
        kept = puzzle.thinned(rng, chosen, chosen, round(parameters.given_share * side * side))
    marks = [
        "".join(_mark(number) if (row, column) in marked else UNMARKED for column, number in enumerate(line))
        for row, line in enumerate(grid)
    ]
    shown = only(grid, chosen, kept)
    height, width = BOXES[side]
    prompt = PROMPT.format(
        side=side, height=height, width=width, grid=written(shown), marks="\n".join(" ".join(row) for row in marks)
    )
    return Generated(prompt=prompt, task=OddEvenSudokuTask(puzzle=shown, marks=marks), reference=f"```\n{grid}\n```")
