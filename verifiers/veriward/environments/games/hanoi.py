"""`hanoi`: the tower of Hanoi."""

from random import Random
from typing import Literal

from pydantic import Field

from veriward.environments import Budget, Call, Environment, EpisodeTask, Example, Step, ToolError, environment, tool

PEGS = ("A", "B", "C")
Peg = Literal["A", "B", "C"]


class HanoiTask(EpisodeTask):
    """A tower of `disks`; where it is `scattered` the seed says where they begin."""

    disks: int = Field(default=3, ge=1, le=9)
    scattered: bool = False


@environment(
    "hanoi",
    version=1,
    task=HanoiTask,
    budget=Budget(steps=600, tool_calls=600),
    examples=(Example(), Example({"disks": 5}), Example({"disks": 4, "scattered": True})),
)
class Hanoi(Environment[HanoiTask]):
    """Move all disks to peg C, one at a time, never a larger one onto a smaller.

    Earns 1 when all stand on C. `metrics.moves_over` says how many moves more than needed it took.
    """

    def reset(self) -> str:
        rng = Random(self.seed)
        self.on: list[str] = ["A"] * self.task.disks  # of each disk, the smallest first
        if self.task.scattered:
            while len(set(self.on) - {"C"}) == 0 or self.on == ["A"] * self.task.disks:
                self.on = [rng.choice(PEGS) for _ in range(self.task.disks)]
                if self.task.disks == 1:
                    self.on = [rng.choice("AB")]
                    break
        self.moves = 0
        self.needed = self._left("C")
        return f"Disks are numbered by size, 1 the smallest; the last of a peg lies on top.\n{self._shown()}"

    @tool
    def move(self, source: Peg, target: Peg) -> Step:
        """Move the topmost disk of a peg onto another."""
        disk, lies = self._top(source), self._top(target)
        if disk is None:
            raise ToolError(f"peg {source} is empty")
        if source == target or (lies is not None and lies < disk):
            raise ToolError(f"disk {disk + 1} can't be put there")
        self.on[disk] = target
        self.moves += 1
        if set(self.on) == {"C"}:
            return Step("The tower stands on C.", outcome=1.0, metrics={"moves_over": self.moves - self.needed})
        return Step(self._shown())

    def expert(self) -> Call:
        target, best = "C", ("A", "C")
        for disk in range(len(self.on) - 1, -1, -1):
            source = self.on[disk]
            if source != target:
                best = source, target  # once all smaller ones lie on the third peg
                target = next(peg for peg in PEGS if peg not in best)
        return Call("move", {"source": best[0], "target": best[1]})

    def chance(self, rng: Random) -> Call:
        source, target = rng.sample(PEGS, 2)
        return Call("move", {"source": source, "target": target})

    def _left(self, target: str) -> int:
        """The least number of moves to have all on `target`."""
        moves = 0
        for disk in range(len(self.on) - 1, -1, -1):
            if self.on[disk] != target:
                moves += 2**disk
                target = next(peg for peg in PEGS if peg not in (self.on[disk], target))
        return moves

    def _top(self, peg: str) -> int | None:
        return next((disk for disk, at in enumerate(self.on) if at == peg), None)

    def _shown(self) -> str:
        def disks(peg: str) -> str:
            return " ".join(str(disk + 1) for disk in range(len(self.on) - 1, -1, -1) if self.on[disk] == peg) or "-"

        return "\n".join(f"{peg}: {disks(peg)}" for peg in PEGS)
