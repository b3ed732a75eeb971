"""The verifier `arc`: a grid of colours, every cell of it."""

import re
from typing import Annotated

from pydantic import Field, field_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.answers import answer_region, last_answer_tag
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict, correct, unparsed, wrong

MAX_SIDE = 30  # of ARC's own grids
# The largest grid, its cells generously apart.
MAX_GRID_CHARS = 16_384

Grid = list[list[int]]

_AROUND_BRACKETS = re.compile(r"\s*([\[\]])\s*")
_BETWEEN_ROWS = re.compile(r"\],?\[")
_BETWEEN_CELLS = re.compile(r"[ ,;|\t]+")
_LINE_OF_CELLS = re.compile(r"[ \t|]*\d(?:[ \t,;|]*\d)*[ \t,|]*")

Row = Annotated[list[Annotated[int, Field(ge=0, le=9)]], Field(min_length=1, max_length=MAX_SIDE)]


class ArcTask(Task):
    """`gold`: the output grid, rows of colours 0 to 9, at most 30 by 30."""

    gold: Annotated[list[Row], Field(min_length=1, max_length=MAX_SIDE)]

    @field_validator("gold")
    @classmethod
    def _rectangular(cls, gold: Grid) -> Grid:
        if len(set(map(len, gold))) > 1:
            raise ValueError("its rows differ in length")
        return gold


@verifier("arc", version=1, task=ArcTask)
def arc(response: str, task: ArcTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid of the last `<answer>`, or of all that follows the thinking; every cell must be right.

    A grid is `[[0, 1], [2, 3]]`, with or without commas, or lines of digits, apart or together (ARC, arXiv:1911.01547;
    rule as BARC and SynLogic score it: equal or not). It is read as digits and never evaluated. A text without a grid,
    a ragged one or one of more than 30 rows or columns is unparsed, and equals no gold grid.

    Metrics, which earn nothing: `shape` (1 if rows and columns are right), `cells` (share of right cells, then).
    """
    region = answer_region(response)
    if region is None:
        return unparsed("the thinking never ends")
    tagged = last_answer_tag(region)
    if tagged is None and "<answer>" in region:
        return unparsed("the answer is never closed")
    written = last_grid(region if tagged is None else tagged)
    if written is None:
        return unparsed("there is no grid")
    grid = list(map(_read, written))
    shown = "\n".join("".join(map(str, row)) for row in grid)
    if not all(grid):
        return unparsed("a cell is no colour", "\n".join(written))
    if len(set(map(len, grid))) > 1:
        return unparsed("the rows differ in length", shown)
    if len(grid) > MAX_SIDE or len(grid[0]) > MAX_SIDE:
        return unparsed(f"the grid is larger than {MAX_SIDE} by {MAX_SIDE}", shown)
    verdict = (correct if grid == task.gold else wrong)(shown)
    verdict.metrics.update(_nearness(task.gold, grid))
    return verdict


def last_grid(text: str) -> list[str] | None:
    """The rows, as they are written, of the last grid in the text; what is not near its end is not looked at."""
    text = text[-MAX_GRID_CHARS:]
    bracketed, lined = _last_brackets(text), _last_lines(text)
    return max(bracketed, lined)[1] or None


def _last_brackets(text: str) -> tuple[int, list[str]]:
    """Where the last `[[…]]` ends, and its rows."""
    last = text.rfind("]")
    tight = _AROUND_BRACKETS.sub(r"\1", " ".join(text[: last + 1].split()))
    end = tight.rfind("]]")
    start = tight.rfind("[[", 0, max(0, end))
    if start < 0 or tight[start - 1 : start] == "[" or tight[end + 2 : end + 3] == "]":
        return -1, []
    rows = _BETWEEN_ROWS.split(tight[start + 2 : end])
    return (last, rows) if all(map(_LINE_OF_CELLS.fullmatch, rows)) else (-1, [])


def _last_lines(text: str) -> tuple[int, list[str]]:
    """Where the last block of lines of digits ends, and these lines."""
    rows: list[str] = []
    end = at = len(text)
    for line in reversed(text.split("\n")):
        if _LINE_OF_CELLS.fullmatch(line.strip()):
            if not rows:
                end = at
            rows.append(line)
        elif rows:
            break
        at -= len(line) + 1
    return (end, rows[::-1]) if rows else (-1, [])


def _read(row: str) -> list[int]:
    """The colours of a row; empty where something in it is no colour, such as 10 beside 3."""
    cells = _BETWEEN_CELLS.split(row.strip(" \t,;|"))
    told = list(cells[0]) if len(cells) == 1 else cells
    return list(map(int, told)) if all(len(cell) == 1 for cell in told) else []


def _nearness(gold: Grid, told: Grid) -> dict[str, float]:
    if (len(gold), len(gold[0])) != (len(told), len(told[0])):
        return {"shape": 0.0, "cells": 0.0}
    right = sum(
        one == other for left, row in zip(gold, told, strict=True) for one, other in zip(left, row, strict=True)
    )
    return {"shape": 1.0, "cells": right / (len(gold) * len(gold[0]))}
