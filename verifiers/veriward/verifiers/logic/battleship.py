"""Battleship: a fleet that lies without touching, so many cells of it in each row and column."""

from collections import Counter
from random import Random
from typing import Annotated

from pydantic import Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator, levels
from veriward.verifiers.logic import Puzzle, judged
from veriward.verifiers.logic.grids import AROUND, MAX_SIDE, Place, neighbours, parts, places
from veriward.verifiers.logic.shading import (
    FORM,
    CountedTask,
    Shading,
    count_clues,
    count_fault,
    fewest_counts,
    fewest_givens,
    last_shading,
    shaded,
    written,
)
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_TRIES = 200
DIAGONAL = ((1, -1), (1, 1))


class BattleshipTask(CountedTask):
    """`fleet`: the length of each ship; `given`, `rows` and `columns` tell of its cells."""

    fleet: Annotated[list[Annotated[int, Field(ge=1, le=MAX_SIDE)]], Field(min_length=1, max_length=60)]


@verifier("logic.battleship", version=1, task=BattleshipTask)
def battleship(response: str, task: BattleshipTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid of 0 and 1; it holds the fleet's ships, none touching another, and every count is right.

    A ship is a straight line of cells; ships do not touch at corners either. Any solution counts.
    """
    return judged(lambda: last_shading(response, task), lambda grid: _broken_rule(grid, task))


def _broken_rule(grid: Shading, task: BattleshipTask) -> str | None:
    fault = count_fault(grid, task)
    if fault is not None:
        return fault
    cells = shaded(grid)
    for place in cells:
        if any(grid[row][column] for row, column in neighbours(place, grid, DIAGONAL)):
            return f"at row {place[0] + 1}, column {place[1] + 1} ships touch at a corner, or one is bent"
    ships = Counter(map(len, parts(cells, grid)))
    return None if ships == Counter(task.fleet) else f"its ships are of the lengths {sorted(ships.elements())}"


class BattleshipParameters(Parameters):
    """`given_share`: share of cells told; `count_share`: of the counts; more where uniqueness needs it."""

    side: int = dial(5, 9, ge=4, le=10, about="rows and columns")
    fleet: list[int] = levels(
        [1, 1, 2, 3], [1, 1, 2, 2, 3], [1, 1, 1, 2, 2, 3], [1, 1, 1, 2, 2, 3, 4], [1, 1, 1, 1, 2, 2, 2, 3, 3, 4]
    )
    given_share: float = dial(0.15, 0.0, le=0.8, about="share of cells told at least")
    count_share: float = dial(1.0, 0.7, ge=0.0, about="share of counts told at least")


PROMPT = """On this {side}x{side} sea lies a fleet of ships of the lengths {fleet}, each a straight line of cells in a \
row or column. No two ships touch, not even at a corner. The numbers say how many cells of a row or column belong to \
ships; ? says nothing.

Ship cells in each row, from the top: {rows}
Ship cells in each column, from the left: {columns}

What is known of the cells (1 ship, 0 water, ? unknown):
{given}

Give all {side} rows {form}: 1 for a ship's cell, 0 for water."""


@generator("logic.battleship", version=1, parameters=BattleshipParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: BattleshipParameters, /) -> Generated:
    """A fleet laid at random, with as few cells and counts told as leave one solution."""
    side, fleet = parameters.side, sorted(parameters.fleet, reverse=True)
    for _ in range(MAX_TRIES):
        grid = _laid(rng, side, fleet)
        if grid is not None:
            break
    else:
        raise NoTask(f"the fleet {fleet} found no room on {side} by {side}")
    with Puzzle() as puzzle:
        cells = _rules(puzzle, side, fleet)
        clues = count_clues(puzzle, grid, cells)
        given = fewest_givens(rng, puzzle, grid, cells, parameters.given_share, clues)
        rows, columns = fewest_counts(rng, puzzle, grid, cells, given, clues, parameters.count_share)
    prompt = PROMPT.format(
        side=side,
        fleet=", ".join(map(str, fleet)),
        rows=written([rows]),
        columns=written([columns]),
        given=written(given),
        form=FORM,
    )
    task = BattleshipTask(fleet=fleet, given=given, rows=rows, columns=columns)
    return Generated(prompt=prompt, task=task, reference=f"```\n{grid}\n```")


def _lines(side: int, length: int) -> list[list[Place]]:
    """Everywhere that a ship of this length could lie."""
    ways = ((0, 1), (1, 0)) if length > 1 else ((0, 1),)
    return [
        [(row + step * down, column + step * right) for step in range(length)]
        for down, right in ways
        for row in range(side - down * (length - 1))
        for column in range(side - right * (length - 1))
    ]


def _laid(rng: Random, side: int, fleet: list[int]) -> Shading | None:
    grid = [[0] * side for _ in range(side)]
    taken: set[Place] = set()
    for length in fleet:
        room = [line for line in _lines(side, length) if taken.isdisjoint(line)]
        if not room:
            return None
        for place in rng.choice(room):
            grid[place[0]][place[1]] = 1
            taken.update([place, *neighbours(place, grid, AROUND)])
    return grid


def _rules(puzzle: Puzzle, side: int, fleet: list[int]) -> dict[Place, int]:
    grid = [[0] * side] * side
    cells = {place: puzzle.literal() for place in places(grid)}
    covers: dict[Place, list[int]] = {place: [] for place in cells}
    for length, count in sorted(Counter(fleet).items()):
        ships = []
        for line in _lines(side, length):
            ship = puzzle.literal()
            ships.append(ship)
            around = {near for place in line for near in neighbours(place, grid, AROUND)} - set(line)
            for place in line:
                puzzle.implies([ship], [cells[place]])
                covers[place].append(ship)
            for place in sorted(around):
                puzzle.implies([ship], [-cells[place]])
        puzzle.exactly(count, ships)
    for place, ships in covers.items():
        puzzle.implies([cells[place]], ships)
    return cells
