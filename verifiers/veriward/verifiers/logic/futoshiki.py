"""Futoshiki: a Latin square whose neighbours stand in given orders."""

from functools import cache
from random import Random
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator, levels
from veriward.verifiers.logic import GameTask, Puzzle, judged, last_grid, published, whole_numbers
from veriward.verifiers.logic.latin import (
    Grid,
    Rows,
    blanks_as_0,
    fault_of,
    latin_rules,
    only,
    require_square,
    values_of,
    written,
)
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import InvalidTask, Verdict

MAX_SIGNS = 200
MAX_STEPS = 20_000  # of the search that finds a published row without a solution

Place = Annotated[list[Annotated[int, Field(ge=0, le=8)]], Field(min_length=2, max_length=2)]
Sign = Annotated[list[Place | Literal["<", ">"]], Field(min_length=3, max_length=3)]


class FutoshikiTask(GameTask):
    """`puzzle`: rows of numbers, 0 where blank; `constraints`: `[[row, column], [row, column], "<" or ">"]` from 0."""

    puzzle: Annotated[Rows, BeforeValidator(blanks_as_0), AfterValidator(require_square)]
    constraints: Annotated[list[Sign], Field(max_length=MAX_SIGNS)] = published("constraints")

    @classmethod
    def of_row(cls, answer: Any, metadata: dict[str, Any]) -> dict[str, Any]:
        """SynLogic gives the places of the givens; what stands there is told by the row's answer."""
        if "puzzle" in metadata:
            return {"puzzle": metadata["puzzle"]}
        side, places = metadata.get("grid_size"), metadata.get("prefilled_coords")
        if not isinstance(side, int) or not 2 <= side <= 9:
            raise InvalidTask("metadata.grid_size", "must be a number from 2 to 9")
        if not isinstance(places, list):
            raise InvalidTask("metadata.prefilled_coords", "must be a list of places")
        puzzle = [[0] * side for _ in range(side)]
        for at, place in enumerate(places):
            try:
                row, column = place
                puzzle[row][column] = answer[row][column]
            except (TypeError, ValueError, IndexError, KeyError):
                message = "is no place for which the answer has a number"
                raise InvalidTask(f"metadata.prefilled_coords[{at}]", message) from None
        return {"puzzle": puzzle}

    @model_validator(mode="after")
    def _possible(self) -> "FutoshikiTask":
        side = len(self.puzzle)
        for sign in self.constraints:
            first, second, order = sign
            if isinstance(first, str) or isinstance(second, str) or not isinstance(order, str):
                raise ValueError("a constraint must be two places and a sign")
            if max(*first, *second) >= side:
                raise ValueError(f"a constraint names a place outside {side} by {side}")
        # Of published rows many have no solution; our own are made of one.
        if self.answer is not None and not _solvable(self.puzzle, self.constraints):
            raise ValueError("no grid fulfils the constraints and holds the givens")
        return self


@verifier("logic.futoshiki", version=1, task=FutoshikiTask)
def futoshiki(response: str, task: FutoshikiTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid; rows and columns hold each number once, every sign is true, and no given is changed.

    Any solution counts. Published rows: SynLogic's `futoshiki` (arXiv:2505.19641); of those, the ones that no grid can
    fulfil are told to be broken tasks.
    """
    side = len(task.puzzle)
    return judged(
        lambda: last_grid(response, whole_numbers(1, side), side, side), lambda grid: _broken_rule(grid, task)
    )


def _broken_rule(grid: Grid, task: FutoshikiTask) -> str | None:
    return fault_of(grid, task.puzzle) or next(
        (f"{_sign(one)} does not hold" for one in task.constraints if not _holds(grid, one)), None
    )


def _holds(grid: Grid, sign: Any) -> bool:
    """Whether the sign is true; where one of its cells is blank still, it may be."""
    (row, column), (other_row, other_column), order = sign
    left, right = grid[row][column], grid[other_row][other_column]
    return not left or not right or (left < right if order == "<" else left > right)


def _sign(sign: Any) -> str:
    (row, column), (other_row, other_column), order = sign
    return f"({row + 1},{column + 1}) {order} ({other_row + 1},{other_column + 1})"


def _solvable(puzzle: Grid, signs: list[Any]) -> bool:
    """False where a search shows that there is no solution; True where it finds one, or gives up."""
    grid = [list(row) for row in puzzle]
    side = len(grid)
    blanks = [(row, column) for row in range(side) for column in range(side) if not grid[row][column]]
    touching: dict[tuple[int, ...], list[Any]] = {}
    for sign in signs:
        for place in sign[:2]:
            touching.setdefault(tuple(place), []).append(sign)
    steps = 0

    def fill(at: int) -> bool:
        nonlocal steps
        if at == len(blanks):
            return True
        row, column = blanks[at]
        taken = {*grid[row], *(other[column] for other in grid)}
        for value in range(1, side + 1):
            steps += 1
            if steps > MAX_STEPS:
                return True
            if value in taken:
                continue
            grid[row][column] = value
            if all(_holds(grid, sign) for sign in touching.get((row, column), ())) and fill(at + 1):
                return True
            grid[row][column] = 0
        return False

    return all(_holds(grid, sign) for sign in signs) and fill(0)


class FutoshikiParameters(Parameters):
    """`given_share`: share of cells that are given at least; `sign_share`: share of neighbours with a sign."""

    side: Literal[4, 5, 6, 7] = levels(4, 5, 6, 6, 7, about="rows, columns and numbers")
    given_share: float = dial(0.3, 0.0, le=0.8, about="share of cells given at least; more where uniqueness needs it")
    sign_share: float = dial(0.5, 0.4, ge=0.1, le=1.0, about="share of neighbours with a sign between them")
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """Fill this {side}x{side} grid so that every row and every column holds each of the numbers 1 to {side} \
exactly once, and every inequality below holds. 0 is a blank cell; (i,j) is the cell in row i and column j.

{grid}

{signs}

Give all {side} rows at the end, in a fenced block:
```
[[first row], [second row], …]
```
with the cells of a row apart by commas.""",
    "zh": """请填写这个 {side}x{side} 的不等式数独：每行每列中数字 1 到 {side} 各出现一次，并满足下列所有不等式。\
0 表示空格，(i,j) 表示第 i 行第 j 列。

{grid}

{signs}

请在最后用代码块给出全部 {side} 行：
```
[[第一行], [第二行], …]
```
同一行的数字用逗号分隔。""",
}


@generator("logic.futoshiki", version=1, parameters=FutoshikiParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: FutoshikiParameters, /) -> Generated:
    """A random Latin square and signs that are true in it, with as many givens as leave it the only solution."""
    side = parameters.side
    puzzle, cells, orders = _rules(side)
    chosen = puzzle.solution(rng, [cell for row in cells for cell in row])
    assert chosen is not None
    grid = values_of(cells, chosen)
    pairs = rng.sample(list(orders), max(1, round(parameters.sign_share * len(orders))))
    true = {pair: "<" if grid[pair[0][0]][pair[0][1]] < grid[pair[1][0]][pair[1][1]] else ">" for pair in sorted(pairs)}
    held = [orders[pair][sign] for pair, sign in true.items()]
    kept = puzzle.thinned(rng, chosen, chosen, round(parameters.given_share * side * side), held)
    signs: list[Any] = [[list(first), list(second), sign] for (first, second), sign in true.items()]
    shown = only(grid, chosen, kept)
    prompt = PROMPTS[parameters.language].format(
        side=side, grid=written(shown), signs="\n".join(_sign(sign) for sign in signs)
    )
    task = FutoshikiTask(puzzle=shown, constraints=signs)
    return Generated(prompt=prompt, task=task, reference=f"```\n{grid}\n```")


Pair = tuple[tuple[int, int], tuple[int, int]]


@cache
def _rules(side: int) -> tuple[Puzzle, list[list[list[int]]], dict[Pair, dict[str, int]]]:
    """The rules of the square, its cells, and for every two neighbours the literals that put them in order."""
    puzzle, cells = latin_rules(side)
    orders: dict[Pair, dict[str, int]] = {}
    for row in range(side):
        for column in range(side):
            for other in ((row, column + 1), (row + 1, column)):
                if max(other) < side:
                    less, more = puzzle.literals(2)
                    _order(puzzle, less, cells[row][column], cells[other[0]][other[1]])
                    _order(puzzle, more, cells[other[0]][other[1]], cells[row][column])
                    orders[(row, column), other] = {"<": less, ">": more}
    return puzzle, cells, orders


def _order(puzzle: Puzzle, where: int, small: list[int], large: list[int]) -> None:
    for value, literal in enumerate(small):
        puzzle.implies([where, literal], large[value + 1 :])
