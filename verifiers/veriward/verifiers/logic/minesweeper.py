"""Minesweeper: which hidden cells must be mines, by the numbers that are seen?"""

from random import Random
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Puzzle, Unread, judged, published, stored
from veriward.verifiers.logic.grids import (
    AROUND,
    MAX_SIDE,
    Place,
    as_texts,
    last_places,
    neighbours,
    places,
    require_rectangle,
    written,
)
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

HIDDEN = "X"
MAX_TRIES = 50
MAX_STEPS = 200  # of the searches that show cells to be mines, per response

Row = Annotated[list[Annotated[str, Field(pattern="^[X0-8]$")]], Field(min_length=1, max_length=MAX_SIDE)]
At = Annotated[list[Annotated[int, Field(ge=0, lt=MAX_SIDE)]], Field(min_length=2, max_length=2)]


class MinesweeperTask(GameTask):
    """`grid`: rows of cells, "X" where hidden, else how many of the up to eight cells around are mines; `solution`:
    mines that must be named, `[row, column]` from 0."""

    grid: Annotated[
        list[Row],
        Field(min_length=1, max_length=MAX_SIDE),
        BeforeValidator(as_texts),
        AfterValidator(require_rectangle),
    ] = published("revealed_grid")
    solution: Annotated[list[At], Field(max_length=MAX_SIDE * MAX_SIDE)] = published("current_mines")

    @model_validator(mode="after")
    def _within(self) -> "MinesweeperTask":
        if any(
            row >= len(self.grid) or column >= len(self.grid[0]) or self.grid[row][column] != HIDDEN
            for row, column in self.solution
        ):
            raise ValueError("a mine of the solution is no hidden cell")
        return self


@verifier("logic.minesweeper", version=1, task=MinesweeperTask, golds=stored("current_mines"))
def minesweeper(response: str, task: MinesweeperTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last list of places; it names every mine of the solution, and no cell that need not be one.

    Published rows: SynLogic's `minesweeper` (arXiv:2505.19641), which hold only what one simple rule finds: a cell
    more is right there where every arrangement that fits the numbers has a mine in it.
    """

    def read() -> list[list[int]]:
        found = sorted({*last_places(response)})
        if not all(0 <= row < len(task.grid) and 0 <= column < len(task.grid[0]) for row, column in found):
            raise Unread("a place is outside the grid", str(found))
        return [[row, column] for row, column in found]

    def fault(told: list[list[int]]) -> str | None:
        if any(place not in told for place in task.solution):
            return "a mine is missing"
        more = [(row, column) for row, column in told if [row, column] not in task.solution]
        known = {(row, column) for row, column in task.solution}
        steps = MAX_STEPS
        for row, column in more:
            steps = _must_be_mine(task.grid, (row, column), known, steps)
            if not steps:
                return f"({row}, {column}) need not be a mine"
        return None

    return judged(read, fault)


def _must_be_mine(grid: list[list[str]], place: Place, known: set[Place], left: int) -> int:
    """How many steps are left once it is shown that no arrangement fits in which the cell is free; else 0."""
    if grid[place[0]][place[1]] != HIDDEN:
        return 0
    counts = [
        (int(grid[row][column]), [near for near in neighbours((row, column), grid, AROUND) if _hidden(grid, near)])
        for row, column in places(grid)
        if grid[row][column] != HIDDEN
    ]

    def fits(mines: dict[Place, bool]) -> bool:
        nonlocal left
        left -= 1
        if left <= 0:
            return True
        open_ones: list[Place] = []
        settled = False
        while not settled:
            settled, open_ones = True, []
            for count, cells in counts:
                unknown = [cell for cell in cells if cell not in mines]
                missing = count - sum(mines.get(cell, False) for cell in cells)
                if not 0 <= missing <= len(unknown):
                    return False
                if unknown and missing in (0, len(unknown)):
                    mines.update(dict.fromkeys(unknown, missing > 0))
                    settled = False
                open_ones = open_ones or unknown
        if not open_ones:
            return True
        return any(fits({**mines, open_ones[0]: mine}) for mine in (True, False))

    return 0 if fits({**dict.fromkeys(known, True), place: False}) else left


def _hidden(grid: list[list[str]], place: Place) -> bool:
    return grid[place[0]][place[1]] == HIDDEN


class MinesweeperParameters(Parameters):
    """`mines` and `seen`: shares of the cells that are mines, and of the others that are seen."""

    side: int = dial(5, 10, ge=3, le=14)
    mines: float = dial(0.15, 0.22, ge=0.05, le=0.5)
    seen: float = dial(0.7, 0.45, ge=0.1, le=0.95)
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """In this game of Minesweeper, X is a hidden cell, and a number says how many of the up to eight cells \
around it are mines. Numbered cells are no mines.

{grid}

Which hidden cells are mines in every arrangement that fits the numbers? Give all of them at the end, as a list of \
(row, column), both counted from 0, in a fenced block:
```
[(row, column), …]
```""",
    "zh": """在这个扫雷局面中，X 是未揭开的格子，数字表示其周围（至多八个格子）的地雷数。有数字的格子不是地雷。

{grid}

哪些未揭开的格子在所有符合数字的布局中都是地雷？请在最后的代码块中以 (行, 列) 的列表给出全部，行列都从 0 开始：
```
[(行, 列), …]
```""",
}


@generator("logic.minesweeper", version=1, parameters=MinesweeperParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: MinesweeperParameters, /) -> Generated:
    """Random mines and random cells seen; a solver says which hidden cells are mines in every arrangement."""
    side = parameters.side
    for _ in range(MAX_TRIES):
        full = [[rng.random() < parameters.mines for _ in range(side)] for _ in range(side)]
        grid = [[HIDDEN] * side for _ in range(side)]
        for row, column in places(full):
            if not full[row][column] and rng.random() < parameters.seen:
                around = neighbours((row, column), full, AROUND)
                grid[row][column] = str(sum(full[other][at] for other, at in around))
        sure = _sure_mines(grid, full)
        if len(sure) >= 2:
            break
    else:
        raise NoTask(f"no {side} by {side} cells showed two mines")
    prompt = PROMPTS[parameters.language].format(grid=written(grid))
    mines = [[row, column] for row, column in sure]
    told = ", ".join(f"({row}, {column})" for row, column in sure)
    return Generated(prompt=prompt, task=MinesweeperTask(grid=grid, solution=mines), reference=f"```\n[{told}]\n```")


def _sure_mines(grid: list[list[str]], full: list[list[bool]]) -> list[Place]:
    with Puzzle() as puzzle:
        cells = {place: puzzle.literal() for place in places(grid) if _hidden(grid, place)}
        for row, column in places(grid):
            if (row, column) not in cells:
                near = [cells[one] for one in neighbours((row, column), grid, AROUND) if one in cells]
                puzzle.exactly(int(grid[row][column]), near)
        return [place for place, mine in cells.items() if full[place[0]][place[1]] and not puzzle.solvable([-mine])]
