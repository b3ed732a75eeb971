"""Kakuro: runs of different digits with known sums, across and down."""

from collections.abc import Sequence
from itertools import chain
from random import Random
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Puzzle, judged, last_grid
from veriward.verifiers.logic.grids import MAX_SIDE, Place, parts, places, require_rectangle
from veriward.verifiers.logic.sums import sums_to
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

Grid = list[list[int]]

WALL, BLANK = "#", "."
CELLS = {"#": 0, **{str(digit): digit for digit in range(10)}}
MAX_TRIES = 500

Total = Annotated[list[Annotated[int, Field(ge=1, le=45)]], Field(min_length=3, max_length=3)]
Totals = Annotated[list[Total], Field(max_length=MAX_SIDE * MAX_SIDE)]


class KakuroTask(GameTask):
    """`puzzle`: rows of "#" (a wall), "." (blank) and given digits; `across` and `down`: `[row, column, sum]`, from
    1, of each run of two or more cells, by its first."""

    puzzle: Annotated[
        list[Annotated[str, Field(pattern=r"^[#.1-9]+$", min_length=2, max_length=MAX_SIDE)]],
        Field(min_length=2, max_length=MAX_SIDE),
        AfterValidator(require_rectangle),
    ]
    across: Totals
    down: Totals

    @model_validator(mode="after")
    def _one_sum_for_each_run(self) -> "KakuroTask":
        for name, told, runs in zip(("across", "down"), (self.across, self.down), _runs(self.puzzle), strict=True):
            if sorted((row, column) for row, column, _ in told) != sorted((r + 1, c + 1) for (r, c), *_ in runs):
                raise ValueError(f"{name} must have one sum for each run of two or more cells")
            if any(len(run) > 9 for run in runs):
                raise ValueError("a run has more cells than there are digits")
        return self


@verifier("logic.kakuro", version=1, task=KakuroTask)
def kakuro(response: str, task: KakuroTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid of digits, 0 or # on walls; every run has its sum and no digit twice, no given is changed.

    A run is a longest line of cells without a wall, across or down. Any solution counts.
    """
    height, width = len(task.puzzle), len(task.puzzle[0])
    return judged(lambda: last_grid(response, CELLS, height, width), lambda grid: _broken_rule(grid, task))


def _broken_rule(grid: Grid, task: KakuroTask) -> str | None:
    for row, column in places(grid):
        asked, digit = task.puzzle[row][column], grid[row][column]
        if (asked == WALL) != (digit == 0) or (asked.isdigit() and int(asked) != digit):
            return f"row {row + 1}, column {column + 1} is {digit} where the puzzle has {asked}"
    for told, runs in zip((task.across, task.down), _runs(task.puzzle), strict=True):
        sums = {(row - 1, column - 1): total for row, column, total in told}
        for run in runs:
            digits = [grid[row][column] for row, column in run]
            where = f"the run from row {run[0][0] + 1}, column {run[0][1] + 1}"
            if len(set(digits)) < len(digits):
                return f"{where} repeats a digit"
            if sum(digits) != sums[run[0]]:
                return f"{where} sums to {sum(digits)}, not {sums[run[0]]}"
    return None


def _runs(puzzle: Sequence[Sequence[str]]) -> tuple[list[list[Place]], list[list[Place]]]:
    """Runs of two or more cells across, and those down."""
    height, width = len(puzzle), len(puzzle[0])
    rows = [[(row, column) for column in range(width)] for row in range(height)]
    columns = [[(row, column) for row in range(height)] for column in range(width)]
    return _cut(puzzle, rows), _cut(puzzle, columns)


def _cut(puzzle: Sequence[Sequence[str]], lines: list[list[Place]]) -> list[list[Place]]:
    runs = []
    for line in lines:
        run: list[Place] = []
        for place in [*line, None]:
            if place is not None and puzzle[place[0]][place[1]] != WALL:
                run.append(place)
                continue
            if len(run) > 1:
                runs.append(run)
            run = []
    return runs


class KakuroParameters(Parameters):
    """`given_share`: share of cells that are given at least; more are where uniqueness needs it."""

    side: int = dial(3, 7, ge=3, le=10, about="rows and columns, walls among them")
    longest: int = dial(3, 5, ge=2, le=9, about="cells of a run, at most")
    given_share: float = dial(0.25, 0.0, le=0.8, about="share of cells given at least")


PROMPT = """Fill the blank cells of this {side}x{side} Kakuro with digits 1 to 9. A run is an unbroken line of cells \
between walls or edges, across or down; the digits of a run are all different and sum to what is told for it. # is a \
wall, . a blank cell, a digit is given.

{grid}

Runs across, by their first cell (row,column): {across}
Runs down: {down}

Give all {side} rows at the end, in a fenced block:
```
[[first row], [second row], …]
```
with the cells of a row apart by commas, and 0 for a wall."""


@generator("logic.kakuro", version=1, parameters=KakuroParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: KakuroParameters, /) -> Generated:
    """Random walls and digits, and as few givens as leave them the only solution of their sums."""
    side = parameters.side
    walls = _walls(rng, side, parameters.longest)
    across, down = _runs(walls)
    with Puzzle() as puzzle:
        cells = {place: puzzle.choice(9) for place in places(walls) if walls[place[0]][place[1]] != WALL}
        for run in chain(across, down):
            puzzle.different([cells[place] for place in run])
        chosen = puzzle.solution(rng, list(cells.values()))
        assert chosen is not None
        digits = {place: cells[place].index(one) + 1 for place, one in zip(cells, chosen, strict=True)}
        for run in chain(across, down):
            sums_to(puzzle, [cells[place] for place in run], sum(digits[place] for place in run))
        kept = set(puzzle.thinned(rng, chosen, chosen, round(parameters.given_share * len(cells))))
    given = {place: str(digits[place]) for place, one in zip(cells, chosen, strict=True) if one in kept}
    shown = [
        "".join(given.get((row, column), cell) for column, cell in enumerate(line)) for row, line in enumerate(walls)
    ]
    totals = [
        [[run[0][0] + 1, run[0][1] + 1, sum(digits[at] for at in run)] for run in some] for some in (across, down)
    ]
    texts = [", ".join(f"({row},{column}) {total}" for row, column, total in told) for told in totals]
    prompt = PROMPT.format(side=side, grid="\n".join(shown), across=texts[0], down=texts[1])
    grid = [[digits.get((row, column), 0) for column in range(side)] for row in range(side)]
    task = KakuroTask(puzzle=shown, across=totals[0], down=totals[1])
    return Generated(prompt=prompt, task=task, reference=f"```\n{grid}\n```")


def _walls(rng: Random, side: int, longest: int) -> list[list[str]]:
    """Walls that leave cells connected, and every one of them in a run across and in one down. Raises `NoTask`."""
    for _ in range(MAX_TRIES):
        grid = [[WALL if rng.random() < 0.2 else BLANK for _ in range(side)] for _ in range(side)]
        before = None
        while grid != before:
            before = [list(row) for row in grid]
            across, down = _runs(grid)
            for run in chain(across, down):
                if len(run) > longest:
                    row, column = run[rng.randint(2, len(run) - 1) if len(run) > 4 else -1]
                    grid[row][column] = WALL
            across, down = _runs(grid)
            kept = set(chain(*across)) & set(chain(*down))
            for row, column in places(grid):
                if (row, column) not in kept:
                    grid[row][column] = WALL
        free = [(row, column) for row, column in places(grid) if grid[row][column] != WALL]
        if len(free) >= 0.4 * side * side and len(parts(free, grid)) == 1:
            return grid
    raise NoTask(f"no walls of {side} by {side} left runs of at most {longest} cells")
