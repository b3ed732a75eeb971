"""Calcudoku: a Latin square in cages, whose numbers sum, multiply, subtract or divide to a target."""

import re
from collections.abc import Sequence
from itertools import permutations
from math import prod
from random import Random
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator, levels
from veriward.verifiers.logic import GameTask, Puzzle, judged, last_grid, published, stored, whole_numbers
from veriward.verifiers.logic.grids import neighbours, places
from veriward.verifiers.logic.latin import Grid, fault_of, latin_rules, values_of
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_CAGE = 9
MAX_TRIES = 200
MAX_STEPS = 20_000  # of the search that finds a published row without a solution

_PLACE = re.compile(r"\(\s*([1-9])\s*,\s*([1-9])\s*\)")


def _places(cells: Any) -> Any:
    """A published cage's "(1,3)" as `[1, 3]`."""
    if not isinstance(cells, list):
        return cells
    found = [_PLACE.fullmatch(cell) if isinstance(cell, str) else None for cell in cells]
    return [[int(one[1]), int(one[2])] if one else cell for one, cell in zip(found, cells, strict=True)]


Cell = Annotated[list[Annotated[int, Field(ge=1, le=9)]], Field(min_length=2, max_length=2)]


class Cage(BaseModel):
    """`cells`: rows and columns from 1; `operator` and `target`: what their numbers make. A single cell takes "+"."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    cells: Annotated[list[Cell], Field(min_length=1, max_length=MAX_CAGE), BeforeValidator(_places)]
    target: int = Field(ge=0, le=9**MAX_CAGE)
    operator: Literal["+", "-", "*", "÷"]


class CalcudokoTask(GameTask):
    """`side` of the square, and its cages in `regions`; a cell in none is free."""

    side: int = published("grid_size", ge=2, le=9)
    regions: Annotated[list[Cage], Field(max_length=81)] = published("regions")

    @model_validator(mode="after")
    def _possible(self) -> "CalcudokoTask":
        cells = [tuple(cell) for cage in self.regions for cell in cage.cells]
        if len(set(cells)) < len(cells) or max((max(cell) for cell in cells), default=1) > self.side:
            raise ValueError(f"every cell of a cage must be of {self.side} by {self.side}, and of no other cage")
        # Of published rows many have no solution; our own are made of one.
        if self.answer is not None and not _solvable(self.side, self.regions):
            raise ValueError("no grid fulfils all cages")
        return self


@verifier("logic.calcudoko", version=1, task=CalcudokoTask, golds=stored())
def calcudoko(response: str, task: CalcudokoTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid; rows, columns and cages hold no number twice, and every cage makes its target.

    A difference or quotient is of the largest number by all others. Any solution counts; `[[1 2,2 1]]` is read too.
    Published rows: SynLogic's `calcudoko` (arXiv:2505.19641), where short rows were filled with ones; the rows that no
    grid can fulfil are told to be broken tasks.
    """
    side = task.side
    return judged(
        lambda: last_grid(response, whole_numbers(1, side), side, side), lambda grid: _broken_rule(grid, task)
    )


def _broken_rule(grid: Grid, task: CalcudokoTask) -> str | None:
    fault = fault_of(grid, [[0] * task.side] * task.side)
    if fault is not None:
        return fault
    for cage in task.regions:
        numbers = [grid[row - 1][column - 1] for row, column in cage.cells]
        row, column = cage.cells[0]
        if len(set(numbers)) < len(numbers):
            return f"the cage at ({row},{column}) repeats a number"
        if not _makes(numbers, cage.operator, cage.target):
            return f"the cage at ({row},{column}) does not make {cage.target}{cage.operator}"
    return None


def _makes(numbers: Sequence[int], operator: str, target: int) -> bool:
    most = max(numbers)
    match operator:
        case "+":
            return sum(numbers) == target
        case "-":
            return 2 * most - sum(numbers) == target
        case "*":
            return prod(numbers) == target
    return most * most == target * prod(numbers)


def _solvable(side: int, cages: Sequence[Cage]) -> bool:
    """False where a search shows that there is no solution; True where it finds one, or gives up."""
    grid = [[0] * side for _ in range(side)]
    order = [(row - 1, column - 1) for cage in cages for row, column in cage.cells]
    order += [place for place in places(grid) if place not in order]
    ends = {}
    at = 0
    for cage in cages:
        at += len(cage.cells)
        ends[at - 1] = cage
    left = MAX_STEPS

    def filled(at: int) -> bool:
        nonlocal left
        if at == len(order):
            return True
        row, column = order[at]
        seen = {*grid[row], *(cells[column] for cells in grid)}
        for number in range(1, side + 1):
            left -= 1
            if left < 0:
                return True
            if number in seen:
                continue
            grid[row][column] = number
            cage = ends.get(at)
            numbers = [grid[one - 1][other - 1] for one, other in cage.cells] if cage else []
            fits = cage is None or (len(set(numbers)) == len(numbers) and _makes(numbers, cage.operator, cage.target))
            if fits and filled(at + 1):
                return True
        grid[row][column] = 0
        return False

    return filled(0)


class CalcudokoParameters(Parameters):
    """`largest`: cells of a cage at most."""

    side: Literal[3, 4, 5, 6] = levels(3, 4, 5, 6, about="rows, columns and numbers")
    largest: int = dial(2, 4, ge=2, le=5, about="cells of a cage at most")
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """Fill a {side}x{side} grid with the numbers 1 to {side}, so that no row, no column and no cage repeats a \
number. Each cage is given by its cells (row,column), counted from 1, and by what its numbers make: 12+ is their sum, \
12* their product, 2- the largest less all others, 2÷ the largest divided by all others.

{cages}

Give all {side} rows at the end, in double square brackets: numbers apart by blanks, rows by commas, as [[A B,C D]].""",
    "zh": """请在 {side}x{side} 的网格中填入 1 到 {side} 的数字，每行、每列和每个区域内数字都不重复。\
每个区域由其单元格（行,列，从 1 开始）和运算结果给出：\
12+ 表示数字之和，12* 表示乘积，2- 表示最大数减去其余各数，2÷ 表示最大数除以其余各数。

{cages}

请在最后用双方括号给出全部 {side} 行：数字之间用空格分隔，行之间用逗号分隔，形如 [[A B,C D]]。""",
}


@generator("logic.calcudoko", version=1, parameters=CalcudokoParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: CalcudokoParameters, /) -> Generated:
    """A random Latin square cut into random cages, until its cages leave no other solution."""
    side = parameters.side
    puzzle, cells = latin_rules(side)
    for _ in range(MAX_TRIES):
        chosen = puzzle.solution(rng, [cell for row in cells for cell in row])
        assert chosen is not None
        grid = values_of(cells, chosen)
        cages = _cages(rng, grid, parameters.largest)
        given = [_clue(puzzle, cells, cage) for cage in cages]
        if puzzle.unique(chosen, given):
            break
    else:
        raise NoTask(f"no cages of {parameters.largest} cells made a {side} by {side} grid the only one")
    told = "\n".join(
        f"{''.join(f'({row},{column})' for row, column in cage.cells)}: {cage.target}{cage.operator}" for cage in cages
    )
    answer = ",".join(" ".join(map(str, row)) for row in grid)
    return Generated(
        prompt=PROMPTS[parameters.language].format(side=side, cages=told),
        task=CalcudokoTask(side=side, regions=cages),
        reference=f"[[{answer}]]",
    )


def _cages(rng: Random, grid: Grid, largest: int) -> list[Cage]:
    """Connected cells with different numbers, of two to `largest`; single ones where nothing else is left."""
    left = dict.fromkeys(rng.sample(places(grid), len(grid) ** 2))
    cages = []
    while left:
        cage = [next(iter(left))]
        del left[cage[0]]
        size = rng.randint(2, largest)
        while len(cage) < size:
            used = {grid[row][column] for row, column in cage}
            near = [
                one
                for place in cage
                for one in neighbours(place, grid)
                if one in left and grid[one[0]][one[1]] not in used
            ]
            if not near:
                break
            cage.append(rng.choice(near))
            del left[cage[-1]]
        numbers = [grid[row][column] for row, column in cage]
        signs = [sign for sign in "+*" if len(cage) > 1 or sign == "+"]
        most, total, product = max(numbers), sum(numbers), prod(numbers)
        if len(cage) == 2:
            signs += "-"
        if len(cage) == 2 and most * most % product == 0:
            signs += "÷"
        sign: Any = rng.choice(signs)
        target = {"+": total, "*": product, "-": 2 * most - total, "÷": most * most // product}[sign]
        cages.append(Cage(cells=[[row + 1, column + 1] for row, column in sorted(cage)], target=target, operator=sign))
    return sorted(cages, key=lambda cage: cage.cells)


def _clue(puzzle: Puzzle, cells: list[list[list[int]]], cage: Cage) -> int:
    """A literal that implies the cage."""
    where = puzzle.literal()
    inside = [cells[row - 1][column - 1] for row, column in cage.cells]
    rows = [
        [cell[number - 1] for cell, number in zip(inside, numbers, strict=True)]
        for numbers in permutations(range(1, len(cells) + 1), len(inside))
        if _makes(numbers, cage.operator, cage.target)
    ]
    puzzle.one_of(rows, where=where)
    return where
