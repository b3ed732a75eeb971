"""Cells that hold different numbers of a known sum, for the solver."""

from collections.abc import Sequence
from functools import cache
from itertools import combinations

from veriward.verifiers.logic.solving import Puzzle


def sums_to(puzzle: Puzzle, cells: Sequence[Sequence[int]], total: int) -> None:
    """The cells, each a `choice` of 1 and up, take different numbers that sum to `total`."""
    puzzle.different(cells)
    numbers = len(cells[0])
    sets = []
    for some in _sets(len(cells), total, numbers):
        picked = puzzle.literal()
        sets.append(picked)
        for cell in cells:
            puzzle.implies([picked], [cell[number - 1] for number in some])
    puzzle.any_of(sets)


@cache
def _sets(count: int, total: int, largest: int) -> list[tuple[int, ...]]:
    return [some for some in combinations(range(1, largest + 1), count) if sum(some) == total]
