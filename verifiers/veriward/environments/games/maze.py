"""`maze`: find the way out of a maze."""

from random import Random

from pydantic import Field

from veriward.environments import Call, Environment, EpisodeTask, Example, Step, ToolError, environment, tool
from veriward.environments.games.grid import MOVES, Cell, Direction, any_move, beyond, move, shown, way


class MazeTask(EpisodeTask):
    """A maze of `size` by `size` rooms; one that is not `mapped` is seen `sight` cells far alone."""

    size: int = Field(default=5, ge=2, le=20)
    mapped: bool = True
    sight: int = Field(default=2, ge=1, le=10)


@environment("maze", version=1, task=MazeTask, examples=(Example(), Example({"size": 7, "mapped": False})))
class Maze(Environment[MazeTask]):
    """Walk from S to E between walls (#); there is exactly one way.

    Earns 1 at the exit. Several steps of one direction may be taken in a call.
    """

    def reset(self) -> str:
        size, rng = self.task.size, Random(self.seed)
        self.side = 2 * size + 1
        self.free: set[Cell] = {(1, 1)}
        trail: list[Cell] = [(1, 1)]
        while trail:
            room = trail[-1]
            ways = [
                (wall, to)
                for row, column in MOVES.values()
                if (to := (room[0] + 2 * row, room[1] + 2 * column)) not in self.free
                and all(0 < one < self.side for one in to)
                and (wall := (room[0] + row, room[1] + column))
            ]
            if not ways:
                trail.pop()
                continue
            wall, to = rng.choice(ways)
            self.free |= {wall, to}
            trail.append(to)
        self.at: Cell = (1, 1)
        self.exit: Cell = (self.side - 2, self.side - 2)
        seen = "" if self.task.mapped else f" You see {self.task.sight} cells far; ? is what you do not."
        return f"You are @, the exit is E, # is wall.{seen}\n{self._shown()}"

    @tool
    def move(self, direction: Direction, steps: int = 1) -> Step:
        """Go up to `steps` steps in a direction, until a wall."""
        if not 1 <= steps <= self.side:
            raise ToolError(f"`steps` must be from 1 to {self.side}")
        for _ in range(steps):
            to = beyond(self.at, direction)
            if to not in self.free:
                break
            self.at = to
            if to == self.exit:
                return Step("You are out.", outcome=1.0)
        return Step(self._shown())

    def expert(self) -> Call:
        found = way(self.at, lambda cell: cell == self.exit, lambda cell: cell in self.free)
        return move((found or ["up"])[0])

    def chance(self, rng: Random) -> Call:
        return any_move(rng)

    def _shown(self) -> str:
        def sign(cell: Cell) -> str:
            if cell == self.at:
                return "@"
            away = max(abs(cell[0] - self.at[0]), abs(cell[1] - self.at[1]))
            if not self.task.mapped and away > self.task.sight:
                return "?"
            return "E" if cell == self.exit else "." if cell in self.free else "#"

        return shown(self.side, self.side, sign)
