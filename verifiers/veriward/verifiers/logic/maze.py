"""Mazes of five types: walls, one-way cells, keys and doors, portals, and ice on which one slides."""

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Unread, judged, last_text
from veriward.verifiers.logic.grids import Place, neighbours, places, require_rectangle
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_SIDE = 41
MAX_MOVES = 4_000
MAX_TRIES = 2_000

WALL, FREE, START, GOAL = "#.SG"
MOVES = {"U": (-1, 0), "D": (1, 0), "L": (0, -1), "R": (0, 1)}
ONE_WAY = {"^": "U", "v": "D", "<": "L", ">": "R"}
KEYS = "abcde"

Type = Literal["walls", "one_way", "keys", "portals", "ice"]
State = tuple[Place, str]  # where one is, and the keys one has, sorted


class MazeTask(GameTask):
    """`maze`: rows of "#" (wall), "." (free), "S" (start), "G" (goal), "^v<>" (one-way), "a" to "e" (keys), "A" to "E"
    (their doors), "1" to "9" (pairs of portals); `slides`: whether a move goes on to the next wall; `shortest`: whether
    only a way of as few moves as possible counts."""

    maze: Annotated[
        list[Annotated[str, Field(pattern=r"^[#.SGA-Ea-ev^<>1-9]+$", min_length=2, max_length=MAX_SIDE)]],
        Field(min_length=2, max_length=MAX_SIDE),
        AfterValidator(require_rectangle),
    ]
    slides: bool = False
    shortest: bool = True

    @model_validator(mode="after")
    def _possible(self) -> "MazeTask":
        cells = "".join(self.maze)
        if cells.count(START) != 1 or cells.count(GOAL) != 1:
            raise ValueError("the maze must have one S and one G")
        if any(cells.count(portal) not in (0, 2) for portal in "123456789"):
            raise ValueError("a portal must stand twice")
        if self.slides and set(cells) - set("#.SG"):
            raise ValueError("on ice there are only walls, S and G")
        if _solved(tuple(self.maze), self.slides) is None:
            raise ValueError("no way leads from S to G")
        return self


@verifier("logic.maze", version=1, task=MazeTask)
def maze(response: str, task: MazeTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last text of U, D, L and R; walked step by step it leads from S to G, and no way has fewer moves.

    A move into a wall, through a door without its key, or out of a one-way cell another way is wrong. With `shortest`
    off, any way counts.
    """
    return judged(lambda: _read(response), lambda told: _broken_rule(told, task))


def _read(response: str) -> str:
    moves = "".join(last_text(response).strip("[]() .").replace(",", " ").replace('"', "").replace("'", "").split())
    if not moves or set(moves.upper()) - set(MOVES):
        raise Unread("it is no text of U, D, L and R", moves)
    if len(moves) > MAX_MOVES:
        raise Unread(f"there are more than {MAX_MOVES:,} moves")
    return moves.upper()


def _broken_rule(moves: str, task: MazeTask) -> str | None:
    rows = tuple(task.maze)
    state: State | None = (_find(rows, START), "")
    for at, move in enumerate(moves, 1):
        assert state is not None
        if rows[state[0][0]][state[0][1]] == GOAL:
            return f"G is reached before move {at}"
        state = _after(rows, task.slides, state, move)
        if state is None:
            return f"move {at}, {move}, is not possible"
    assert state is not None
    if rows[state[0][0]][state[0][1]] != GOAL:
        return "it does not end at G"
    solved = _solved(rows, task.slides)
    assert solved is not None
    return f"there is a way of {len(solved[0])} moves" if task.shortest and len(moves) > len(solved[0]) else None


def _after(rows: Sequence[str], slides: bool, state: State, move: str) -> State | None:
    """Where a move leads; None where it is not possible."""
    (row, column), keys = state
    if ONE_WAY.get(rows[row][column], move) != move:
        return None
    down, right = MOVES[move]
    while True:
        to = row + down, column + right
        cell = rows[to[0]][to[1]] if 0 <= to[0] < len(rows) and 0 <= to[1] < len(rows[0]) else WALL
        if cell == WALL or (cell in "ABCDE" and cell.lower() not in keys):
            return ((row, column), keys) if slides and (row, column) != state[0] else None
        row, column = to
        if not slides or cell == GOAL:
            break
    if cell in KEYS and cell not in keys:
        keys = "".join(sorted(keys + cell))
    if cell.isdigit():
        row, column = next(place for place in places(rows) if place != to and rows[place[0]][place[1]] == cell)
    return (row, column), keys


@lru_cache(maxsize=1_024)
def _solved(rows: tuple[str, ...], slides: bool) -> tuple[str, int] | None:
    """A shortest way, and how many there are; None where there is none."""
    start: State = (_find(rows, START), "")
    goal = _find(rows, GOAL)
    length, ways = {start: 0}, {start: 1}
    before: dict[State, tuple[State, str]] = {}
    queue = deque([start])
    ends: list[State] = []
    while queue:
        state = queue.popleft()
        if ends and length[state] >= length[ends[0]]:
            break
        for move in MOVES:
            to = _after(rows, slides, state, move)
            if to is None:
                continue
            if to not in length:
                length[to], ways[to], before[to] = length[state] + 1, ways[state], (state, move)
                if to[0] == goal:
                    ends.append(to)
                else:
                    queue.append(to)
            elif length[to] == length[state] + 1:
                ways[to] += ways[state]
    if not ends:
        return None
    path, state = "", ends[0]
    while state != start:
        state, move = before[state]
        path = move + path
    return path, sum(ways[end] for end in ends)


def _find(rows: Sequence[str], cell: str) -> Place:
    return next((row, line.index(cell)) for row, line in enumerate(rows) if cell in line)


class MazeParameters(Parameters):
    """The maze's type, any of the five unless one is given; its size; and how many moves it takes at least."""

    type: Literal["any", "walls", "one_way", "keys", "portals", "ice"] = "any"
    side: int = dial(7, 17, ge=7, le=41, about="rows and columns, made odd; walls among them")
    loops: float = dial(0.05, 0.2, ge=0.0, le=0.5, about="share of inner walls taken away")
    least_moves: int = dial(6, 18, ge=2, le=200, about="moves of the shortest way, at least; on ice a third of them")


STEP = "A move goes one cell up (U), down (D), left (L) or right (R), never into a wall #."
RULES: dict[Type, str] = {
    "walls": STEP,
    "one_way": f"{STEP} A cell ^ can only be left upwards, v downwards, < to the left and > to the right.",
    "keys": f"{STEP} A capital letter is a door: it can be entered only after the cell with the same small letter, its \
key, was entered.",
    "portals": f"{STEP} A digit is a portal: whoever enters it is at once on the other cell with that digit.",
    "ice": "All is ice: a move up (U), down (D), left (L) or right (R) slides on until a wall # or the edge stops it, \
or G is reached. A move that goes nowhere is not allowed.",
}
PROMPT = """Find the shortest way from S to G in this maze, that with the fewest moves. {rules}

{maze}

Give the moves alone, as one text of the letters U, D, L and R, at the end, in a fenced block:
```
the moves
```"""


@generator("logic.maze", version=1, parameters=MazeParameters, unique=True)
def generate(rng: Random, parameters: MazeParameters, /) -> Generated:
    """Random mazes of a type until one has a long enough shortest way that needs what the type adds, and only one."""
    kind: Type = rng.choice(get_args(Type)) if parameters.type == "any" else parameters.type
    side = parameters.side // 2 * 2 + 1
    least = max(2, parameters.least_moves // 3) if kind == "ice" else parameters.least_moves
    for _ in range(MAX_TRIES):
        rows = tuple(_ice(rng, side) if kind == "ice" else _carved(rng, side, parameters.loops, kind))
        solved = _solved.__wrapped__(rows, kind == "ice")
        if solved is not None and solved[1] == 1 and len(solved[0]) >= least and _needed(rows, kind, solved[0]):
            break
    else:
        raise NoTask(f"no maze of type {kind} and side {side} takes {least} moves")
    prompt = PROMPT.format(rules=RULES[kind], maze="\n".join(rows))
    task = MazeTask(maze=list(rows), slides=kind == "ice")
    return Generated(prompt=prompt, task=task, reference=f"```\n{solved[0]}\n```")


def _ice(rng: Random, side: int) -> list[str]:
    """Rocks on a sheet of ice, and the two ends."""
    grid = [[WALL if rng.random() < 0.15 else FREE for _ in range(side)] for _ in range(side)]
    return _marked(grid, zip(rng.sample(places(grid), 2), START + GOAL, strict=True))


def _carved(rng: Random, side: int, loops: float, kind: Type) -> list[str]:
    """Paths without loops, carved from a random end; then walls taken away, and what the type adds."""
    grid = [[WALL] * side for _ in range(side)]
    rooms = [(row, column) for row in range(1, side, 2) for column in range(1, side, 2)]
    path = [rng.choice(rooms)]
    grid[path[0][0]][path[0][1]] = FREE
    while path:
        row, column = path[-1]
        steps = [(r, c) for r, c in neighbours((row, column), grid, ((-2, 0), (0, -2), (0, 2), (2, 0)))]
        steps = [(r, c) for r, c in steps if grid[r][c] == WALL]
        if not steps:
            path.pop()
            continue
        to = rng.choice(steps)
        grid[(row + to[0]) // 2][(column + to[1]) // 2] = grid[to[0]][to[1]] = FREE
        path.append(to)
    inner = [(r, c) for r in range(1, side - 1) for c in range(1, side - 1) if (r + c) % 2 and grid[r][c] == WALL]
    for row, column in rng.sample(inner, round(loops * len(inner))):
        grid[row][column] = FREE
    free = [(row, column) for row, column in places(grid) if grid[row][column] == FREE]
    features = {
        "walls": "",
        "one_way": "".join(rng.choice("^v<>") for _ in range(side)),
        "keys": "aAbB" if side > 9 else "aA",
        "portals": "112233" if side > 9 else "1122",
        "ice": "",
    }[kind]
    return _marked(grid, zip(rng.sample(free, 2 + len(features)), START + GOAL + features, strict=True))


def _marked(grid: list[list[str]], marks: "zip[tuple[Place, str]]") -> list[str]:
    for (row, column), mark in marks:
        grid[row][column] = mark
    return ["".join(row) for row in grid]


def _needed(rows: Sequence[str], kind: Type, moves: str) -> bool:
    """Whether the way goes through a door, a portal or a one-way cell, where the type has such."""
    if kind in ("walls", "ice"):
        return True
    state: State | None = (_find(rows, START), "")
    for move in moves:
        assert state is not None
        (row, column), _ = state
        entered = row + MOVES[move][0], column + MOVES[move][1]
        if rows[entered[0]][entered[1]] in {"keys": "ABCDE", "portals": "123456789", "one_way": "^v<>"}[kind]:
            return True
        state = _after(rows, False, state, move)
    return False
