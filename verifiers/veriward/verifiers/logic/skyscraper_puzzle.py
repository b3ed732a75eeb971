"""Skyscrapers: a Latin square of heights, and how many are seen from outside."""

from functools import cache
from itertools import permutations
from random import Random
from typing import Annotated, Literal

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
from veriward.verifiers.verdict import Verdict

SIDES = ("top", "bottom", "left", "right")

Views = Annotated[list[Annotated[int, Field(ge=0, le=9)]], Field(min_length=2, max_length=9)]


class SkyscraperTask(GameTask):
    """How many towers are seen from each side of each column and row, 0 where it is not told; `puzzle`: known heights,
    0 where blank."""

    top: Views = published("top")
    bottom: Views = published("bottom")
    left: Views = published("left")
    right: Views = published("right")
    puzzle: Annotated[Rows, BeforeValidator(blanks_as_0), AfterValidator(require_square)] | None = None

    @model_validator(mode="after")
    def _of_one_size(self) -> "SkyscraperTask":
        side = len(self.top)
        sizes = {len(self.top), len(self.bottom), len(self.left), len(self.right), len(self.puzzle or self.top)}
        if len(sizes) > 1:
            raise ValueError("the four sides and the grid must be of one size")
        if max(*self.top, *self.bottom, *self.left, *self.right) > side:
            raise ValueError(f"no more than {side} towers can be seen")
        return self


@verifier("logic.skyscraper_puzzle", version=1, task=SkyscraperTask)
def skyscraper_puzzle(response: str, task: SkyscraperTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid; rows and columns hold each height once, and from every side as many are seen as told.

    A tower is seen from a side unless one before it is taller. Any solution counts. Published rows: SynLogic's
    `skyscraper_puzzle` (arXiv:2505.19641), of which the last grid counts, not the first.
    """
    side = len(task.top)
    return judged(
        lambda: last_grid(response, whole_numbers(1, side), side, side), lambda grid: _broken_rule(grid, task)
    )


def _broken_rule(grid: Grid, task: SkyscraperTask) -> str | None:
    side = len(grid)
    fault = fault_of(grid, task.puzzle or [[0] * side] * side)
    if fault is not None:
        return fault
    for name, told, seen in zip(SIDES, (task.top, task.bottom, task.left, task.right), _views(grid), strict=True):
        for at, (asked, count) in enumerate(zip(told, seen, strict=True), 1):
            if asked and asked != count:
                return f"from the {name}, {count} towers are seen in line {at}, not {asked}"
    return None


def _views(grid: Grid) -> list[list[int]]:
    """What is seen from the top, the bottom, the left and the right."""
    columns = list(zip(*grid, strict=True))
    return [
        [_seen(line) for line in columns],
        [_seen(line[::-1]) for line in columns],
        [_seen(line) for line in grid],
        [_seen(line[::-1]) for line in grid],
    ]


def _seen(line: tuple[int, ...] | list[int]) -> int:
    tallest = count = 0
    for height in line:
        if height > tallest:
            tallest, count = height, count + 1
    return count


class SkyscraperParameters(Parameters):
    """`given_share`: share of heights told at least; `view_share`: share of the views told at least."""

    side: Literal[3, 4, 5, 6] = levels(3, 4, 5, 5, 6, about="rows, columns and heights")
    given_share: float = dial(0.2, 0.0, le=0.8, about="share of heights told at least; more where uniqueness needs it")
    view_share: float = dial(1.0, 0.5, ge=0.0, about="share of views told at least; more where uniqueness needs it")
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """On a {side}x{side} grid stand towers of heights 1 to {side}; no height stands twice in a row or column. A \
number at the edge says how many towers are seen from there along its row or column: a tower hides all lower ones \
behind it. 0 at the edge says nothing; 0 in the grid is a height to find.

Seen from the top, column by column: {top}
Seen from the bottom: {bottom}
Seen from the left, row by row: {left}
Seen from the right: {right}

{grid}

Give all {side} rows at the end, in a fenced block:
```
[[first row], [second row], …]
```
with the heights of a row apart by commas.""",
    "zh": """在 {side}x{side} 的网格中放置高度 1 到 {side} 的摩天楼，同一行、同一列中高度不重复。\
边缘的数字表示从该方向看去能看到几座楼：高楼会挡住后面的矮楼。边缘的 0 表示没有提示，网格中的 0 表示待求的高度。

从上方看（逐列）：{top}
从下方看：{bottom}
从左侧看（逐行）：{left}
从右侧看：{right}

{grid}

请在最后用代码块给出全部 {side} 行：
```
[[第一行], [第二行], …]
```
同一行的高度用逗号分隔。""",
}


@generator(
    "logic.skyscraper_puzzle", version=1, parameters=SkyscraperParameters, unique=True, preload=("pysat.solvers",)
)
def generate(rng: Random, parameters: SkyscraperParameters, /) -> Generated:
    """A random Latin square; heights, then views are hidden as long as it stays the only solution."""
    side = parameters.side
    puzzle, cells, views = _rules(side)
    chosen = puzzle.solution(rng, [cell for row in cells for cell in row])
    assert chosen is not None
    grid = values_of(cells, chosen)
    seen = _views(grid)
    told = [views[at][line][count] for at, counts in enumerate(seen) for line, count in enumerate(counts)]
    kept = puzzle.thinned(rng, chosen, chosen, round(parameters.given_share * side * side), told)
    left = set(puzzle.thinned(rng, chosen, told, round(parameters.view_share * len(told)), kept))
    shown = [
        [count if views[at][line][count] in left else 0 for line, count in enumerate(counts)]
        for at, counts in enumerate(seen)
    ]
    sides = dict(zip(SIDES, shown, strict=True))
    heights = only(grid, chosen, kept)
    text = {name: " ".join(map(str, counts)) for name, counts in sides.items()}
    prompt = PROMPTS[parameters.language].format(side=side, grid=written(heights), **text)
    task = SkyscraperTask(puzzle=heights, **sides)
    return Generated(prompt=prompt, task=task, reference=f"```\n{grid}\n```")


@cache
def _rules(side: int) -> tuple[Puzzle, list[list[list[int]]], list[list[dict[int, int]]]]:
    """The rules, the cells, and by side and line the literal for each count of towers seen."""
    puzzle, cells = latin_rules(side)
    views: list[list[dict[int, int]]] = [[], [], [], []]
    for at, lines in ((0, [list(column) for column in zip(*cells, strict=True)]), (2, cells)):
        for line in lines:
            orders = {order: puzzle.literal() for order in permutations(range(side))}
            for order, one in orders.items():
                for cell, value in zip(line, order, strict=True):
                    puzzle.any_of([-one, cell[value]])
            puzzle.any_of(orders.values())
            for back in (0, 1):
                counts: dict[int, list[int]] = {}
                for order, one in orders.items():
                    counts.setdefault(_seen([value + 1 for value in (order[::-1] if back else order)]), []).append(one)
                literals = {count: puzzle.literal() for count in sorted(counts)}
                for count, some in counts.items():
                    puzzle.implies([literals[count]], some)
                views[at + back].append(literals)
    return puzzle, cells, views
