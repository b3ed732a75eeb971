"""Number walls: islands of told sizes, parted by walls without a square of four."""

import json
from random import Random
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Puzzle, judged, last_grid, published, stored
from veriward.verifiers.logic.grids import (
    MAX_SIDE,
    Place,
    as_texts,
    neighbours,
    parts,
    places,
    require_rectangle,
    written,
)
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

Grid = list[list[str]]

WALL, LAND = "A", "X"
CELLS = {one: one for one in (WALL, LAND, *map(str, range(1, 100)))}
MAX_TRIES = 400

Row = Annotated[list[Annotated[str, Field(pattern="^(?:X|[1-9][0-9]?)$")]], Field(min_length=1, max_length=MAX_SIDE)]


class NumberWallTask(GameTask):
    """`grid`: rows of cells: the size of the island that holds the cell, or "X"."""

    grid: Annotated[
        list[Row],
        Field(min_length=1, max_length=MAX_SIDE),
        BeforeValidator(as_texts),
        AfterValidator(require_rectangle),
    ] = published("grid")


@verifier("logic.number_wall", version=1, task=NumberWallTask, golds=stored("solution"))
def number_wall(response: str, task: NumberWallTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid; every island holds one number, its size, and no two by two cells are all wall.

    A wall is "A", the other cells of islands stay "X", and numbers stay. Islands touch at corners at most; walls need
    not hang together. Any solution counts. Published rows: SynLogic's `number_wall` (arXiv:2505.19641).
    """
    height, width = len(task.grid), len(task.grid[0])
    return judged(lambda: last_grid(response, CELLS, height, width), lambda grid: _broken_rule(grid, task.grid))


def _broken_rule(grid: Grid, given: Grid) -> str | None:
    for row, column in places(grid):
        cell, asked = grid[row][column], given[row][column]
        if cell != asked if asked != LAND else cell not in (WALL, LAND):
            return f"row {row + 1}, column {column + 1} is changed"
    if _squares(grid):
        row, column = _squares(grid)[0]
        return f"at row {row + 1}, column {column + 1} begins a square of walls"
    land = [place for place in places(grid) if grid[place[0]][place[1]] != WALL]
    for island in parts(land, grid):
        numbers = [grid[row][column] for row, column in island if grid[row][column] != LAND]
        where = f"the island at row {island[0][0] + 1}, column {island[0][1] + 1}"
        if len(numbers) != 1:
            return f"{where} holds {len(numbers)} numbers"
        if int(numbers[0]) != len(island):
            return f"{where} has {len(island)} cells, not {numbers[0]}"
    return None


def _squares(grid: Grid) -> list[Place]:
    """The upper left cells of two by two walls."""
    return [
        (row, column)
        for row in range(len(grid) - 1)
        for column in range(len(grid[0]) - 1)
        if grid[row][column] == grid[row][column + 1] == grid[row + 1][column] == grid[row + 1][column + 1] == WALL
    ]


class NumberWallParameters(Parameters):
    """`largest`: cells of an island at most."""

    side: int = dial(3, 7, ge=3, le=8)
    largest: int = dial(3, 5, ge=2, le=6, about="cells of an island at most")
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """In this {side}x{side} grid, build walls, marked A, so that the other cells form islands.
- An island is cells that hang together edge to edge. It holds exactly one number, and has as many cells as that says, \
the one with the number among them.
- No two by two cells are all wall. Walls need not hang together.
- Numbers stay; the other cells of islands stay X.

{grid}

Give the whole grid at the end, all {side} rows, in a fenced block, as [[2, "X"], ["A", "A"]].""",
    "zh": """请在这个 {side}x{side} 的网格中建墙（标为 A），使其余格子形成岛屿。
- 岛屿由共边相连的格子组成，恰好包含一个数字，其格子总数（包括数字所在的格子）等于该数字。
- 不能出现全是墙的 2×2 方块。墙不必相连。
- 数字保持不变；岛屿的其他格子保持 X。

{grid}

请在最后用代码块给出完整的 {side} 行网格，形如 [[2, "X"], ["A", "A"]]。""",
}


@generator("logic.number_wall", version=1, parameters=NumberWallParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: NumberWallParameters, /) -> Generated:
    """Random islands wherever walls would make a square, until their numbers leave no other solution."""
    side = parameters.side
    for _ in range(MAX_TRIES):
        islands = _laid_out(rng, side, parameters.largest)
        if islands is None:
            continue
        seats = [rng.choice(island) for island in islands]
        if _only_solution(side, islands, seats):
            break
    else:
        raise NoTask(f"no islands on {side} by {side} were the only ones")
    full: list[list[Any]] = [[WALL] * side for _ in range(side)]
    grid = [[LAND] * side for _ in range(side)]
    for island, (seat_row, seat_column) in zip(islands, seats, strict=True):
        for row, column in island:
            full[row][column] = LAND
        full[seat_row][seat_column] = len(island)
        grid[seat_row][seat_column] = str(len(island))
    return Generated(
        prompt=PROMPTS[parameters.language].format(side=side, grid=written(grid)),
        task=NumberWallTask(grid=grid),
        reference=f"```\n{json.dumps(full)}\n```",
    )


def _laid_out(rng: Random, side: int, largest: int) -> list[list[Place]] | None:
    """Islands that leave no square of walls; None where one would have to touch another."""
    grid = [[WALL] * side for _ in range(side)]
    islands: list[list[Place]] = []

    def is_free(place: Place, island: list[Place]) -> bool:
        return grid[place[0]][place[1]] == WALL and all(
            grid[row][column] == WALL or (row, column) in island for row, column in neighbours(place, grid)
        )

    while squares := _squares(grid):
        row, column = rng.choice(squares)
        seats = [(row + down, column + right) for down in (0, 1) for right in (0, 1)]
        seats = [seat for seat in seats if is_free(seat, [])]
        if not seats:
            return None
        island = [rng.choice(seats)]
        grid[island[0][0]][island[0][1]] = LAND
        for _ in range(rng.randint(1, largest) - 1):
            room = [near for place in island for near in neighbours(place, grid) if is_free(near, island)]
            if not room:
                break
            island.append(rng.choice(room))
            grid[island[-1][0]][island[-1][1]] = LAND
        islands.append(island)
    return islands


def _only_solution(side: int, islands: list[list[Place]], seats: list[Place]) -> bool:
    """Whether no other cells around the seats make islands of these sizes that follow the rules."""
    grid = [[0] * side for _ in range(side)]
    with Puzzle() as puzzle:
        owners: dict[Place, list[int]] = {place: [] for place in places(grid)}
        solution = []
        for island, seat in zip(islands, seats, strict=True):
            shapes = _shapes(seat, len(island), grid, set(seats) - {seat})
            reach = sorted({place for shape in shapes for place in shape})
            mine = {place: puzzle.literal() for place in reach}
            puzzle.one_of([[mine[place] if place in shape else -mine[place] for place in reach] for shape in shapes])
            for place in reach:
                for near in (place, *neighbours(place, grid)):
                    for other in owners[near]:
                        puzzle.never([mine[place], other])
            for place, one in mine.items():
                owners[place].append(one)
            solution += [one if place in island else -one for place, one in mine.items()]
        for row in range(side - 1):
            for column in range(side - 1):
                square = ((row, column), (row, column + 1), (row + 1, column), (row + 1, column + 1))
                puzzle.any_of([one for place in square for one in owners[place]])
        return puzzle.unique(solution)


def _shapes(seat: Place, size: int, grid: list[list[int]], closed: set[Place]) -> list[frozenset[Place]]:
    """All islands of this size around the seat that keep away from the `closed` places."""
    closed = closed | {near for place in closed for near in neighbours(place, grid)}
    shapes = {frozenset([seat])}
    for _ in range(size - 1):
        shapes = {
            shape | {near}
            for shape in shapes
            for place in shape
            for near in neighbours(place, grid)
            if near not in shape and near not in closed
        }
    return sorted(shapes, key=sorted)
