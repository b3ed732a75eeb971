"""`2048`: slide tiles together until one is large enough."""

from random import Random

from pydantic import Field, field_validator

from veriward.environments import Budget, Call, Environment, EpisodeTask, Example, Step, ToolError, environment, tool
from veriward.environments.games.grid import MOVES, Direction, move

Board = list[list[int]]
SIDE = 4
FOURS = 0.1  # share of new tiles that are 4


class TwentyFortyEightTask(EpisodeTask):
    """`target`: the tile to make, a power of two."""

    target: int = Field(default=256, ge=8, le=2048)

    @field_validator("target")
    @classmethod
    def _power_of_two(cls, target: int) -> int:
        if target & (target - 1):
            raise ValueError("must be a power of two")
        return target


@environment(
    "2048",
    version=1,
    task=TwentyFortyEightTask,
    budget=Budget(steps=1_000, tool_calls=1_000),
    examples=(Example(), Example({"target": 128})),
)
class TwentyFortyEight(Environment[TwentyFortyEightTask]):
    """Slide all tiles in a direction: equal ones that meet become one of twice the worth; then a new tile comes.

    Earns 1 when the target is made, 0 when nothing can move. `metrics.best_tile` is the largest so far.
    """

    def reset(self) -> str:
        self.board: Board = [[0] * SIDE for _ in range(SIDE)]
        self.moves = 0
        self._new()
        self._new()
        return f"Make {self.task.target}.\n{self._shown()}"

    @tool
    def move(self, direction: Direction) -> Step:
        """Slide all tiles."""
        after = slid(self.board, direction)
        if after == self.board:
            raise ToolError(f"nothing moves {direction}")
        self.board = after
        self.moves += 1
        self._new()
        best = max(map(max, self.board))
        told = {"best_tile": float(best)}
        if best >= self.task.target:
            return Step(f"{best} is made.", outcome=1.0, metrics=told)
        if all(slid(self.board, one) == self.board for one in MOVES):
            return Step(f"Nothing moves any more.\n{self._shown()}", outcome=0.0, metrics=told, reason="it is stuck")
        return Step(self._shown(), metrics=told)

    def expert(self) -> Call:
        ways = [one for one in MOVES if slid(self.board, one) != self.board]
        return move(max(ways, key=lambda one: _promise(slid(self.board, one), 1)))

    def chance(self, rng: Random) -> Call:
        return move(rng.choice(list(MOVES)))

    def _new(self) -> None:
        rng = Random(f"{self.seed}:{self.moves}:{sum(map(sum, self.board))}")
        free = [(row, column) for row in range(SIDE) for column in range(SIDE) if not self.board[row][column]]
        row, column = rng.choice(free)
        self.board[row][column] = 4 if rng.random() < FOURS else 2

    def _shown(self) -> str:
        return "\n".join(" ".join(f"{tile or '.':>4}" for tile in row) for row in self.board)


def slid(board: Board, direction: str) -> Board:
    """The board after a move, before the new tile."""
    if direction in ("up", "down"):
        turned = [list(column) for column in zip(*board, strict=True)]
        after = slid(turned, "left" if direction == "up" else "right")
        return [list(row) for row in zip(*after, strict=True)]
    if direction == "right":
        return [row[::-1] for row in slid([row[::-1] for row in board], "left")]
    return [_merged(row) for row in board]


def _merged(row: list[int]) -> list[int]:
    tiles, out = [tile for tile in row if tile], []
    while tiles:
        tile = tiles.pop(0)
        if tiles and tiles[0] == tile:
            tile += tiles.pop(0)
        out.append(tile)
    return out + [0] * (SIDE - len(out))


_WEIGHTS = [[4.0**7, 4.0**6, 4.0**5, 4.0**4], [1.0, 4.0, 4.0**2, 4.0**3], [1.0, 0.5, 0.2, 0.1], [0.1] * 4]


def _promise(board: Board, depth: int) -> float:
    """How good a board is: large tiles in a corner, along a snake, and room left."""
    free = sum(not tile for row in board for tile in row)
    own = sum(
        tile * weight
        for row, weights in zip(board, _WEIGHTS, strict=True)
        for tile, weight in zip(row, weights, strict=True)
    )
    score = own + free * 4.0**5
    if not depth:
        return score
    after = [slid(board, one) for one in MOVES]
    moved = [_promise(one, depth - 1) for one in after if one != board]
    return score + max(moved, default=-(4.0**12))
