"""Star placement: so many stars in every row, column and region, no two of them touching."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from random import Random
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Unread, judged, last_literal, published
from veriward.verifiers.logic.grids import (
    AROUND,
    MAX_SIDE,
    Place,
    listed,
    neighbours,
    parts,
    place_of,
    places,
    require_rectangle,
    written,
)
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

Grid = list[list[str]]
Stars = dict[str, list[list[int]]]

MAX_TRIES = 50
MAX_REPAIRS = 100
MAX_GOLD_CHARS = 10_000

_STAR = re.compile(r"([A-Za-z]+)\((\d+),\s*(\d+)\)", re.ASCII)

Row = Annotated[list[Annotated[str, Field(min_length=1, max_length=3)]], Field(min_length=1, max_length=MAX_SIDE)]


class StarPlacementTask(GameTask):
    """`regions`: as many rows of region names as columns; `stars`: how many in each row, column and region."""

    regions: Annotated[list[Row], Field(min_length=1, max_length=MAX_SIDE), AfterValidator(require_rectangle)] = (
        published("region_grid")
    )
    stars: int = published("k", ge=1, le=5)

    @model_validator(mode="after")
    def _square(self) -> "StarPlacementTask":
        if len(self.regions) != len(self.regions[0]):
            raise ValueError("the regions must be on a square")
        return self


def golds(fields: Mapping[str, Any]) -> Iterator[str]:
    """A published answer, "[[A(4,3) …]]", as the mapping that is asked for."""
    told: dict[str, list[Place]] = {}
    for name, row, column in _STAR.findall(str(fields.get("answer") or "")[:MAX_GOLD_CHARS]):
        told.setdefault(name, []).append((int(row), int(column)))
    if told:
        yield f"```python\n{told}\n```"


@verifier("logic.star_placement_puzzle", version=1, task=StarPlacementTask, golds=golds)
def star_placement_puzzle(response: str, task: StarPlacementTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last mapping of regions to places `(row, column)` from 1; all counts are right, and no two stars touch.

    Every place lies in the region under which it stands. Any solution counts. Published rows: SynLogic's
    `star_placement_puzzle` (arXiv:2505.19641), where the names of the regions were not looked at.
    """
    return judged(lambda: _stars(response), lambda told: _broken_rule(told, task))


def _stars(response: str) -> Stars:
    told = last_literal(response, words=True)
    if not isinstance(told, dict):
        raise Unread("it is no mapping", str(told))
    stars: Stars = {}
    for name, some in sorted(told.items(), key=lambda one: str(one[0])):
        stars[str(name)] = [list(place) for place in sorted(map(place_of, listed(some)))]
    return stars


def _broken_rule(stars: Stars, task: StarPlacementTask) -> str | None:
    side = len(task.regions)
    if set(stars) != {name for row in task.regions for name in row}:
        return "the regions are others"
    found = [(row, column) for some in stars.values() for row, column in some]
    if len(set(found)) < len(found):
        return "a star stands twice"
    for name, some in stars.items():
        if len(some) != task.stars:
            return f"region {name} has {len(some)} stars, not {task.stars}"
        for row, column in some:
            if not (1 <= row <= side and 1 <= column <= side) or task.regions[row - 1][column - 1] != name:
                return f"({row},{column}) is not in region {name}"
    for kind, lines in (("row", [row for row, _ in found]), ("column", [column for _, column in found])):
        wrong = next((at for at in range(1, side + 1) if lines.count(at) != task.stars), None)
        if wrong is not None:
            return f"{kind} {wrong} has {lines.count(wrong)} stars, not {task.stars}"
    if any((row + down, column + right) in found for row, column in found for down, right in AROUND):
        return "two stars touch"
    return None


class StarPlacementParameters(Parameters):
    """`side`: rows, columns and regions, each with one star."""

    side: int = dial(4, 8, ge=4, le=8)
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """Place stars in this {side}x{side} grid, in which letters name regions: exactly one star in every row, \
every column and every region, and no two stars in cells that touch, not even at a corner.

{grid}

Give for every region the place of its star as (row, column), counted from 1, at the end in a fenced block:
```
{{'A': [(row, column)], …}}
```""",
    "zh": """请在这个 {side}x{side} 的网格中放置星星，字母表示区域：每行、每列和每个区域恰好有一颗星星，\
任何两颗星星都不能相邻，对角也不行。

{grid}

请在最后的代码块中给出每个区域的星星坐标 (行, 列)，从 1 开始：
```
{{'A': [(行, 列)], …}}
```""",
}


@generator("logic.star_placement_puzzle", version=1, parameters=StarPlacementParameters, unique=True)
def generate(rng: Random, parameters: StarPlacementParameters, /) -> Generated:
    """Random stars and regions around them, whose borders move until all other placements are ruled out."""
    side = parameters.side
    for _ in range(MAX_TRIES):
        stars = rng.choice(_placements(side))
        regions = _regions(rng, stars)
        if _made_unique(rng, regions, stars):
            break
    else:
        raise NoTask(f"no regions of {side} by {side} had one solution")
    found = {regions[row][column]: [(row + 1, column + 1)] for row, column in enumerate(stars)}
    told: Any = dict(sorted(found.items()))
    return Generated(
        prompt=PROMPTS[parameters.language].format(side=side, grid=written(regions)),
        task=StarPlacementTask(regions=regions, stars=1),
        reference=f"```\n{told}\n```",
    )


@cache
def _placements(side: int) -> list[tuple[int, ...]]:
    """Of every way to place one star in each row and column, none touching, the column of each row's star."""
    found: list[tuple[int, ...]] = [()]
    for _ in range(side):
        found = [
            (*some, column)
            for some in found
            for column in range(side)
            if column not in some and (not some or abs(some[-1] - column) > 1)
        ]
    return found


def _regions(rng: Random, stars: tuple[int, ...]) -> Grid:
    """Regions that grow from the stars, cell after cell at random."""
    side = len(stars)
    grid = [[""] * side for _ in range(side)]
    for row, column in enumerate(stars):
        grid[row][column] = "ABCDEFGHIJ"[row]
    border = list(enumerate(stars))
    while border:
        place = rng.choice(border)
        room = [(row, column) for row, column in neighbours(place, grid) if not grid[row][column]]
        if not room:
            border.remove(place)
            continue
        row, column = rng.choice(room)
        grid[row][column] = grid[place[0]][place[1]]
        border.append((row, column))
    return grid


def _made_unique(rng: Random, regions: Grid, stars: tuple[int, ...]) -> bool:
    """Whether moving cells from region to region ruled out all other placements; changes `regions`."""
    side = len(stars)
    for _ in range(MAX_REPAIRS):
        others = [
            some
            for some in _placements(side)
            if some != stars and len({regions[row][column] for row, column in enumerate(some)}) == side
        ]
        if not others:
            return True
        moves: list[tuple[Place, str]] = []
        for row, column in enumerate(rng.choice(others)):
            if stars[row] == column:
                continue
            name = regions[row][column]
            rest = [one for one in places(regions) if regions[one[0]][one[1]] == name and one != (row, column)]
            if len(parts(rest, regions)) == 1:
                near = {regions[to][at] for to, at in neighbours((row, column), regions)} - {name}
                moves += [((row, column), to) for to in sorted(near)]
        if not moves:
            return False
        (row, column), to = rng.choice(moves)
        regions[row][column] = to
    return False
