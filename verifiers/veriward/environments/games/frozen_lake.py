"""`frozen_lake`: cross a lake without falling into a hole."""

from random import Random

from pydantic import Field

from veriward.environments import Call, Environment, EpisodeTask, Example, Step, environment, tool
from veriward.environments.games.grid import MOVES, Cell, Direction, any_move, beyond, move, shown, way

_TURNED = {"up": ("left", "right"), "down": ("left", "right"), "left": ("up", "down"), "right": ("up", "down")}


class FrozenLakeTask(EpisodeTask):
    """A lake of `size` by `size` in which a share of `holes`; where it is `slippery` a step goes aside two times of
    three, as in Gymnasium."""

    size: int = Field(default=4, ge=2, le=16)
    holes: float = Field(default=0.2, ge=0, le=0.6)
    slippery: bool = False


@environment("frozen_lake", version=1, task=FrozenLakeTask, examples=(Example(), Example({"size": 8, "holes": 0.3})))
class FrozenLake(Environment[FrozenLakeTask]):
    """Walk from the top left to the goal at the bottom right over ice (.), and not into a hole (O).

    Earns 1 at the goal and 0 in a hole. The lake always has a way. After Gymnasium's FrozenLake.
    """

    def reset(self) -> str:
        size, rng = self.task.size, Random(self.seed)
        self.at: Cell = (0, 0)
        self.goal = (size - 1, size - 1)
        self.steps = 0
        cells = [(row, column) for row in range(size) for column in range(size)]
        while True:
            self.holes = {cell for cell in cells[1:-1] if rng.random() < self.task.holes}
            if self._way() is not None:
                break
        told = " The ice is slippery: a step may go aside." if self.task.slippery else ""
        return f"You are @, the goal is G, . is ice and O a hole.{told}\n{self._shown()}"

    @tool
    def move(self, direction: Direction) -> Step:
        """Go one step; at the edge of the lake you stay."""
        self.steps += 1
        if self.task.slippery:
            direction = Random(f"{self.seed}:{self.steps}").choice((direction, *_TURNED[direction]))  # type: ignore[arg-type]
        to = beyond(self.at, direction)
        if self._inside(to):
            self.at = to
        if self.at in self.holes:
            return Step("You fell into a hole.", outcome=0.0, reason="it fell into a hole")
        if self.at == self.goal:
            return Step("You reached the goal.", outcome=1.0)
        return Step(self._shown())

    def expert(self) -> Call:
        return move((self._way() or ["up"])[0])

    def chance(self, rng: Random) -> Call:
        return any_move(rng, MOVES)

    def _way(self) -> list[str] | None:
        return way(self.at, lambda cell: cell == self.goal, lambda cell: self._inside(cell) and cell not in self.holes)

    def _inside(self, cell: Cell) -> bool:
        return all(0 <= one < self.task.size for one in cell)

    def _shown(self) -> str:
        def sign(cell: Cell) -> str:
            if cell == self.at:
                return "@"
            return "G" if cell == self.goal else "O" if cell in self.holes else "."

        return shown(self.task.size, self.task.size, sign)
