"""Grids divided into regions, told as rows of letters such as "AAB": read, looked up, and drawn at random."""

from collections.abc import Callable, Sequence
from random import Random
from string import ascii_lowercase, ascii_uppercase
from typing import Annotated

from pydantic import AfterValidator, Field

from veriward.verifiers.logic.grids import MAX_SIDE, Place, neighbours, parts, places, require_rectangle

LETTERS = ascii_uppercase + ascii_lowercase
SWAPS_PER_CELL = 1  # of regions of one size; more of them cost the solver seconds at 9 by 9

Regions = list[list[Place]]
RegionRows = Annotated[
    list[Annotated[str, Field(pattern=r"^[A-Za-z]+$", max_length=MAX_SIDE)]],
    Field(min_length=2, max_length=MAX_SIDE),
    AfterValidator(require_rectangle),
]


def by_letter(rows: Sequence[str]) -> dict[str, list[Place]]:
    """The places of each region, in reading order."""
    found: dict[str, list[Place]] = {}
    for row, column in places(rows):
        found.setdefault(rows[row][column], []).append((row, column))
    return found


def lettered(regions: Regions, height: int, width: int) -> list[str]:
    """The regions as rows of letters, A where reading begins. Raises `ValueError` past 52 regions."""
    if len(regions) > len(LETTERS):
        raise ValueError(f"{len(regions)} regions are more than there are letters")
    letter = {place: LETTERS[at] for at, region in enumerate(sorted(map(sorted, regions))) for place in region}
    return ["".join(letter[row, column] for column in range(width)) for row in range(height)]


def repeat_in(grid: Sequence[Sequence[int]], rows: Sequence[str], name: str) -> str | None:
    """The first region that holds a number twice, told as that `name` and its letter."""
    for letter, region in by_letter(rows).items():
        numbers = [grid[row][column] for row, column in region]
        if len(set(numbers)) < len(numbers):
            return f"{name} {letter} repeats a number"
    return None


def require_regions_of_a_square(rows: Sequence[str]) -> None:
    """Raises `ValueError` unless they are a square, and each region has as many cells as it has rows."""
    side = len(rows)
    if len(rows[0]) != side or any(len(region) != side for region in by_letter(rows).values()):
        raise ValueError(f"there must be {side} rows, and {side} regions, of {side} cells each")


def grown(
    rng: Random,
    height: int,
    width: int,
    smallest: int,
    largest: int,
    fits: Callable[[list[Place], Place], bool] = lambda region, place: True,
) -> Regions:
    """Connected regions of sizes drawn between two bounds, of places that fit.

    One that finds no room joins a neighbour where it fits, and else stays smaller.
    """
    grid = [[0] * width] * height
    left = dict.fromkeys(rng.sample(places(grid), height * width))
    regions = []
    while left:
        region = [next(iter(left))]
        del left[region[0]]
        size = rng.randint(smallest, largest)
        while len(region) < size:
            near = [one for place in region for one in neighbours(place, grid) if one in left and fits(region, one)]
            if not near:
                break
            region.append(rng.choice(near))
            del left[region[-1]]
        regions.append(region)
    for region in [one for one in regions if len(one) < smallest]:
        for other in regions:
            touches = any(near in other for place in region for near in neighbours(place, grid))
            if other is not region and touches and all(fits(other, place) for place in region):
                other += region
                regions.remove(region)
                break
    return regions


def of_one_size(rng: Random, side: int) -> Regions:
    """As many connected regions as a square has rows, each of as many cells: boxes, after many swaps of cells."""
    grid = [[0] * side] * side
    height = max(rows for rows in range(1, side + 1) if side % rows == 0 and rows * rows <= side)
    width = side // height
    owner = {(row, column): row // height * height + column // width for row, column in places(grid)}
    cells = list(owner)
    for _ in range(SWAPS_PER_CELL * side * side):
        one = rng.choice(cells)
        first, second = owner[one], owner[rng.choice(neighbours(one, grid))]
        borders = [place for place in cells if owner[place] == second and _touches(place, first, owner, grid)]
        for other in rng.sample(borders, len(borders)) if first != second else ():
            owner[one], owner[other] = second, first
            if all(len(parts([at for at in cells if owner[at] == each], grid)) == 1 for each in (first, second)):
                break
            owner[one], owner[other] = first, second
    return [[place for place in cells if owner[place] == each] for each in range(side)]


def _touches(place: Place, region: int, owner: dict[Place, int], grid: list[list[int]]) -> bool:
    return any(owner[near] == region for near in neighbours(place, grid))
