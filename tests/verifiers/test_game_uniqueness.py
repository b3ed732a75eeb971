"""One solution is one: of small puzzles every possible answer is judged, and only the reference is right.

The solver that promised it and the verifier that judges state the rules independently of each other.
"""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import permutations, product
from typing import Any

import pytest

from veriward.verifiers import verifiers
from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.generators import generators, sample
from veriward.verifiers.judging import judge, parse_task
from veriward.wire.outcomes import Outcome

SEEDS = range(3)
Task = dict[str, Any]


def shadings(task: Task) -> Iterator[Any]:
    """Every grid of 0 and 1 that keeps what is given."""
    width = len(task["given"][0])
    cells = "".join(task["given"])
    for chosen in product("01", repeat=cells.count("?")):
        told = iter(chosen)
        flat = [int(next(told)) if cell == "?" else int(cell) for cell in cells]
        yield [flat[at : at + width] for at in range(0, len(flat), width)]


@cache
def latin_squares(side: int) -> list[tuple[tuple[int, ...], ...]]:
    rows = list(permutations(range(1, side + 1)))
    return [
        square
        for square in product(rows, repeat=side)
        if all(len(set(column)) == side for column in zip(*square, strict=True))
    ]


def squares(task: Task) -> Iterable[Any]:
    return latin_squares(len(task["puzzle"]))


def digits(task: Task) -> Iterator[Any]:
    """Every filling of a Kakuro's blanks with digits that add up in all rows' first runs."""
    cells = [cell for row in task["puzzle"] for cell in row]
    width = len(task["puzzle"][0])
    for chosen in product(range(1, 10), repeat=cells.count(".")):
        told = iter(chosen)
        flat = [next(told) if cell == "." else 0 if cell == "#" else int(cell) for cell in cells]
        grid = [flat[at : at + width] for at in range(0, len(flat), width)]
        if all(sum(_run(grid[row - 1], column - 1)) == total for row, column, total in task["across"]):
            yield grid


def _run(row: list[int], start: int) -> list[int]:
    end = next((at for at in range(start, len(row)) if not row[at]), len(row))
    return row[start:end]


def subsets(task: Task) -> Iterator[Any]:
    count = len(task["statements"])
    for truth in product((False, True), repeat=count):
        yield [at for at, one in enumerate(truth, 1) if one]


GAMES: dict[str, tuple[Task, Any]] = {
    "aquarium": ({"side": 3, "given_share": 0.0, "count_share": 0.0}, shadings),
    "thermometers": ({"side": 3, "given_share": 0.0, "count_share": 0.0}, shadings),
    "battleship": ({"side": 4, "fleet": [2, 1, 1], "given_share": 0.3}, shadings),
    "binairo": ({"side": 4, "given_share": 0.0}, shadings),
    "hitori": ({"side": 3, "given_share": 0.0}, shadings),
    "light_up": ({"side": 3, "given_share": 0.0, "number_share": 0.0}, shadings),
    "nonogram": ({"side": 3, "given_share": 0.0}, shadings),
    "colored_sudoku": ({"side": 4, "given_share": 0.0}, squares),
    "jigsaw_sudoku": ({"side": 4, "given_share": 0.0}, squares),
    "odd_even_sudoku": ({"side": 4, "given_share": 0.0}, squares),
    "killer_sudoku": ({"side": 4, "given_share": 0.0}, squares),
    "renzoku": ({"side": 4, "given_share": 0.0}, squares),
    "kakuro": ({"side": 3, "longest": 3, "given_share": 0.5}, digits),
    "self_reference": ({"count": 6}, subsets),
    "ordering_puzzle": ({"count": 5}, lambda task: map(list, permutations(task["items"]))),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", GAMES)
def test_of_all_answers_one_is_right(name: str, seed: int) -> None:
    parameters, answers = GAMES[name]
    made = sample(generators()[f"logic.{name}"], seed, parameters=parameters)
    fields = {key: value for key, value in made["task"].items() if key != "verifier"}
    verifier = verifiers()[f"logic.{name}"]
    task = parse_task(verifier, fields)
    right = [
        answer
        for answer in answers(fields)
        if judge(verifier, task, json.dumps(answer), NoSandbox()).outcome is Outcome.CORRECT
    ]
    assert len(right) == 1
