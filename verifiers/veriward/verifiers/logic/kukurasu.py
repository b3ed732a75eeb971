"""Kakurasu: mark cells whose places sum to the totals of their rows and columns."""

import json
from functools import cache
from itertools import combinations
from random import Random
from typing import Annotated, Literal

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Puzzle, judged, last_grid, published, stored
from veriward.verifiers.logic.grids import MAX_SIDE
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

Grid = list[list[str]]

MARK, FREE = "1", "X"
CELLS = {one: one for one in (MARK, FREE)}
MAX_TRIES = 500

Sums = Annotated[list[Annotated[int, Field(ge=0, le=MAX_SIDE * MAX_SIDE)]], Field(min_length=1, max_length=MAX_SIDE)]


class KukurasuTask(GameTask):
    """`rows` and `columns`: the total of each."""

    rows: Sums = published("row_sums")
    columns: Sums = published("col_sums")

    @model_validator(mode="after")
    def _possible(self) -> "KukurasuTask":
        for name, totals, others in (("row", self.rows, self.columns), ("column", self.columns, self.rows)):
            most = len(others) * (len(others) + 1) // 2
            if max(totals) > most:
                raise ValueError(f"no {name} can sum to more than {most}")
        return self


@verifier("logic.kukurasu", version=1, task=KukurasuTask, golds=stored("solution"))
def kukurasu(response: str, task: KukurasuTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid of "1" and "X"; the columns marked in a row sum to its total, and so do rows in a column.

    Any solution counts. Published rows: SynLogic's `kukurasu` (arXiv:2505.19641), of which the last grid counts, not
    the first.
    """

    def fault(grid: Grid) -> str | None:
        for name, lines, totals in (("row", grid, task.rows), ("column", list(zip(*grid, strict=True)), task.columns)):
            for at, (line, total) in enumerate(zip(lines, totals, strict=True), 1):
                found = sum(weight for weight, cell in enumerate(line, 1) if cell == MARK)
                if found != total:
                    return f"{name} {at} sums to {found}, not {total}"
        return None

    return judged(lambda: last_grid(response, CELLS, len(task.rows), len(task.columns)), fault)


class KukurasuParameters(Parameters):
    """`marked`: share of the cells that are marked."""

    side: int = dial(3, 8, ge=3, le=9)
    marked: float = dial(0.4, 0.5, ge=0.1, le=0.9)
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """In a {side}x{side} grid, mark cells with 1 and leave the others X. In a row, a marked cell counts as much \
as the number of its column (1 to {side} from the left); in a column, as the number of its row (1 to {side} from the \
top). The totals must be

for the rows, from the top: {rows}
for the columns, from the left: {columns}

Give all {side} rows at the end, in a fenced block, as [["X", "1"], ["1", "X"]].""",
    "zh": """在 {side}x{side} 的网格中，把一些格子标为 1，其余保持 X。在一行中，标为 1 的格子的权重是其列号\
（从左起 1 到 {side}）；在一列中，权重是其行号（从上起 1 到 {side}）。各行各列的总和必须为：

行（从上到下）：{rows}
列（从左到右）：{columns}

请在最后用代码块给出全部 {side} 行，形如 [["X", "1"], ["1", "X"]]。""",
}


@generator("logic.kukurasu", version=1, parameters=KukurasuParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: KukurasuParameters, /) -> Generated:
    """Random marks, until their totals leave no other solution."""
    side = parameters.side
    puzzle, cells, totals = _rules(side)
    for _ in range(MAX_TRIES):
        marks = [[rng.random() < parameters.marked for _ in range(side)] for _ in range(side)]
        columns = list(zip(*marks, strict=True))
        sums = [sum(at for at, mark in enumerate(line, 1) if mark) for line in (*marks, *columns)]
        solution = [
            one if mark else -one
            for row, marked in zip(cells, marks, strict=True)
            for one, mark in zip(row, marked, strict=True)
        ]
        if puzzle.unique(solution, [totals[at][total] for at, total in enumerate(sums)]):
            break
    else:
        raise NoTask(f"no totals of {side} by {side} had one solution")
    full = [[MARK if mark else FREE for mark in row] for row in marks]
    rows, below = sums[:side], sums[side:]
    prompt = PROMPTS[parameters.language].format(side=side, rows=rows, columns=below)
    return Generated(
        prompt=prompt, task=KukurasuTask(rows=rows, columns=below), reference=f"```\n{json.dumps(full)}\n```"
    )


@cache
def _rules(side: int) -> tuple[Puzzle, list[list[int]], list[dict[int, int]]]:
    """The cells, and of every row and then column a literal for each total that implies it."""
    puzzle = Puzzle()
    cells = [puzzle.literals(side) for _ in range(side)]
    totals = []
    for line in [*cells, *map(list, zip(*cells, strict=True))]:
        tables: dict[int, list[list[int]]] = {}
        for count in range(side + 1):
            for some in combinations(range(side), count):
                marks = [one if at in some else -one for at, one in enumerate(line)]
                tables.setdefault(sum(some) + count, []).append(marks)
        literals = {total: puzzle.literal() for total in tables}
        for total, rows in tables.items():
            puzzle.one_of(rows, where=literals[total])
        totals.append(literals)
    return puzzle, cells, totals
