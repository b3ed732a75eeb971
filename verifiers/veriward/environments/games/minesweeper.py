"""`minesweeper`: open every cell that holds no mine."""

from random import Random

from pydantic import Field

from veriward.environments import Call, Environment, EpisodeTask, Example, Step, ToolError, environment, tool
from veriward.environments.games.grid import Cell, shown


class MinesweeperTask(EpisodeTask):
    """A field of `rows` by `columns` with `mines`; the first cell that is opened is never one."""

    rows: int = Field(default=5, ge=3, le=20)
    columns: int = Field(default=5, ge=3, le=20)
    mines: int = Field(default=4, ge=1, le=80)


@environment(
    "minesweeper",
    version=1,
    task=MinesweeperTask,
    examples=(Example(), Example({"rows": 8, "columns": 8, "mines": 10})),
)
class Minesweeper(Environment[MinesweeperTask]):
    """Open every cell without a mine: a digit says how many mines touch a cell, # is closed, F is flagged.

    Earns 1 when all are open, 0 on a mine. `metrics.opened` is the share of safe cells that were opened.
    """

    def reset(self) -> str:
        self.mines: set[Cell] | None = None
        self.open: set[Cell] = set()
        self.flags: set[Cell] = set()
        self.count = min(self.task.mines, self.task.rows * self.task.columns - 9)
        if self.count < 1:
            self.count = 1
        return f"{self.count} mines. Rows and columns count from 0.\n{self._shown()}"

    @tool
    def reveal(self, row: int, column: int) -> Step:
        """Open a cell; where no mine touches it, its neighbours open too."""
        cell = self._cell(row, column)
        if self.mines is None:
            self._lay(cell)
        assert self.mines is not None
        if cell in self.open:
            raise ToolError("this cell is open already")
        if cell in self.mines:
            return Step("A mine.", outcome=0.0, metrics=self._metrics(), reason="it opened a mine")
        waiting = [cell]
        while waiting:
            cell = waiting.pop()
            if cell in self.open:
                continue
            self.open.add(cell)
            if not self._touching(cell):
                waiting += self._neighbours(cell)
        if len(self.open) == self.task.rows * self.task.columns - len(self.mines):
            return Step("Every safe cell is open.", outcome=1.0, metrics=self._metrics())
        return Step(self._shown(), metrics=self._metrics())

    @tool
    def flag(self, row: int, column: int) -> Step:
        """Put a flag on a cell, or take it away."""
        self.flags ^= {self._cell(row, column)}
        return Step(self._shown())

    def expert(self) -> Call:
        cells = [(row, column) for row in range(self.task.rows) for column in range(self.task.columns)]
        safe = [cell for cell in cells if cell not in self.open and cell not in (self.mines or set())]
        return Call("reveal", {"row": safe[0][0], "column": safe[0][1]})

    def chance(self, rng: Random) -> Call:
        row, column = rng.randrange(self.task.rows), rng.randrange(self.task.columns)
        return Call("reveal", {"row": row, "column": column})

    def _lay(self, first: Cell) -> None:
        safe = {first, *self._neighbours(first)}
        cells = [(row, column) for row in range(self.task.rows) for column in range(self.task.columns)]
        free = [cell for cell in cells if cell not in safe] or [cell for cell in cells if cell != first]
        self.mines = set(Random(self.seed).sample(free, min(self.count, len(free))))

    def _cell(self, row: int, column: int) -> Cell:
        if not (0 <= row < self.task.rows and 0 <= column < self.task.columns):
            raise ToolError(f"there is no cell ({row}, {column})")
        return row, column

    def _neighbours(self, cell: Cell) -> list[Cell]:
        near = [(cell[0] + row, cell[1] + column) for row in (-1, 0, 1) for column in (-1, 0, 1)]
        return [(r, c) for r, c in near if (r, c) != cell and 0 <= r < self.task.rows and 0 <= c < self.task.columns]

    def _touching(self, cell: Cell) -> int:
        return sum(near in (self.mines or set()) for near in self._neighbours(cell))

    def _metrics(self) -> dict[str, float]:
        return {"opened": len(self.open) / (self.task.rows * self.task.columns - len(self.mines or ()))}

    def _shown(self) -> str:
        def sign(cell: Cell) -> str:
            if cell in self.open:
                return str(self._touching(cell))
            return "F" if cell in self.flags else "#"

        return shown(self.task.rows, self.task.columns, sign)
