"""Numbrix: a path of all numbers through the grid, each beside the one before."""

from functools import cache
from random import Random
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Puzzle, judged, last_grid, published, stored, whole_numbers
from veriward.verifiers.logic.grids import MAX_SIDE, Place, neighbours, places, require_rectangle, written
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

Grid = list[list[int]]

Row = Annotated[list[Annotated[int, Field(ge=0, le=MAX_SIDE * MAX_SIDE)]], Field(min_length=1, max_length=MAX_SIDE)]


def _blanks_as_0(rows: Any) -> Any:
    if not isinstance(rows, list):
        return rows
    return [[0 if cell == "X" else cell for cell in row] if isinstance(row, list) else row for row in rows]


class NumbrixTask(GameTask):
    """`grid`: rows of numbers, 0 (or "X") where one is asked for."""

    grid: Annotated[
        list[Row],
        Field(min_length=1, max_length=MAX_SIDE),
        BeforeValidator(_blanks_as_0),
        AfterValidator(require_rectangle),
    ] = published("grid")

    @model_validator(mode="after")
    def _possible(self) -> "NumbrixTask":
        given = [cell for row in self.grid for cell in row if cell]
        if len(set(given)) < len(given) or max(given, default=0) > len(self.grid) * len(self.grid[0]):
            raise ValueError("a number is given twice, or is more than there are cells")
        return self


@verifier("logic.numbrix", version=1, task=NumbrixTask, golds=stored("solution"))
def numbrix(response: str, task: NumbrixTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid; it holds every number once, each beside the one before, and no given is changed.

    Any solution counts. Published rows: SynLogic's `numbrix` (arXiv:2505.19641).
    """
    height, width = len(task.grid), len(task.grid[0])
    return judged(
        lambda: last_grid(response, whole_numbers(1, height * width), height, width),
        lambda grid: _broken_rule(grid, task.grid),
    )


def _broken_rule(grid: Grid, given: Grid) -> str | None:
    for at, (row, asked) in enumerate(zip(grid, given, strict=True), 1):
        if any(one and one != cell for cell, one in zip(row, asked, strict=True)):
            return f"a given of row {at} is changed"
    where = {grid[row][column]: (row, column) for row, column in places(grid)}
    if len(where) < len(grid) * len(grid[0]):
        return "a number stands twice"
    for number in range(1, len(where)):
        one, other = where[number], where[number + 1]
        if abs(one[0] - other[0]) + abs(one[1] - other[1]) != 1:
            return f"{number} and {number + 1} are not side by side"
    return None


class NumbrixParameters(Parameters):
    """`given_share`: share of the numbers that are given; more where uniqueness needs it."""

    side: int = dial(3, 7, ge=3, le=8)
    given_share: float = dial(0.5, 0.15, ge=0.0, le=0.9, about="share of numbers given at least")
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """Fill this {side}x{side} grid with the numbers 1 to {last}, each once, so that each number and the next \
stand in cells that share an edge. X is a blank cell; the other numbers stay.

{grid}

Give all {side} rows at the end, in a fenced block, as [[first row], [second row], …].""",
    "zh": """请在这个 {side}x{side} 的网格中填入数字 1 到 {last}，每个数字各用一次，\
使每个数字与下一个数字所在的格子共边。X 表示空格，已给出的数字不能改变。

{grid}

请在最后用代码块给出全部 {side} 行，形如 [[第一行], [第二行], …]。""",
}


@generator("logic.numbrix", version=1, parameters=NumbrixParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: NumbrixParameters, /) -> Generated:
    """A random path through all cells, of which numbers are taken as long as the rest has one solution."""
    side = parameters.side
    path = _path(rng, side)
    puzzle, cells = _rules(side)
    solution = [cells[place][at] for at, place in enumerate(path)]
    kept = set(puzzle.thinned(rng, solution, solution, round(parameters.given_share * side * side)))
    full = [[0] * side for _ in range(side)]
    grid: list[list[Any]] = [["X"] * side for _ in range(side)]
    for at, (row, column) in enumerate(path):
        full[row][column] = at + 1
        if solution[at] in kept:
            grid[row][column] = at + 1
    prompt = PROMPTS[parameters.language].format(side=side, last=side * side, grid=written(grid))
    return Generated(prompt=prompt, task=NumbrixTask.model_validate({"grid": grid}), reference=f"```\n{full}\n```")


def _path(rng: Random, side: int) -> list[Place]:
    """A path through all cells: one in rows, of which random ends are turned round many times."""
    path = [(row, column if row % 2 == 0 else side - 1 - column) for row in range(side) for column in range(side)]
    grid = [[0] * side for _ in range(side)]
    for _ in range(10 * side * side):
        if rng.random() < 0.5:
            path.reverse()
        near = rng.choice(neighbours(path[-1], grid))
        at = path.index(near)
        path[at + 1 :] = path[:at:-1]
    return path


@cache
def _rules(side: int) -> tuple[Puzzle, dict[Place, list[int]]]:
    """The rules without givens, and of every cell the literals of its numbers."""
    puzzle = Puzzle()
    grid = [[0] * side for _ in range(side)]
    cells = {place: puzzle.choice(side * side) for place in places(grid)}
    for at in range(side * side):
        puzzle.exactly(1, [choice[at] for choice in cells.values()])
    for place, choice in cells.items():
        near = [cells[one] for one in neighbours(place, grid)]
        for at, one in enumerate(choice):
            if at:
                puzzle.implies([one], [other[at - 1] for other in near])
            if at + 1 < len(choice):
                puzzle.implies([one], [other[at + 1] for other in near])
    return puzzle, cells
