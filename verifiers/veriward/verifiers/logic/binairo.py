"""Binairo: zeros and ones, as many of each, never three alike in a row, no line twice."""

from collections.abc import Sequence
from functools import cache
from random import Random

from pydantic import model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator, levels
from veriward.verifiers.logic import Puzzle, judged
from veriward.verifiers.logic.grids import Place
from veriward.verifiers.logic.shading import (
    FORM,
    Shading,
    ShadingTask,
    fewest_givens,
    given_fault,
    grid_of,
    last_shading,
    written,
)
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict


class BinairoTask(ShadingTask):
    """`given`: a square of 0, 1 and ?, its side even."""

    @model_validator(mode="after")
    def _square(self) -> "BinairoTask":
        if self.height != self.width or self.height % 2:
            raise ValueError("the grid must be square, its side even")
        return self


@verifier("logic.binairo", version=1, task=BinairoTask)
def binairo(response: str, task: BinairoTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid of 0 and 1; each line has as many of both, no three alike beside each other, none is twice.

    Lines are rows and columns; a row may equal a column. Any solution counts.
    """
    return judged(lambda: last_shading(response, task), lambda grid: _broken_rule(grid, task))


def _broken_rule(grid: Shading, task: BinairoTask) -> str | None:
    fault = given_fault(grid, task)
    if fault is not None:
        return fault
    for name, lines in (("row", list(map(tuple, grid))), ("column", list(zip(*grid, strict=True)))):
        for at, line in enumerate(lines, 1):
            if sum(line) * 2 != len(line):
                return f"{name} {at} has {sum(line)} ones"
            if any(line[one] == line[one + 1] == line[one + 2] for one in range(len(line) - 2)):
                return f"{name} {at} has three alike beside each other"
        if len(set(lines)) < len(lines):
            return f"two {name}s are the same"
    return None


class BinairoParameters(Parameters):
    """`given_share`: share of cells that are given at least; more are where uniqueness needs it."""

    side: int = levels(4, 6, 6, 8, 8, about="rows and columns, 4, 6, 8 or 10")
    given_share: float = dial(0.5, 0.0, le=0.9, about="share of cells given at least")

    @model_validator(mode="after")
    def _even(self) -> "BinairoParameters":
        if self.side not in (4, 6, 8, 10):
            raise ValueError("side must be 4, 6, 8 or 10")
        return self


PROMPT = """Fill this {side}x{side} grid with 0 and 1. Every row and every column has as many 0s as 1s, never three \
equal digits beside each other; no two rows are the same, and no two columns. ? is a blank cell.

{given}

Give all {side} rows {form}."""


@generator("logic.binairo", version=1, parameters=BinairoParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: BinairoParameters, /) -> Generated:
    """A random full grid from which cells are taken as long as its solution stays the only one."""
    side = parameters.side
    puzzle, cells = _rules(side)
    chosen = puzzle.solution(rng, [(one, -one) for one in cells.values()])
    assert chosen is not None
    grid = grid_of(chosen, cells, side, side)
    given = fewest_givens(rng, puzzle, grid, cells, parameters.given_share)
    prompt = PROMPT.format(side=side, given=written(given), form=FORM)
    return Generated(prompt=prompt, task=BinairoTask(given=given), reference=f"```\n{grid}\n```")


@cache
def _rules(side: int) -> tuple[Puzzle, dict[Place, int]]:
    puzzle = Puzzle()
    cells = {(row, column): puzzle.literal() for row in range(side) for column in range(side)}
    rows = [[cells[at, one] for one in range(side)] for at in range(side)]
    for lines in (rows, list(map(list, zip(*rows, strict=True)))):
        for at, line in enumerate(lines):
            puzzle.exactly(side // 2, line)
            for one in range(side - 2):
                puzzle.any_of(line[one : one + 3])
                puzzle.never(line[one : one + 3])
            for other in lines[:at]:
                _differ(puzzle, line, other)
    return puzzle, cells


def _differ(puzzle: Puzzle, line: Sequence[int], other: Sequence[int]) -> None:
    unlike = puzzle.literals(len(line))
    for differs, one, second in zip(unlike, line, other, strict=True):
        puzzle.implies([differs, one], [-second])
        puzzle.implies([differs, -one], [second])
    puzzle.any_of(unlike)
