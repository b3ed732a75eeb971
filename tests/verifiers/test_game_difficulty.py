"""The dial means something: what it takes to solve a game rises with the difficulty."""

from collections.abc import Callable
from math import log2, perm
from statistics import fmean
from typing import Any

import pytest

from veriward.verifiers.generators import generators, sample
from veriward.verifiers.logic import (
    Puzzle,
    binairo,
    cryptarithm,
    futoshiki,
    hitori,
    maze,
    renzoku,
    skyscraper_puzzle,
    star_placement_puzzle,
    sudoku,
    zebra_puzzle,
)
from veriward.verifiers.logic.dyck_language import closing_of

SEEDS = range(4)


def search(puzzle: Puzzle, unknown: int, given: list[int]) -> float:
    """Decisions and conflicts that a solver needs, beside the cells that it has to fill."""
    before = puzzle.effort
    assert puzzle.solvable(given)
    return puzzle.effort - before + unknown


def of_sudoku(task: dict[str, Any]) -> float:
    rows = task["puzzle"]
    puzzle, cells = sudoku._rules.__wrapped__(len(rows))
    flat = [cell for row in rows for cell in row]
    return search(puzzle, flat.count(0), [own[cell - 1] for own, cell in zip(cells, flat, strict=True) if cell])


def of_futoshiki(task: dict[str, Any]) -> float:
    rows = task["puzzle"]
    puzzle, cells, orders = futoshiki._rules.__wrapped__(len(rows))
    given = [cells[r][c][value - 1] for r, row in enumerate(rows) for c, value in enumerate(row) if value]
    given += [orders[tuple(one), tuple(other)][sign] for one, other, sign in task["constraints"]]
    return search(puzzle, sum(row.count(0) for row in rows), given)


def of_skyscrapers(task: dict[str, Any]) -> float:
    rows = task["puzzle"]
    puzzle, cells, views = skyscraper_puzzle._rules.__wrapped__(len(rows))
    given = [cells[r][c][value - 1] for r, row in enumerate(rows) for c, value in enumerate(row) if value]
    sides = enumerate(skyscraper_puzzle.SIDES)
    given += [views[at][line][count] for at, name in sides for line, count in enumerate(task[name]) if count]
    return search(puzzle, sum(row.count(0) for row in rows), given)


def of_zebra(task: dict[str, Any]) -> float:
    things = [(name, value) for name, values in task["attributes"].items() for value in values]
    count = len(next(iter(task["attributes"].values())))
    with Puzzle() as puzzle:
        cells = {thing: puzzle.choice(count) for thing in things}
        for name, values in task["attributes"].items():
            puzzle.different([cells[name, value] for value in values])
        given = [zebra_puzzle._clue(puzzle, clue, cells, count) for clue in task["clues"]]
        return search(puzzle, len(things), given)


def of_binairo(task: dict[str, Any]) -> float:
    puzzle, cells = binairo._rules.__wrapped__(len(task["given"]))
    return of_shading(puzzle, cells, task["given"])


def of_hitori(task: dict[str, Any]) -> float:
    with Puzzle() as puzzle:
        return of_shading(puzzle, hitori._rules(puzzle, task["numbers"]), task["given"])


def of_shading(puzzle: Puzzle, cells: dict[tuple[int, int], int], rows: list[str]) -> float:
    given = [one if rows[r][c] == "1" else -one for (r, c), one in cells.items() if rows[r][c] != "?"]
    return search(puzzle, unknown_cells({"given": rows}), given)


def of_renzoku(task: dict[str, Any]) -> float:
    rows = task["puzzle"]
    puzzle, cells, dotted = renzoku._rules.__wrapped__(len(rows))
    dots = {((r - 1, c - 1), (to - 1, at - 1)) for (r, c), (to, at) in task["dots"]}
    given = [cells[r][c][value - 1] for r, row in enumerate(rows) for c, value in enumerate(row) if value]
    given += [one if pair in dots else -one for pair, one in dotted.items()]
    return search(puzzle, sum(row.count(0) for row in rows), given)


def of_maze(task: dict[str, Any]) -> float:
    solved = maze._solved(tuple(task["maze"]), task.get("slides", False))
    assert solved is not None
    return len(solved[0])


def unknown_cells(task: dict[str, Any]) -> int:
    return sum(row.count("?") for row in task["given"])


def blank_numbers(task: dict[str, Any]) -> float:
    return float(sum(row.count(0) for row in task["puzzle"]))


def of_expressions(task: dict[str, Any]) -> float:
    """Bits of the search: orders of the numbers, operations between them."""
    numbers = len(task["numbers"])
    return log2(perm(numbers) * 4 ** (numbers - 1)) + log2(max(task["numbers"]))


def of_cryptarithm(task: dict[str, Any]) -> float:
    letters = len(set("".join(task["words"])))
    return log2(perm(10, letters))


EFFORT: dict[str, Callable[[dict[str, Any]], float]] = {
    "logic.sudoku": of_sudoku,
    "logic.futoshiki": of_futoshiki,
    "logic.skyscraper_puzzle": of_skyscrapers,
    "logic.zebra_puzzle": of_zebra,
    "logic.countdown": of_expressions,
    "logic.game_of_24": of_expressions,
    "logic.cryptarithm": of_cryptarithm,
    "logic.knights_knaves": lambda task: 2.0 ** len(task["names"]),
    "logic.dyck_language": lambda task: float(len(task["sequence"]) + len(closing_of(task["sequence"]))),
    "logic.web_of_lies": lambda task: float(len(task["answer"])),
    "logic.arrow_maze": lambda task: float(sum(row.count("X") for row in task["maze"])),
    "logic.calcudoko": lambda task: log2(task["side"]) * task["side"] ** 2,
    "logic.campsite": lambda task: float(sum(row.count("T") for row in task["grid"])),
    "logic.kukurasu": lambda task: float(len(task["rows"]) * len(task["columns"])),
    "logic.math_path": lambda task: float(task["equation"].count("?")),
    "logic.minesweeper": lambda task: float(sum(row.count("X") for row in task["grid"])),
    "logic.number_wall": lambda task: float(sum(row.count("X") for row in task["grid"])),
    "logic.numbrix": lambda task: float(sum(row.count(0) for row in task["grid"])),
    "logic.star_placement_puzzle": lambda task: float(len(star_placement_puzzle._placements(len(task["regions"])))),
    "logic.survo": lambda task: float(len(task["numbers"])),
    "logic.aquarium": unknown_cells,
    "logic.battleship": unknown_cells,
    "logic.binairo": of_binairo,
    "logic.hitori": of_hitori,
    "logic.light_up": unknown_cells,
    "logic.nonogram": unknown_cells,
    "logic.thermometers": unknown_cells,
    "logic.colored_sudoku": blank_numbers,
    "logic.jigsaw_sudoku": blank_numbers,
    "logic.killer_sudoku": blank_numbers,
    "logic.odd_even_sudoku": blank_numbers,
    "logic.renzoku": of_renzoku,
    "logic.kakuro": lambda task: float(sum(row.count(".") for row in task["puzzle"])),
    "logic.self_reference": lambda task: 2.0 ** len(task["statements"]),
    "logic.ordering_puzzle": lambda task: log2(perm(len(task["items"]))),
    "logic.graph_search": lambda task: float(len(task["edges"])),
    "logic.general_points": lambda task: log2(perm(len(task["cards"])) * 4 ** (len(task["cards"]) - 1)),
    "logic.maze": of_maze,
    "logic.color_cube_rotation": lambda task: float(len(task["turns"])),
    "logic.string_functions": lambda task: float(len(task["steps"])),
}


@pytest.mark.parametrize("name", EFFORT)
def test_it_takes_more_the_higher_the_dial(name: str) -> None:
    known = generators()[name]
    efforts = [
        fmean(EFFORT[name](sample(known, seed, 0, difficulty)["task"]) for seed in SEEDS)
        for difficulty in (0.0, 0.5, 1.0)
    ]
    assert efforts == sorted(set(efforts)), efforts


def test_letters_of_a_sum_are_read_in_every_way_that_holds() -> None:
    assert cryptarithm.solutions(["SEND", "MORE", "MONEY"], ["+"], most=9) == 1
    assert cryptarithm.solutions(["A", "B", "C"], ["+"], most=99) == 32
