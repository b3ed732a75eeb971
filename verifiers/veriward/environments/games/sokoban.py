"""`sokoban`: push every box onto a goal."""

from collections import deque
from random import Random

from pydantic import Field

from veriward.environments import Call, Environment, EpisodeTask, Example, Step, environment, tool
from veriward.environments.games.grid import MOVES, Cell, Direction, any_move, beyond, move, shown

PULLS = 60  # of the walk backwards that makes a level
MAX_STATES = 200_000  # that the expert looks at
_OPPOSITE = {"up": "down", "down": "up", "left": "right", "right": "left"}
Position = tuple[Cell, frozenset[Cell]]


class SokobanTask(EpisodeTask):
    """A room of `size` by `size` with `boxes`, and `walls` within it."""

    size: int = Field(default=6, ge=5, le=12)
    boxes: int = Field(default=1, ge=1, le=4)
    walls: int = Field(default=2, ge=0, le=20)


@environment("sokoban", version=1, task=SokobanTask, examples=(Example(), Example({"boxes": 2, "size": 6, "walls": 1})))
class Sokoban(Environment[SokobanTask]):
    """Push every box ($) onto a goal (.): walls are #, you are @, a box on a goal is *, you on one are +.

    Earns 1 when all boxes stand on goals. Boxes can't be pulled; the level is made by walking backwards from its end,
    so it can be solved.
    """

    at: Cell
    boxes: frozenset[Cell]
    goals: frozenset[Cell]

    def reset(self) -> str:
        rng = Random(self.seed)
        while not self._draw(rng):
            pass
        return f"You are @, $ is a box, . a goal, # a wall, * a box on a goal.\n{self._shown()}"

    @tool
    def move(self, direction: Direction) -> Step:
        """Go one step, and push the box that stands there if what is behind it is free."""
        after = self._after((self.at, self.boxes), direction)
        if after is None:
            return Step(f"Nothing moves.\n{self._shown()}")
        self.at, self.boxes = after
        if self.boxes == self.goals:
            return Step("Every box stands on a goal.", outcome=1.0)
        return Step(self._shown())

    def expert(self) -> Call:
        start: Position = (self.at, self.boxes)
        before: dict[Position, tuple[Position, str] | None] = {start: None}
        waiting = deque([start])
        while waiting and len(before) < MAX_STATES:
            position = waiting.popleft()
            if position[1] == self.goals:
                direction = "up"
                while (last := before[position]) is not None:
                    position, direction = last
                return move(direction)
            for direction in MOVES:
                after = self._after(position, direction)
                if after is not None and after not in before:
                    before[after] = position, direction
                    waiting.append(after)
        return move("up")

    def chance(self, rng: Random) -> Call:
        return any_move(rng)

    def _draw(self, rng: Random) -> bool:
        """Make a level; False where this one came to nothing."""
        size = self.task.size
        inside = [(row, column) for row in range(1, size - 1) for column in range(1, size - 1)]
        self.walls = {(r, c) for r in range(size) for c in range(size)} - set(inside)
        self.walls |= set(rng.sample(inside, min(self.task.walls, len(inside) - 2 * self.task.boxes - 3)))
        free = sorted(set(inside) - self.walls)
        *goals, self.at = rng.sample(free, self.task.boxes + 1)
        self.goals = frozenset(goals)
        boxes = set(goals)
        for _ in range(PULLS):
            direction = rng.choice(list(MOVES))
            to, behind = beyond(self.at, direction), beyond(self.at, _OPPOSITE[direction])
            if to in self.walls or to in boxes:
                continue
            if behind in boxes:
                boxes = (boxes - {behind}) | {self.at}
            self.at = to
        self.boxes = frozenset(boxes)
        return not self.boxes & self.goals

    def _after(self, position: Position, direction: str) -> Position | None:
        at, boxes = position
        to = beyond(at, direction)
        if to in self.walls:
            return None
        if to not in boxes:
            return to, boxes
        behind = beyond(to, direction)
        if behind in self.walls or behind in boxes:
            return None
        return to, (boxes - {to}) | {behind}

    def _shown(self) -> str:
        def sign(cell: Cell) -> str:
            if cell == self.at:
                return "+" if cell in self.goals else "@"
            if cell in self.boxes:
                return "*" if cell in self.goals else "$"
            return "." if cell in self.goals else "#" if cell in self.walls else " "

        return shown(self.task.size, self.task.size, sign)
