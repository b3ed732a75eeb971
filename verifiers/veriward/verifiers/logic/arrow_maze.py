"""Arrow mazes: from each number run straight rays of arrows, together as many as it says, and fill the grid."""

import json
from random import Random
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Puzzle, judged, last_grid, published, stored
from veriward.verifiers.logic.grids import MAX_SIDE, Place, as_texts, neighbours, places, require_rectangle, written
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

Maze = list[list[str]]

ARROWS = {
    "↑": (-1, 0), "↓": (1, 0), "←": (0, -1), "→": (0, 1), "↖": (-1, -1), "↗": (-1, 1), "↘": (1, 1), "↙": (1, -1),
}  # fmt: skip
CELLS = {one: one for one in (*ARROWS, *map(str, range(100)))}
BLANK = "X"
MAX_TRIES = 100

Row = Annotated[
    list[Annotated[str, Field(pattern=r"^(?:X|[↑↓←→↖↗↘↙]|[0-9]{1,2})$")]], Field(min_length=1, max_length=MAX_SIDE)
]


class ArrowMazeTask(GameTask):
    """`maze`: rows of cells: a number where rays begin, an arrow that is given, "X" where one is asked for."""

    maze: Annotated[
        list[Row],
        Field(min_length=1, max_length=MAX_SIDE),
        BeforeValidator(as_texts),
        AfterValidator(require_rectangle),
    ] = published("maze")


@verifier("logic.arrow_maze", version=1, task=ArrowMazeTask, golds=stored("solution"))
def arrow_maze(response: str, task: ArrowMazeTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid; every blank is an arrow, each on a ray of a number, and each number has as many as it says.

    A ray is a line of equal arrows that leads away from its number. What is given stays. Any solution counts. Published
    rows: SynLogic's `arrow_maze` (arXiv:2505.19641), whose answers were evaluated as code.
    """
    height, width = len(task.maze), len(task.maze[0])
    return judged(lambda: last_grid(response, CELLS, height, width), lambda grid: _broken_rule(grid, task.maze))


def _broken_rule(grid: Maze, maze: Maze) -> str | None:
    for row, column in places(maze):
        cell, asked = grid[row][column], maze[row][column]
        if cell not in ARROWS if asked == BLANK else cell != asked:
            where = f"row {row + 1}, column {column + 1}"
            return f"there is no arrow at {where}" if asked == BLANK else f"what is given at {where} is changed"
    reached = 0
    for row, column in places(grid):
        if grid[row][column] not in ARROWS:
            count = _arrows_from(grid, (row, column))
            if count != int(grid[row][column]):
                return f"from row {row + 1}, column {column + 1} run {count} arrows, not {grid[row][column]}"
            reached += count
    if reached < sum(cell in ARROWS for cells in grid for cell in cells):
        return "an arrow is on no ray"
    return None


def _arrows_from(grid: Maze, place: Place) -> int:
    count = 0
    for arrow, (down, right) in ARROWS.items():
        row, column = place[0] + down, place[1] + right
        while 0 <= row < len(grid) and 0 <= column < len(grid[0]) and grid[row][column] == arrow:
            row, column, count = row + down, column + right, count + 1
    return count


class ArrowMazeParameters(Parameters):
    """`reach`: arrows of a ray at most; `given_share`: share of arrows given; more where uniqueness needs it."""

    side: int = dial(3, 7, ge=3, le=9)
    reach: int = dial(2, 4, ge=1, le=6, about="arrows of a ray when it is laid, at most")
    given_share: float = dial(0.4, 0.0, le=0.8, about="share of arrows given at least; more where uniqueness needs it")
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """In this {side}x{side} maze, fill every blank cell X with one of the arrows ↑ ↓ ← → ↖ ↗ ↘ ↙. From a number \
run rays in any of the eight directions: a ray is an unbroken line of equal arrows that begins beside the number and \
points away from it. The arrows of all rays of a number are together as many as the number says, and every arrow is on \
a ray. Numbers and given arrows stay.

{maze}

Give the whole maze at the end, all {side} rows, in a fenced block, as [["1", "→"], ["↓", "2"]].""",
    "zh": """在这个 {side}x{side} 的箭头迷宫中，请在每个空格 X 中填入箭头 ↑ ↓ ← → ↖ ↗ ↘ ↙ 之一。数字是射线的起点，\
射线可沿八个方向延伸：它是从数字旁边开始、方向背离该数字的一串连续相同的箭头。从每个数字出发的所有射线的箭头总数等于该数字，\
并且每个箭头都必须在某条射线上。数字和已给出的箭头不能改变。

{maze}

请在最后用代码块给出完整的 {side} 行迷宫，形如 [["1", "→"], ["↓", "2"]]。""",
}


@generator("logic.arrow_maze", version=1, parameters=ArrowMazeParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: ArrowMazeParameters, /) -> Generated:
    """A grid laid out with random rays, from which arrows are taken as long as the rest has one solution."""
    for _ in range(MAX_TRIES):
        full = _laid_out(rng, parameters.side, parameters.reach)
        if full is not None:
            break
    else:
        raise NoTask(f"no rays fill {parameters.side} by {parameters.side}")
    with Puzzle() as puzzle:
        cells = _rules(puzzle, full)
        solution = [choice[list(ARROWS).index(full[row][column])] for (row, column), choice in cells.items()]
        kept = set(puzzle.thinned(rng, solution, solution, round(parameters.given_share * len(solution))))
    maze = [list(row) for row in full]
    for (row, column), one in zip(cells, solution, strict=True):
        if one not in kept:
            maze[row][column] = BLANK
    prompt = PROMPTS[parameters.language].format(side=parameters.side, maze=written(maze))
    reference = f"```\n{json.dumps(full, ensure_ascii=False)}\n```"
    return Generated(prompt=prompt, task=ArrowMazeTask(maze=maze), reference=reference)


def _laid_out(rng: Random, side: int, reach: int) -> Maze | None:
    """Numbers and rays that fill a square; None where a number would be without any."""
    grid = [[""] * side for _ in range(side)]
    free = dict.fromkeys(rng.sample(places(grid), side * side))
    while free:
        place = next(iter(free))
        row, column = place
        del free[place]
        # A cell at the end of a ray may lengthen it, and must where no ray could begin in it.
        ends = [
            arrow
            for arrow, (down, right) in ARROWS.items()
            for before, at in neighbours(place, grid, [(-down, -right)])
            if grid[before][at] == arrow
        ]
        if ends and (rng.random() < 0.3 or not any(near in free for near in neighbours(place, grid, ARROWS.values()))):
            grid[row][column] = rng.choice(ends)
            continue
        grid[row][column] = "0"
        if not any(near in free for near in neighbours(place, grid, ARROWS.values())):
            _take_an_end(rng, grid, place)
        for arrow, (down, right) in rng.sample(sorted(ARROWS.items()), len(ARROWS)):
            for step in range(1, rng.randint(0, reach) + 1):
                to = row + step * down, column + step * right
                if to not in free:
                    break
                grid[to[0]][to[1]] = arrow
                del free[to]
    for row, column in places(grid):
        if grid[row][column] not in ARROWS:
            grid[row][column] = str(_arrows_from(grid, (row, column)))
    return None if any(cell == "0" for cells in grid for cell in cells) else grid


def _take_an_end(rng: Random, grid: Maze, place: Place) -> None:
    """A number without room gets an arrow beside it that was the last of another's ray, where there is one."""
    taken = []
    for arrow, step in ARROWS.items():
        for row, column in neighbours(place, grid, [step]):
            end = grid[row][column]
            if end in ARROWS and all(grid[to][at] != end for to, at in neighbours((row, column), grid, [ARROWS[end]])):
                taken.append((row, column, arrow))
    if taken:
        row, column, arrow = rng.choice(taken)
        grid[row][column] = arrow


def _rules(puzzle: Puzzle, full: Maze) -> dict[Place, list[int]]:
    """Of every cell that is no number, the literals of its arrows."""
    cells = {place: puzzle.choice(len(ARROWS)) for place in places(full) if full[place[0]][place[1]] in ARROWS}
    for place, choice in cells.items():
        for one, (down, right) in zip(choice, ARROWS.values(), strict=True):
            before = neighbours(place, full, [(-down, -right)])
            if not before:
                puzzle.never([one])
            elif before[0] in cells:  # so the line leads back to a number
                puzzle.implies([one], [cells[before[0]][choice.index(one)]])
    for row, column in places(full):
        if (row, column) not in cells:
            reached = []
            for at, (down, right) in enumerate(ARROWS.values()):
                to = row + down, column + right
                while to in cells:
                    reached.append(cells[to][at])
                    to = to[0] + down, to[1] + right
            puzzle.exactly(int(full[row][column]), reached)
    return cells
