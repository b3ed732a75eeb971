"""Sudoku: 4 by 4 to 9 by 9, one solution when we make it, any valid one when a row comes from elsewhere."""

from functools import cache
from random import Random
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator, levels
from veriward.verifiers.logic import GameTask, Puzzle, judged, last_grid, published, whole_numbers
from veriward.verifiers.logic.boxes import BOXES, box_fault, box_rules, require_boxes
from veriward.verifiers.logic.latin import blanks_as_0
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

Row = Annotated[list[Annotated[int, Field(ge=0, le=9)]], Field(min_length=4, max_length=9)]


class SudokuTask(GameTask):
    """`puzzle`: 4, 6 or 9 rows of as many cells, 0 (or "X") where it is blank. Boxes are 2×2, 2×3 or 3×3."""

    puzzle: Annotated[
        list[Row], Field(min_length=4, max_length=9), BeforeValidator(blanks_as_0), AfterValidator(require_boxes)
    ] = published("original_sudoku")


@verifier("logic.sudoku", version=1, task=SudokuTask)
def sudoku(response: str, task: SudokuTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid; every row, column and box holds each number once, and no given is changed.

    Any solution counts where a puzzle has several. Grids in brackets of either kind, with or without a fence, and lines
    of cells in a container are read as digits. Published rows: SynLogic's `sudoku` (arXiv:2505.19641), whose
    `metadata.original_sudoku` is the puzzle.
    """
    side = len(task.puzzle)
    return judged(
        lambda: last_grid(response, whole_numbers(1, side), side, side), lambda grid: box_fault(grid, task.puzzle)
    )


class SudokuParameters(Parameters):
    """`blank_share`: how much of the grid is blank; fewer are where more would leave a second solution."""

    side: Literal[4, 6, 9] = levels(4, 6, 9, 9, 9, about="rows, columns and numbers")
    blank_share: float = dial(0.35, 0.75, ge=0.1, le=1.0, about="share of blank cells; less where uniqueness needs it")
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """Solve this {side}x{side} Sudoku. Every row, every column and every {height}x{width} box must hold each of \
the numbers 1 to {side} exactly once. 0 is a blank cell.

{grid}

Give the solved grid at the end, all {side} rows, in a fenced block:
```
[[first row], [second row], …]
```
with the cells of a row apart by commas.""",
    "zh": """请解这个 {side}x{side} 数独：每一行、每一列和每个 {height}x{width} 的宫内，\
数字 1 到 {side} 各出现一次。0 表示空格。

{grid}

请在最后用代码块给出完整的 {side} 行答案：
```
[[第一行], [第二行], …]
```
同一行的数字用逗号分隔。""",
}


@generator("logic.sudoku", version=1, parameters=SudokuParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: SudokuParameters, /) -> Generated:
    """A random full grid from which cells are taken as long as its solution stays the only one."""
    side = parameters.side
    puzzle, cells = _rules(side)
    solution = puzzle.solution(rng, cells)
    assert solution is not None
    blanks = round(parameters.blank_share * side * side)
    given = set(puzzle.thinned(rng, solution, solution, side * side - blanks))
    full = [[(one - 1) % side + 1 for one in solution[at : at + side]] for at in range(0, side * side, side)]
    shown = [
        [cell if one in given else 0 for cell, one in zip(row, solution[at * side :], strict=False)]
        for at, row in enumerate(full)
    ]
    height, width = BOXES[side]
    prompt = PROMPTS[parameters.language].format(
        side=side, height=height, width=width, grid="\n".join(" ".join(map(str, row)) for row in shown)
    )
    return Generated(prompt=prompt, task=SudokuTask(puzzle=shown), reference=f"```\n{full}\n```")


@cache
def _rules(side: int) -> tuple[Puzzle, list[list[int]]]:
    """The rules without givens, and the literals of every cell, row after row: value v of cell c is `c * side + v`."""
    puzzle, rows = box_rules(side)
    return puzzle, [cell for row in rows for cell in row]
