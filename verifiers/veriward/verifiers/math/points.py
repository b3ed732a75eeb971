"""Where functions are compared: points drawn from their own content, so that nobody can aim at them."""

import random
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from veriward.verifiers.math.evaluate import context
from veriward.verifiers.math.tree import Number, Op, Symbol, Tree, walk

REAL_POINTS = 24

Point = dict[str, Any]
"""A value per symbol, and per named function's arguments."""


def points(trees: Iterable[Tree], count: int) -> list[Point]:
    """Complex points for everything in `trees` that has no value of its own; the same for the same trees."""
    names = _unknowns(trees)
    if not names:
        return [{}]
    draw = random.Random(repr(tuple(trees)))
    mp = context()
    return [{name: mp.mpc(_coordinate(draw), _coordinate(draw)) for name in names} for _ in range(count)]


def real_points(trees: tuple[Tree, Tree]) -> list[Point]:
    mp = context()
    draw = random.Random(repr(trees))
    names = _unknowns(trees)
    literals = sorted({node.value for tree in trees for node in walk(tree) if isinstance(node, Number)})
    marks = [Fraction(0), *(mark for value in literals for mark in (value, -value))]
    scale = max(Fraction(4), *map(abs, marks))
    found: list[Point] = []
    for _ in range(REAL_POINTS):
        # Half the draws lie close to a number that is written, where pieces meet; half anywhere.
        point = {}
        for name in names:
            centre = draw.choice(marks) if draw.random() < 0.5 else Fraction(0)
            reach = Fraction(1) if centre else 2 * scale
            offset = Fraction(draw.randrange(-(2**40), 2**40) * 2 + 1, 2**41) * reach
            shifted = centre + offset
            point[name] = mp.mpf(shifted.numerator) / shifted.denominator
        found.append(point)
    return found


def _unknowns(trees: Iterable[Tree]) -> list[str]:
    names: set[str] = set()
    for tree in trees:
        for node in walk(tree):
            if isinstance(node, Symbol):
                names.add(node.name)
            elif isinstance(node, Op) and node.name == "apply":
                names.add(repr(node.args))
    return sorted(names)


def _coordinate(draw: random.Random) -> Any:
    """Between 1/2 and 2 in size, either sign, 48 random bits."""
    return context().mpf(draw.choice((-1, 1)) * draw.randrange(2**47, 2**49)) / 2**48
