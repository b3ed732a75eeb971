"""ARC in one dimension: what a rule does to the coloured blocks of a row, learnt from examples."""

from collections import Counter
from itertools import groupby
from random import Random

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator, levels
from veriward.verifiers.logic.induction import InductionTask, Row, Rule, drawn, judged_row
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

Block = tuple[int, int, int]  # where it begins, how long it is, its colour


class Arc1DTask(InductionTask):
    """`examples` of a row before and after; the row (`input`) asked about, and the `answer`. 0 is the background."""


@verifier("logic.arc_1d", version=1, task=Arc1DTask)
def arc_1d(response: str, task: Arc1DTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last list; it is the row after the rule, cell for cell.

    After 1D-ARC (arXiv:2305.18354), one of the eight tasks of "How Much Backtracking is Enough?" (arXiv:2505.24273).
    """
    return judged_row(response, task)


def _blocks(row: Row) -> list[Block]:
    found, at = [], 0
    for color, run in groupby(row):
        length = len(list(run))
        if color:
            found.append((at, length, color))
        at += length
    return found


def _painted(length: int, blocks: list[Block]) -> Row:
    row = [0] * length
    for start, size, color in blocks:
        for at in range(max(0, start), min(length, start + size)):
            row[at] = color
    return row


def _moved(row: Row, by: int) -> Row:
    return _painted(len(row), [(start + by, size, color) for start, size, color in _blocks(row)])


def _filled(row: Row) -> Row:
    """Between every two neighbouring cells of one colour."""
    row, last = list(row), -1
    for at, color in enumerate(list(row)):
        if color:
            if last >= 0 and row[last] == color:
                row[last:at] = [color] * (at - last)
            last = at
    return row


def _hollow(row: Row) -> Row:
    inner = [(start + 1, size - 2, 0) for start, size, _ in _blocks(row) if size > 2]
    holes = {at for start, size, _ in inner for at in range(start, start + size)}
    return [0 if at in holes else color for at, color in enumerate(row)]


def _by_size(row: Row, keep: bool) -> Row:
    """The longest blocks, alone or coloured 1."""
    blocks = _blocks(row)
    longest = max((size for _, size, _ in blocks), default=0)
    if keep:
        return _painted(len(row), [one for one in blocks if one[1] == longest])
    return _painted(len(row), [(start, size, 1 if size == longest else color) for start, size, color in blocks])


def _parity(row: Row) -> Row:
    return _painted(len(row), [(start, size, 1 + size % 2) for start, size, _ in _blocks(row)])


def _to_the_left(row: Row) -> Row:
    colored = [color for color in row if color]
    return colored + [0] * (len(row) - len(colored))


def _to_the_right(row: Row) -> Row:
    return _to_the_left(row[::-1])[::-1]


def _flipped_blocks(row: Row) -> Row:
    """The colours of the blocks in the opposite order, places and sizes kept."""
    blocks = _blocks(row)
    colors = [color for _, _, color in reversed(blocks)]
    return _painted(len(row), [(start, size, color) for (start, size, _), color in zip(blocks, colors, strict=True)])


def _most_common(row: Row) -> Row:
    """All in the colour of most cells, the smallest number of several."""
    counts = Counter(color for color in row if color)
    most = min(counts, key=lambda color: (-counts[color], color), default=0)
    return [most if color else 0 for color in row]


RULES: dict[str, Rule] = {
    **{f"move by {by}": lambda row, by=by: _moved(row, by) for by in (1, 2, 3, -1, -2, -3)},  # type: ignore[misc]
    **{f"turn by {by}": lambda row, by=by: row[-by:] + row[:-by] for by in (2, 3, 4)},  # type: ignore[misc]
    "mirror": lambda row: row[::-1],
    "pack to the left": _to_the_left,
    "pack to the right": _to_the_right,
    "fill": _filled,
    "hollow": _hollow,
    "without single cells": lambda row: _painted(len(row), [one for one in _blocks(row) if one[1] > 1]),
    "single cells alone": lambda row: _painted(len(row), [one for one in _blocks(row) if one[1] == 1]),
    "first cells": lambda row: _painted(len(row), [(start, 1, color) for start, _, color in _blocks(row)]),
    "grow to the right": lambda row: _painted(len(row), [(s, size + 1, color) for s, size, color in _blocks(row)]),
    "grow on both sides": lambda row: _painted(len(row), [(s - 1, size + 2, color) for s, size, color in _blocks(row)]),
    "to the right edge": lambda row: _painted(len(row), [(s, len(row), color) for s, _, color in _blocks(row)]),
    "longest alone": lambda row: _by_size(row, keep=True),
    "longest in 1": lambda row: _by_size(row, keep=False),
    "odd or even": _parity,
    "colours flipped": _flipped_blocks,
    "most common colour": _most_common,
    "mirrored after": lambda row: row + row[::-1],
}


class Arc1DParameters(Parameters):
    """How many rules follow each other, how many examples are shown, and how long rows are."""

    depth: int = levels(1, 1, 2, 2, about="rules that follow each other, 1 or 2")
    examples: int = dial(5, 3, ge=2, le=10, about="how many examples are shown")
    length: int = dial(12, 24, ge=10, le=40, about="cells of a row, at most")


PROMPT = """A rule changes rows of coloured cells. Each number is a colour, 0 is the background. Find out the \
rule from these examples:

{examples}

What does it make of this row?
{input}

Give the row at the end, in a fenced block:
```
[first, second, …]
```"""


@generator("logic.arc_1d", version=1, parameters=Arc1DParameters, unique=True)
def generate(rng: Random, parameters: Arc1DParameters, /) -> Generated:
    """Random blocks and a rule for them; all rules of this game that explain the examples give the same answer."""

    def inputs(rng: Random) -> Row:
        row: Row = []
        colors = rng.sample(range(1, 10), 3)
        length = rng.randint(parameters.length - 2, parameters.length)
        while len(row) < length:
            row += [0] * rng.randint(1, 3)
            row += [rng.choice(colors)] * rng.choice((1, 1, 2, 3, 4))
        return [*row[: length - 1], 0]

    made = drawn(rng, RULES, min(parameters.depth, 2), parameters.examples, inputs)
    prompt = PROMPT.format(
        examples="\n".join(f"{_written(one.input)} -> {_written(one.output)}" for one in made.examples),
        input=_written(made.input),
    )
    task = Arc1DTask(examples=made.examples, input=made.input, answer=made.answer)
    return Generated(prompt=prompt, task=task, reference=f"```\n{made.answer}\n```")


def _written(row: Row) -> str:
    return " ".join(map(str, row))
