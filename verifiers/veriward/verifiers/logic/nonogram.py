"""Nonograms: the lengths of the runs of shaded cells in every row and column."""

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from random import Random
from typing import Annotated

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import Puzzle, judged
from veriward.verifiers.logic.grids import MAX_SIDE, places
from veriward.verifiers.logic.shading import (
    FORM,
    Shading,
    ShadingTask,
    fewest_givens,
    given_fault,
    last_shading,
    written,
)
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

Runs = Annotated[
    list[Annotated[list[Annotated[int, Field(ge=1, le=MAX_SIDE)]], Field(max_length=MAX_SIDE)]],
    Field(min_length=2, max_length=MAX_SIDE),
]


class NonogramTask(ShadingTask):
    """`rows` and `columns`: of each the lengths of its runs in order, an empty list where nothing is shaded."""

    rows: Runs
    columns: Runs

    @model_validator(mode="after")
    def _fits(self) -> "NonogramTask":
        if len(self.rows) != self.height or len(self.columns) != self.width:
            raise ValueError("there must be runs for each row and column")
        for lines, room in ((self.rows, self.width), (self.columns, self.height)):
            if any(sum(runs) + len(runs) - 1 > room for runs in lines):
                raise ValueError("the runs of a line do not fit in it")
        if sum(map(sum, self.rows)) != sum(map(sum, self.columns)):
            raise ValueError("rows and columns do not shade the same number of cells")
        return self


@verifier("logic.nonogram", version=1, task=NonogramTask)
def nonogram(response: str, task: NonogramTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid of 0 and 1; every row and column has the runs that are told, and no given is changed.

    A run is a longest line of shaded cells. Any solution counts.
    """
    return judged(lambda: last_shading(response, task), lambda grid: _broken_rule(grid, task))


def _broken_rule(grid: Shading, task: NonogramTask) -> str | None:
    fault = given_fault(grid, task)
    if fault is not None:
        return fault
    for name, lines, told in (("row", grid, task.rows), ("column", zip(*grid, strict=True), task.columns)):
        for at, (line, asked) in enumerate(zip(lines, told, strict=True), 1):
            if _runs(line) != asked:
                return f"the runs of {name} {at} are {_runs(line)}, not {asked}"
    return None


def _runs(line: Sequence[int]) -> list[int]:
    return [len(list(run)) for cell, run in groupby(line) if cell]


class NonogramParameters(Parameters):
    """`given_share`: share of cells told; more where uniqueness needs it."""

    side: int = dial(4, 10, ge=3, le=12, about="rows and columns")
    shaded_share: float = dial(0.65, 0.5, ge=0.3, le=0.8, about="share of shaded cells, on average")
    given_share: float = dial(0.1, 0.0, le=0.8, about="share of cells told at least")


PROMPT = """Solve this {side}x{side} nonogram. For every row and column the lengths of its runs of shaded cells are \
told in order, from the left or from the top; between two runs lies at least one cell that is not shaded. 0 alone \
says that nothing is shaded.

Rows, from the top:
{rows}

Columns, from the left:
{columns}

What is known of the cells (1 shaded, 0 not shaded, ? unknown):
{given}

Give all {side} rows {form}: 1 for a shaded cell, 0 for another."""


@generator("logic.nonogram", version=1, parameters=NonogramParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: NonogramParameters, /) -> Generated:
    """A random picture and its runs, with as few cells told as leave it the only solution."""
    side = parameters.side
    grid = [[int(rng.random() < parameters.shaded_share) for _ in range(side)] for _ in range(side)]
    rows, columns = list(map(_runs, grid)), list(map(_runs, zip(*grid, strict=True)))
    with Puzzle() as puzzle:
        cells = {place: puzzle.literal() for place in places(grid)}
        for at in range(side):
            for runs, line in (
                (rows[at], [cells[at, one] for one in range(side)]),
                (columns[at], [cells[one, at] for one in range(side)]),
            ):
                fillings = _fillings(tuple(runs), side)
                puzzle.one_of(
                    [[one if cell else -one for cell, one in zip(filling, line, strict=True)] for filling in fillings]
                )
        given = fewest_givens(rng, puzzle, grid, cells, parameters.given_share)
    prompt = PROMPT.format(side=side, rows=_written(rows), columns=_written(columns), given=written(given), form=FORM)
    task = NonogramTask(rows=rows, columns=columns, given=given)
    return Generated(prompt=prompt, task=task, reference=f"```\n{grid}\n```")


def _written(lines: list[list[int]]) -> str:
    return "\n".join(f"{at}: {' '.join(map(str, runs or [0]))}" for at, runs in enumerate(lines, 1))


@cache
def _fillings(runs: tuple[int, ...], length: int) -> list[tuple[int, ...]]:
    """Every line of that length with these runs."""
    if not runs:
        return [(0,) * length]
    first, rest = runs[0], runs[1:]
    need = sum(rest) + len(rest)
    found = []
    for lead in range(length - first - need + 1):
        gap = (0,) if rest else ()
        head = (0,) * lead + (1,) * first + gap
        found += [head + tail for tail in _fillings(rest, length - len(head))]
    return found
