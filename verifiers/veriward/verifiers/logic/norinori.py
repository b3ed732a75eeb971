"""Norinori: dominoes that share no edge, two covered cells in every region."""

from random import Random
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Puzzle, Unread, judged, last_literal, published, stored
from veriward.verifiers.logic.grids import (
    MAX_SIDE,
    Place,
    listed,
    neighbours,
    place_of,
    places,
    require_rectangle,
    written,
)
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

Domino = list[list[int]]

SHADE = "X"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWYZabcdefghijklmnopqrstuvwyz"
MAX_TRIES = 50

Row = Annotated[list[Annotated[str, Field(min_length=1, max_length=3)]], Field(min_length=1, max_length=MAX_SIDE)]


class NorinoriTask(GameTask):
    """`regions`: rows of region names, "X" for a cell of none, which must be covered."""

    regions: Annotated[list[Row], Field(min_length=1, max_length=MAX_SIDE), AfterValidator(require_rectangle)] = (
        published("region_grid")
    )


@verifier("logic.norinori", version=1, task=NorinoriTask, golds=stored("solution"))
def norinori(response: str, task: NorinoriTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last list of dominoes; none shares an edge with another, and every region has two covered cells.

    Every cell of no region is covered. A domino is two places `(row, column)` from 1 that share an edge. Any solution
    counts. Published rows: SynLogic's `norinori` (arXiv:2505.19641), where untouched regions were not looked at.
    """
    return judged(lambda: _dominoes(response, task.regions), lambda told: _broken_rule(told, task.regions))


def _dominoes(response: str, regions: list[list[str]]) -> list[Domino]:
    dominoes = []
    for domino in listed(last_literal(response)):
        told = sorted(place_of(place) for place in listed(domino))
        if len(told) != 2 or abs(told[0][0] - told[1][0]) + abs(told[0][1] - told[1][1]) != 1:
            raise Unread(f"{str(domino)[:60]!r} is no domino", str(domino))
        if not all(1 <= row <= len(regions) and 1 <= column <= len(regions[0]) for row, column in told):
            raise Unread("a domino is not within the grid", str(domino))
        dominoes.append([list(place) for place in told])
    return sorted(dominoes)


def _broken_rule(dominoes: list[Domino], regions: list[list[str]]) -> str | None:
    owner: dict[Place, int] = {}
    for at, domino in enumerate(dominoes):
        for row, column in domino:
            if (row - 1, column - 1) in owner:
                return f"({row},{column}) is covered twice"
            owner[row - 1, column - 1] = at
    for place, at in owner.items():
        if any(owner.get(near, at) != at for near in neighbours(place, regions)):
            return f"the domino at ({place[0] + 1},{place[1] + 1}) shares an edge with another"
    covered: dict[str, int] = {name: 0 for row in regions for name in row}
    for row, column in places(regions):
        name = regions[row][column]
        if (row, column) in owner:
            covered[name] += 1
        elif name == SHADE:
            return f"({row + 1},{column + 1}) is not covered"
    wrong = next((name for name, count in covered.items() if name != SHADE and count != 2), None)
    return None if wrong is None else f"region {wrong} has {covered[wrong]} covered cells"


class NorinoriParameters(Parameters):
    """`side` of the grid; larger ones have larger regions and more dominoes."""

    side: int = dial(4, 8, ge=3, le=10)
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """Place dominoes on this {side}x{side} grid, each on two cells that share an edge. Letters name regions.
- Exactly two cells of every region are covered; a domino may lie across regions.
- No two dominoes share an edge; they may touch at a corner.
- A cell X is in no region and must be covered.

{grid}

Give all dominoes at the end, each as its two cells (row,column) counted from 1, in a fenced block:
```
[[(row,column),(row,column)], …]
```""",
    "zh": """请在这个 {side}x{side} 的网格上放置多米诺，每块覆盖两个共边的格子。字母表示区域。
- 每个区域恰好有两个格子被覆盖；多米诺可以跨越区域。
- 任何两块多米诺都不共边，但可以对角相接。
- 标为 X 的格子不属于任何区域，且必须被覆盖。

{grid}

请在最后的代码块中给出全部多米诺，每块写作两个格子 (行,列)，从 1 开始：
```
[[(行,列),(行,列)], …]
```""",
}


def proof(task: NorinoriTask, response: str) -> bool:
    """Whether a solver finds that the covered cells of the answer, and no others, fulfil the rules."""
    dominoes = _dominoes(response, task.regions)
    covered = {(row - 1, column - 1) for domino in dominoes for row, column in domino}
    with Puzzle() as puzzle:
        cells = {place: puzzle.literal() for place in places(task.regions)}
        names: dict[str, list[int]] = {}
        for place, one in cells.items():  # a covered cell has exactly one covered neighbour
            puzzle.exactly(1, [cells[near] for near in neighbours(place, task.regions)], where=one)
            names.setdefault(task.regions[place[0]][place[1]], []).append(one)
        for name, some in names.items():
            puzzle.exactly(len(some) if name == SHADE else 2, some)
        return puzzle.solvable([one if place in covered else -one for place, one in cells.items()])


@generator("logic.norinori", version=1, parameters=NorinoriParameters, proof=proof, preload=("pysat.solvers",))
def generate(rng: Random, parameters: NorinoriParameters, /) -> Generated:
    """Random dominoes, and regions grown around two covered cells each."""
    side = parameters.side
    for _ in range(MAX_TRIES):
        dominoes = _laid_out(rng, side)
        covered = {place for domino in dominoes for place in domino}
        regions = _regions(rng, side, covered)
        if regions is not None:
            break
    else:
        raise NoTask(f"no regions of {side} by {side} held two covered cells each")
    told = ", ".join(f"[({a + 1},{b + 1}), ({c + 1},{d + 1})]" for (a, b), (c, d) in sorted(dominoes))
    return Generated(
        prompt=PROMPTS[parameters.language].format(side=side, grid=written(regions)),
        task=NorinoriTask(regions=regions),
        reference=f"```\n[{told}]\n```",
    )


def _laid_out(rng: Random, side: int) -> list[tuple[Place, Place]]:
    """Dominoes in random order wherever there is room."""
    grid = [[0] * side for _ in range(side)]
    pairs = [(place, near) for place in places(grid) for near in neighbours(place, grid) if near > place]
    blocked: set[Place] = set()
    dominoes = []
    for one, other in rng.sample(pairs, len(pairs)):
        if one not in blocked and other not in blocked:
            dominoes.append((one, other))
            blocked.update((one, other), neighbours(one, grid), neighbours(other, grid))
    return dominoes


def _regions(rng: Random, side: int, covered: set[Place]) -> list[list[str]] | None:
    """Names for connected regions with two covered cells each; None where too many cells would be left to none."""
    grid = [[""] * side for _ in range(side)]
    region = {place: at for at, place in enumerate(places(grid))}
    weight = {at: int(place in covered) for place, at in region.items()}
    edges = [(place, near) for place in region for near in neighbours(place, grid) if near > place]
    shades: set[Place] = set()

    def merge() -> None:
        for one, other in rng.sample(edges, len(edges)):
            first, second = region[one], region[other]
            whole = weight[first] + weight[second]
            if first != second and whole <= 2 and not shades & {one, other}:
                weight[first] = whole
                region.update([(place, first) for place, at in region.items() if at == second])

    for _ in range(side):
        merge()
    lonely = {at for at in region.values() if weight[at] == 1}
    for at, place in enumerate(list(region)):
        if region[place] in lonely:
            region[place] = side * side + at
            weight[side * side + at] = 0
            if place in covered:
                shades.add(place)
    if len(shades) > side:
        return None
    for _ in range(side):
        merge()
    if any(weight[at] != 2 for place, at in region.items() if place not in shades):
        return None
    names = dict(zip(dict.fromkeys(at for place, at in region.items() if place not in shades), LETTERS, strict=False))
    if len(names) < len({at for place, at in region.items() if place not in shades}):
        return None
    for (row, column), at in region.items():
        grid[row][column] = SHADE if (row, column) in shades else names[at]
    return grid
