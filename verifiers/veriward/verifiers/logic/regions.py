"""Grids divided into regions, told as rows of letters such as "AAB": read, looked up, and drawn at random."""

from collections.abc import Sequence
from random import Random
from string import ascii_lowercase, ascii_uppercase
from typing import Annotated

from pydantic import AfterValidator, Field

from veriward.verifiers.logic.grids import MAX_SIDE, Place, neighbours, parts, places, require_rectangle

LETTERS = ascii_uppercase + ascii_lowercase
SWAPS_PER_CELL = 12  # tried when regions of one size are drawn

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


def grown(rng: Random, height: int, width: int, smallest: int, largest: int) -> Regions:
    """Connected regions of sizes drawn between two bounds; one that finds no room stays smaller."""
    grid = [[0] * width] * height
    left = dict.fromkeys(rng.sample(places(grid), height * width))
    regions = []
    while left:
        region = [next(iter(left))]
        del left[region[0]]
        size = rng.randint(smallest, largest)
        while len(region) < size:
            near = [one for place in region for one in neighbours(place, grid) if one in left]
            if not near:
                break
            region.append(rng.choice(near))
            del left[region[-1]]
        regions.append(region)
    return regions


def of_one_size(rng: Random, side: int) -> Regions:
    """As many connected regions as a square has rows, each of as many cells: its rows, after many swaps of cells."""
    grid = [[0] * side] * side
    owner = {place: place[0] for place in places(grid)}
    cells = list(owner)
    for _ in range(SWAPS_PER_CELL * side * side):
        one, other = rng.sample(cells, 2)
        first, second = owner[one], owner[other]
        if first == second or not _touches(one, second, owner, grid) or not _touches(other, first, owner, grid):
            continue
        owner[one], owner[other] = second, first
        if any(len(parts([at for at in cells if owner[at] == each], grid)) > 1 for each in (first, second)):
            owner[one], owner[other] = first, second
    return [[place for place in cells if owner[place] == each] for each in range(side)]


def _touches(place: Place, region: int, owner: dict[Place, int], grid: list[list[int]]) -> bool:
    return any(owner[near] == region for near in neighbours(place, grid))
