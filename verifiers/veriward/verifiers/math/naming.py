"""Equations that only name a value: `x = 5`, `Area = 12`, `6 * 7 = 42`."""

from fractions import Fraction
from math import isfinite
from typing import Protocol

from veriward.verifiers.math.evaluate import Budget
from veriward.verifiers.math.exact import exact
from veriward.verifiers.math.tree import MINUS_ONE, Group, Number, Op, Relation, Symbol, Text, Tree, symbols
from veriward.verifiers.math.values import real_value

NAMING = frozenset(["=", "≈", "∈"])


class Comparer(Protocol):
    budget: Budget

    def equal(self, gold: Tree, other: Tree, /) -> bool: ...


def is_equation(relation: Relation) -> bool:
    return all(sign in NAMING for sign in relation.signs)


def names_one_thing(tree: Tree) -> bool:
    """Whether an equation's left side only names its right side: `x`, `f(x)`, `(x, y)`, `\\text{Area}`."""
    match tree:
        case Symbol():
            return True
        case Op("apply", _):
            return True
        case Group("()", items):
            return all(isinstance(item, Symbol) for item in items)
    return False


def named_values(relation: Relation, comparer: Comparer) -> tuple[Tree, ...]:
    """The value that an answer `x = value`, `a + b = value` or `a = b = value` gives; none if it gives none.

    Every other side must be a name without numbers, or a constant equal to the value: `2x + z = 1` gives no value
    (it may be an echo of the problem), nor does `2 + 2 = 5`. `1/3 = 0.33` gives both its sides.
    """
    if not is_equation(relation):
        return ()
    *others, value = relation.sides
    if isinstance(value, Symbol) and len(others) == 1 and not symbols(others[0]):
        return (others[0],)
    found: list[Tree] = [value]
    for side, sign in zip(others, relation.signs, strict=True):
        if _is_label(side):
            continue
        if symbols(side) or symbols(value):
            return ()
        if _is_rounding(side, value, sign, comparer.budget):
            found.append(side)
        elif not comparer.equal(side, value):
            return ()
    return tuple(found)


def _is_label(tree: Tree) -> bool:
    """Whether a side only names a value: it has symbols, and no number but within `f(2)`."""
    match tree:
        case Symbol() | Text() | Op("apply", _):
            return True
        case Op("pow", (base, exponent)) if exponent == MINUS_ONE:
            return _is_label(base)
        case Op("mul", args):
            return any(map(_is_label, args)) and all(_is_label(arg) or arg == MINUS_ONE for arg in args)
        case Op(_, args):
            return all(map(_is_label, args))
        case Group("()" | "[]" | "ratio", items):
            return all(map(_is_label, items))
    return False


def _is_rounding(side: Tree, shown: Tree, sign: str, budget: Budget) -> bool:
    """Whether `shown` is `side` rounded to the decimals that it shows; to an integer, only where `≈` says so."""
    if not isinstance(shown, Number) or (shown.places is None and (sign != "≈" or shown.value.denominator > 1)):
        return False
    value = exact(side)
    if value is None:
        approximate = real_value(side, budget)
        value = None if approximate is None or not isfinite(approximate) else Fraction(approximate)
    return value is not None and abs(value - shown.value) <= Fraction(501, 1000) / 10 ** (shown.places or 0)
