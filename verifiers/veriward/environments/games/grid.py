"""What the worlds on a grid share: directions, ways, and how a grid is shown."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Literal

from veriward.environments import Call

Direction = Literal["up", "down", "left", "right"]
Cell = tuple[int, int]  # row, column
MOVES: Mapping[str, Cell] = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


def beyond(cell: Cell, direction: str) -> Cell:
    row, column = MOVES[direction]
    return cell[0] + row, cell[1] + column


def way(start: Cell, is_end: Callable[[Cell], bool], is_free: Callable[[Cell], bool]) -> list[str] | None:
    """The directions of a shortest way over free cells; None where there is none."""
    before: dict[Cell, tuple[Cell, str] | None] = {start: None}
    waiting = deque([start])
    while waiting:
        cell = waiting.popleft()
        if is_end(cell):
            steps = []
            while (last := before[cell]) is not None:
                cell, direction = last
                steps.append(direction)
            return steps[::-1]
        for direction in MOVES:
            to = beyond(cell, direction)
            if to not in before and is_free(to):
                before[to] = cell, direction
                waiting.append(to)
    return None


def shown(rows: int, columns: int, sign: Callable[[Cell], str]) -> str:
    return "\n".join("".join(sign((row, column)) for column in range(columns)) for row in range(rows))


def move(direction: str) -> Call:
    return Call("move", {"direction": direction})


def any_move(rng: Random, directions: Iterable[str] = MOVES) -> Call:
    return move(rng.choice(list(directions)))
