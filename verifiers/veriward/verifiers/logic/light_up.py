"""Light Up (Akari): lamps that light every free cell and never each other."""

from collections.abc import Sequence
from random import Random
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import Puzzle, judged
from veriward.verifiers.logic.grids import ACROSS, MAX_SIDE, Place, neighbours, places, require_rectangle
from veriward.verifiers.logic.shading import (
    FORM,
    UNKNOWN,
    Shading,
    ShadingTask,
    fewest_givens,
    given_fault,
    grid_of,
    last_shading,
    literals_of,
    shaded,
    written,
)
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

FREE, WALL = ".", "#"
MAX_TRIES = 50


class LightUpTask(ShadingTask):
    """`walls`: rows of "." (free), "#" (a wall) and "0" to "4" (a wall with so many lamps beside it)."""

    walls: Annotated[
        list[Annotated[str, Field(pattern=r"^[.#0-4]+$", max_length=MAX_SIDE)]],
        Field(min_length=2, max_length=MAX_SIDE),
        AfterValidator(require_rectangle),
    ]

    @model_validator(mode="after")
    def _of_one_size(self) -> "LightUpTask":
        if len(self.walls) != self.height or len(self.walls[0]) != self.width:
            raise ValueError("walls and givens must be of one size")
        if any(self.given[row][column] == "1" for row, column in places(self.walls) if self.walls[row][column] != FREE):
            raise ValueError("a lamp is given on a wall")
        return self


@verifier("logic.light_up", version=1, task=LightUpTask)
def light_up(response: str, task: LightUpTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid of 0 and 1 (1 is a lamp); every free cell is lit, no lamp by another, the walls' numbers hold.

    A lamp lights its row and column as far as the next wall. Lamps stand on free cells only. Any solution counts.
    """
    return judged(lambda: last_shading(response, task), lambda grid: _broken_rule(grid, task))


def _broken_rule(grid: Shading, task: LightUpTask) -> str | None:
    fault = given_fault(grid, task)
    if fault is not None:
        return fault
    lit: set[Place] = set()
    for place in shaded(grid):
        where = f"the lamp at row {place[0] + 1}, column {place[1] + 1}"
        if task.walls[place[0]][place[1]] != FREE:
            return f"{where} stands on a wall"
        seen = _seen(place, task.walls)
        if any(grid[row][column] for row, column in seen):
            return f"{where} is lit by another"
        lit.update([place, *seen])
    for row, column in places(task.walls):
        cell = task.walls[row][column]
        if cell == FREE and (row, column) not in lit:
            return f"row {row + 1}, column {column + 1} is dark"
        if cell.isdigit():
            lamps = sum(grid[near][at] for near, at in neighbours((row, column), grid))
            if lamps != int(cell):
                return f"beside the wall at row {row + 1}, column {column + 1} are {lamps} lamps, not {cell}"
    return None


def _seen(place: Place, walls: Sequence[str]) -> list[Place]:
    """The free cells that a lamp would light, apart from its own."""
    found = []
    for down, right in ACROSS:
        row, column = place[0] + down, place[1] + right
        while 0 <= row < len(walls) and 0 <= column < len(walls[0]) and walls[row][column] == FREE:
            found.append((row, column))
            row, column = row + down, column + right
    return found


class LightUpParameters(Parameters):
    """`given_share`: share of free cells told; `number_share`: of walls; more where uniqueness needs it."""

    side: int = dial(4, 9, ge=3, le=12, about="rows and columns")
    wall_share: float = dial(0.3, 0.22, ge=0.1, le=0.5, about="share of cells that are walls")
    given_share: float = dial(0.15, 0.0, le=0.8, about="share of free cells told at least")
    number_share: float = dial(1.0, 0.3, ge=0.0, about="share of walls whose number is told at least")


PROMPT = """Place lamps on free cells of this {side}x{side} grid. A lamp lights its own cell and all cells of its row \
and column up to the next wall. Every free cell must be lit, and no lamp may be lit by another. A number on a wall \
says how many of the cells that share an edge with it hold a lamp.

. is a free cell, # a wall, a digit a wall with its number:
{walls}

What is known of the cells (1 lamp, 0 no lamp or a wall, ? unknown):
{given}

Give all {side} rows {form}: 1 for a lamp, 0 elsewhere."""


@generator("logic.light_up", version=1, parameters=LightUpParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: LightUpParameters, /) -> Generated:
    """Random walls and lamps, with as few cells and numbers told as leave one solution."""
    side = parameters.side
    for _ in range(MAX_TRIES):
        plain = [
            "".join(WALL if rng.random() < parameters.wall_share else FREE for _ in range(side)) for _ in range(side)
        ]
        with Puzzle() as puzzle:
            cells = _rules(puzzle, plain)
            chosen = puzzle.solution(rng, [(one, -one) for one in cells.values()]) if cells else None
            if chosen is None:
                continue
            grid = grid_of(chosen, cells, side, side)
            numbers, clues = _number_clues(puzzle, plain, grid, cells)
            given = fewest_givens(rng, puzzle, grid, cells, parameters.given_share, clues)
            solution = literals_of(grid, cells)
            known = [one for (row, column), one in zip(cells, solution, strict=True) if given[row][column] != UNKNOWN]
            kept = puzzle.thinned(rng, solution, clues, round(parameters.number_share * len(clues)), known)
        if UNKNOWN not in "".join(given):
            continue
        told = {place: count for (place, count), clue in zip(numbers.items(), clues, strict=True) if clue in kept}
        walls = [
            "".join(str(told.get((row, column), cell)) for column, cell in enumerate(line))
            for row, line in enumerate(plain)
        ]
        prompt = PROMPT.format(side=side, walls="\n".join(walls), given=written(given), form=FORM)
        return Generated(prompt=prompt, task=LightUpTask(walls=walls, given=given), reference=f"```\n{grid}\n```")
    raise NoTask(f"no walls of {side} by {side} left lamps to find")


def _rules(puzzle: Puzzle, walls: Sequence[str]) -> dict[Place, int]:
    cells = {place: puzzle.literal() for place in places(walls) if walls[place[0]][place[1]] == FREE}
    for place, one in cells.items():
        seen = _seen(place, walls)
        puzzle.any_of([one, *(cells[other] for other in seen)])
        for other in seen:
            if place < other:
                puzzle.never([one, cells[other]])
    return cells


def _number_clues(
    puzzle: Puzzle, walls: Sequence[str], grid: Shading, cells: dict[Place, int]
) -> tuple[dict[Place, int], list[int]]:
    """What each wall's number would be, and for each a literal that implies it."""
    numbers = {}
    for place in places(walls):
        if walls[place[0]][place[1]] == WALL:
            numbers[place] = sum(grid[row][column] for row, column in neighbours(place, grid))
    clues = puzzle.literals(len(numbers))
    for clue, (place, count) in zip(clues, numbers.items(), strict=True):
        puzzle.exactly(count, [cells[near] for near in neighbours(place, walls) if near in cells], where=clue)
    return numbers, clues
