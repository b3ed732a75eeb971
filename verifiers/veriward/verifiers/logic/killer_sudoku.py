"""Killer Sudoku: cages of cells whose different numbers sum to what is told."""

from random import Random
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator, levels
from veriward.verifiers.logic import GameTask, judged, last_grid, whole_numbers
from veriward.verifiers.logic.boxes import BOXES, box_fault, box_rules, require_boxes
from veriward.verifiers.logic.grids import Place
from veriward.verifiers.logic.latin import Grid, Rows, only, values_of, written
from veriward.verifiers.logic.regions import RegionRows, by_letter, grown, lettered, repeat_in
from veriward.verifiers.logic.sums import sums_to
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict


class KillerSudokuTask(GameTask):
    """`puzzle`: 4, 6 or 9 rows, 0 where blank; `cages`: rows of letters; `sums`: the sum of each letter's cage."""

    puzzle: Annotated[Rows, AfterValidator(require_boxes)]
    cages: RegionRows
    sums: dict[str, Annotated[int, Field(ge=1, le=45)]]

    @model_validator(mode="after")
    def _cages_fit(self) -> "KillerSudokuTask":
        side = len(self.puzzle)
        if len(self.cages) != side or len(self.cages[0]) != side:
            raise ValueError("puzzle and cages must be of one size")
        if set(self.sums) != set(by_letter(self.cages)):
            raise ValueError("there must be one sum for each cage")
        return self


@verifier("logic.killer_sudoku", version=1, task=KillerSudokuTask)
def killer_sudoku(response: str, task: KillerSudokuTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid; every row, column and box holds each number once, every cage has its sum and no repeat.

    No given is changed; any solution counts. Boxes are 2×2, 2×3 or 3×3.
    """
    side = len(task.puzzle)
    return judged(
        lambda: last_grid(response, whole_numbers(1, side), side, side), lambda grid: _broken_rule(grid, task)
    )


def _broken_rule(grid: Grid, task: KillerSudokuTask) -> str | None:
    fault = box_fault(grid, task.puzzle) or repeat_in(grid, task.cages, "cage")
    if fault is not None:
        return fault
    for letter, cage in by_letter(task.cages).items():
        total = sum(grid[row][column] for row, column in cage)
        if total != task.sums[letter]:
            return f"cage {letter} sums to {total}, not {task.sums[letter]}"
    return None


class KillerSudokuParameters(Parameters):
    """`largest_cage`: cells of a cage; `given_share`: share of cells given, more where uniqueness needs it."""

    side: int = levels(4, 6, 6, 9, 9, about="rows, columns and numbers: 4, 6 or 9")
    largest_cage: int = dial(3, 4, ge=2, le=6, about="cells of a cage at most")
    given_share: float = dial(0.3, 0.0, le=0.9, about="share of cells given at least")

    @model_validator(mode="after")
    def _has_boxes(self) -> "KillerSudokuParameters":
        if self.side not in BOXES:
            raise ValueError("side must be 4, 6 or 9")
        return self


PROMPT = """Solve this {side}x{side} Killer Sudoku. Every row, every column and every {height}x{width} box must hold \
each of the numbers 1 to {side} exactly once. Cells with the same letter are a cage: its numbers are all different and \
sum to what is told for it. 0 is a blank cell.

{grid}

Cages:
{cages}

Sums: {sums}

Give the solved grid at the end, all {side} rows, in a fenced block:
```
[[first row], [second row], …]
```
with the cells of a row apart by commas."""


@generator("logic.killer_sudoku", version=1, parameters=KillerSudokuParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: KillerSudokuParameters, /) -> Generated:
    """A random full grid, random cages with their sums, and as few givens as leave it the only solution."""
    side = parameters.side
    puzzle, cells = box_rules(side)
    with puzzle:
        chosen = puzzle.solution(rng, [cell for row in cells for cell in row])
        assert chosen is not None
        grid = values_of(cells, chosen)
        cages = grown(rng, side, side, 2, parameters.largest_cage, lambda cage, place: _new_in(grid, cage, place))
        for cage in cages:
            total = sum(grid[row][column] for row, column in cage)
            sums_to(puzzle, [cells[row][column] for row, column in cage], total)
        kept = puzzle.thinned(rng, chosen, chosen, round(parameters.given_share * side * side))
    shown, told = only(grid, chosen, kept), lettered(cages, side, side)
    sums = {letter: sum(grid[row][column] for row, column in cage) for letter, cage in by_letter(told).items()}
    height, width = BOXES[side]
    prompt = PROMPT.format(
        side=side,
        height=height,
        width=width,
        grid=written(shown),
        cages="\n".join(" ".join(row) for row in told),
        sums=", ".join(f"{letter} {total}" for letter, total in sums.items()),
    )
    task = KillerSudokuTask(puzzle=shown, cages=told, sums=sums)
    return Generated(prompt=prompt, task=task, reference=f"```\n{grid}\n```")


def _new_in(grid: Grid, cage: list[Place], place: Place) -> bool:
    return all(grid[row][column] != grid[place[0]][place[1]] for row, column in cage)
