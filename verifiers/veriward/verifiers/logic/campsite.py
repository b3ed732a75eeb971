"""Campsite: a tent beside every tree, no two tents touching, as many in each row and column as told."""

import json
from random import Random
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Puzzle, judged, last_grid, published, stored
from veriward.verifiers.logic.grids import AROUND, MAX_SIDE, Place, neighbours, places, require_rectangle, written
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

Grid = list[list[str]]

TREE, TENT, FREE = "T", "C", "X"
CELLS = {one: one for one in (TREE, TENT, FREE)}
MAX_TRIES = 200

Row = Annotated[list[Literal["T", "X"]], Field(min_length=1, max_length=MAX_SIDE)]
Counts = Annotated[list[Annotated[int, Field(ge=0, le=MAX_SIDE)]], Field(min_length=1, max_length=MAX_SIDE)]


class CampsiteTask(GameTask):
    """`grid`: rows of "T" for a tree and "X" for a free cell; how many tents stand in the `rows` and `columns`."""

    grid: Annotated[list[Row], Field(min_length=1, max_length=MAX_SIDE), AfterValidator(require_rectangle)] = published(
        "grid"
    )
    rows: Counts = published("row_constraints")
    columns: Counts = published("col_constraints")

    @model_validator(mode="after")
    def _of_one_size(self) -> "CampsiteTask":
        if len(self.rows) != len(self.grid) or len(self.columns) != len(self.grid[0]):
            raise ValueError("there must be one count for each row and column")
        return self


@verifier("logic.campsite", version=1, task=CampsiteTask, golds=stored("solution"))
def campsite(response: str, task: CampsiteTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid; counts are right, no two tents touch, and every tree has a tent of its own beside it.

    Trees stay, and there are as many tents as trees. Any solution counts. Published rows: SynLogic's `campsite`
    (arXiv:2505.19641), of which the last grid counts, not the first.
    """
    height, width = len(task.grid), len(task.grid[0])
    return judged(lambda: last_grid(response, CELLS, height, width), lambda grid: _broken_rule(grid, task))


def _broken_rule(grid: Grid, task: CampsiteTask) -> str | None:
    for at, (row, given) in enumerate(zip(grid, task.grid, strict=True), 1):
        if any((cell == TREE) != (asked == TREE) for cell, asked in zip(row, given, strict=True)):
            return f"a tree of row {at} is changed"
    for name, lines, counts in (("row", grid, task.rows), ("column", list(zip(*grid, strict=True)), task.columns)):
        for at, (line, count) in enumerate(zip(lines, counts, strict=True), 1):
            if line.count(TENT) != count:
                return f"{name} {at} has {line.count(TENT)} tents, not {count}"
    tents = [place for place in places(grid) if grid[place[0]][place[1]] == TENT]
    if any(grid[row][column] == TENT for tent in tents for row, column in neighbours(tent, grid, AROUND)):
        return "two tents touch"
    trees = [place for place in places(grid) if grid[place[0]][place[1]] == TREE]
    if len(tents) != len(trees) or not _paired(grid, tents):
        return "trees and tents are no pairs"
    return None


def _paired(grid: Grid, tents: list[Place]) -> bool:
    """Whether every tent has a tree beside it that is no other tent's: augmenting paths."""
    owner: dict[Place, Place] = {}

    def finds(tent: Place, tried: set[Place]) -> bool:
        for tree in neighbours(tent, grid):
            if grid[tree[0]][tree[1]] == TREE and tree not in tried:
                tried.add(tree)
                if tree not in owner or finds(owner[tree], tried):
                    owner[tree] = tent
                    return True
        return False

    return all(finds(tent, set()) for tent in tents)


class CampsiteParameters(Parameters):
    """`tree_share`: share of cells with a tree, as far as there is room."""

    side: int = dial(4, 9, ge=3, le=12)
    tree_share: float = dial(0.15, 0.2, ge=0.05, le=0.25)
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """Place tents on this {side}x{side} campsite, in which T is a tree and X a free cell.
- Beside every tree, in a cell that shares an edge with it, stands a tent of its own: there are as many tents as trees.
- No two tents touch, not even at a corner.
- Tents per row, from the top: {rows}. Tents per column, from the left: {columns}.

{grid}

Give the whole grid with C for every tent at the end, all {side} rows, in a fenced block, as \
[["T", "C"], ["X", "X"]].""",
    "zh": """请在这个 {side}x{side} 的营地中放置帐篷，T 表示树，X 表示空地。
- 每棵树都有一个属于自己的帐篷，位于与它共边的格子中：帐篷和树的数量相等。
- 任何两个帐篷都不相邻，对角也不行。
- 各行（从上到下）的帐篷数：{rows}。各列（从左到右）的帐篷数：{columns}。

{grid}

请在最后用代码块给出完整的 {side} 行网格，帐篷记为 C，形如 [["T", "C"], ["X", "X"]]。""",
}


@generator("logic.campsite", version=1, parameters=CampsiteParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: CampsiteParameters, /) -> Generated:
    """Random tents, each with a tree beside it, until their counts leave no other solution."""
    side = parameters.side
    for _ in range(MAX_TRIES):
        full = _laid_out(rng, side, max(2, round(parameters.tree_share * side * side)))
        if _only_solution(full):
            break
    else:
        raise NoTask(f"no campsite of {side} by {side} had one solution")
    grid = [[FREE if cell == TENT else cell for cell in row] for row in full]
    rows = [row.count(TENT) for row in full]
    columns = [column.count(TENT) for column in zip(*full, strict=True)]
    prompt = PROMPTS[parameters.language].format(side=side, rows=rows, columns=columns, grid=written(grid))
    return Generated(
        prompt=prompt,
        task=CampsiteTask.model_validate({"grid": grid, "rows": rows, "columns": columns}),
        reference=f"```\n{json.dumps(full)}\n```",
    )


def _laid_out(rng: Random, side: int, count: int) -> Grid:
    grid = [[FREE] * side for _ in range(side)]
    for tent in rng.sample(places(grid), side * side):
        room = [one for one in neighbours(tent, grid) if grid[one[0]][one[1]] == FREE]
        touches = any(grid[row][column] == TENT for row, column in neighbours(tent, grid, AROUND))
        if count and room and not touches and grid[tent[0]][tent[1]] == FREE:
            row, column = rng.choice(room)
            grid[tent[0]][tent[1]], grid[row][column] = TENT, TREE
            count -= 1
    return grid


def _only_solution(full: Grid) -> bool:
    with Puzzle() as puzzle:
        tents = {place: puzzle.literal() for place in places(full) if full[place[0]][place[1]] != TREE}
        pairs: dict[Place, list[int]] = {place: [] for place in tents}
        for tree in places(full):
            if tree not in tents:
                near = [place for place in neighbours(tree, full) if place in tents]
                chosen = puzzle.choice(len(near))
                for place, one in zip(near, chosen, strict=True):
                    pairs[place].append(one)
        for place, tent in tents.items():
            puzzle.implies([tent], pairs[place])
            puzzle.at_most(1, pairs[place])
            for one in pairs[place]:
                puzzle.implies([one], [tent])
            for other in neighbours(place, full, AROUND):
                if other in tents and other > place:
                    puzzle.never([tent, tents[other]])
        for line in [*_lines(full), *zip(*_lines(full), strict=True)]:
            some = [tents[place] for place in line if place in tents]
            puzzle.exactly(sum(full[row][column] == TENT for row, column in line), some)
        solution = [one if full[place[0]][place[1]] == TENT else -one for place, one in tents.items()]
        return puzzle.unique(solution)


def _lines(grid: Grid) -> list[list[Place]]:
    return [[(row, column) for column in range(len(grid[0]))] for row in range(len(grid))]
