"""Whether two expressions have the same value.

Two rationals: by arithmetic. Anything else: by evaluation, to the precision that `size` says tells them apart;
functions at points drawn from the content of both (complex, and for |x|, floors and odd roots also real). A first look
at low precision ends most inequalities; equality always takes the full precision. What costs more than the budget
raises `TooLarge`, and is never equal.
"""

from fractions import Fraction
from typing import Any

from veriward.verifiers.math.bounds import TooLarge
from veriward.verifiers.math.evaluate import Budget, Evaluator, Undefined, context
from veriward.verifiers.math.exact import exact
from veriward.verifiers.math.points import Point, points, real_points
from veriward.verifiers.math.radicals import joined_roots
from veriward.verifiers.math.size import separation_bits
from veriward.verifiers.math.tree import (
    Constant,
    Op,
    Tree,
    difference,
    has_decimal,
    walk,
)

DECIMAL_PLACES = 6  # a decimal answer is compared when rounded to this, as math-verify does
RELATIVE_TOLERANCE = Fraction(1, 10**6)  # and also to this, above 1 …
SMALL_RELATIVE_TOLERANCE = Fraction(1, 10**3)  # … and to this below, so that 0.0000001 is not 0
LOOK_BITS = 96
LOOK_POINTS = 2
PROOF_POINTS = 3
_OVERHEAD = 80  # products that a comparison costs before its first evaluation

_PIECEWISE = frozenset(["abs", "floor", "ceil", "max", "min"])


def same_value(gold: Tree, other: Tree, budget: Budget) -> bool:
    """Whether the two are equal, or agree as decimals where one is written as a decimal. Raises `TooLarge`."""
    left, right = exact(gold), exact(other)
    decimal = has_decimal(gold) or has_decimal(other)
    if left is not None and right is not None:
        return left == right or (decimal and close(left, right))
    if _infinite(gold) or _infinite(other):
        return False  # identical ones never get here
    if _same_function(gold, other, budget, decimal):
        return True
    left_roots, right_roots = joined_roots(gold), joined_roots(other)
    if (left_roots is not gold or right_roots is not other) and _same_function(
        left_roots, right_roots, budget, decimal
    ):
        return True
    if _names_log(gold) or _names_log(other):  # `\log` means ln to some and log10 to others
        return _same_function(_to_base_ten(gold), _to_base_ten(other), budget, decimal)
    return False


def close(left: Fraction, right: Fraction) -> bool:
    """Equal to 6 decimals and in relative terms: for values of which one is written as a decimal."""
    size = max(abs(left), abs(right))
    tolerance = RELATIVE_TOLERANCE if size > 1 else SMALL_RELATIVE_TOLERANCE
    return round(left, DECIMAL_PLACES) == round(right, DECIMAL_PLACES) and abs(left - right) <= tolerance * size


def real_value(tree: Tree, budget: Budget) -> float | None:
    """A constant's value for ordering; None if it has none that is real and finite."""
    try:
        value = Evaluator(LOOK_BITS, budget).value(tree)
    except Undefined:
        return None
    return float(value) if isinstance(value, context().mpf) else None


def dyadic(value: Any) -> tuple[Fraction, Fraction]:
    """The real and imaginary part of a float of any precision, exactly."""
    mp = context()
    return _fraction(mp.re(value)), _fraction(mp.im(value))


def _same_function(gold: Tree, other: Tree, budget: Budget, decimal: bool) -> bool:
    budget.spend(LOOK_BITS, products=_OVERHEAD)
    gap = difference(gold, other)
    bits = separation_bits(gap)
    where = points((gold, other), LOOK_POINTS + PROOF_POINTS)
    if decimal:
        return all(_close_at(gold, other, point, budget) for point in where)
    if all(_may_agree(gold, other, point, budget) for point in where[:LOOK_POINTS]):
        return all(_vanishes(gap, point, bits, budget) for point in where[-PROOF_POINTS:])
    piecewise = bool(where[0]) and (_is_piecewise(gold) or _is_piecewise(other))
    return piecewise and _same_on_reals(gold, other, gap, bits, budget)


def _may_agree(gold: Tree, other: Tree, point: Point, budget: Budget) -> bool:
    mp = context()
    look = Evaluator(LOOK_BITS, budget, point)
    try:
        gap = abs(look.value(gold) - look.value(other))
    except Undefined:
        return False
    return bool(gap <= mp.ldexp(1, int(2 * look.magnitude_bits) - LOOK_BITS // 2))


def _vanishes(gap: Tree, point: Point, bits: int, budget: Budget) -> bool:
    """Whether `gap` is zero to `bits` bits, at a working precision that its own intermediate values call for."""
    mp = context()
    look = Evaluator(LOOK_BITS, budget, point)
    try:
        look.value(gap)
        precision = bits + 2 * int(look.magnitude_bits) + 64
        full = Evaluator(precision, budget, point)
        value = full.value(gap)
    except Undefined:
        return False
    if full.magnitude_bits > 2 * look.magnitude_bits + LOOK_BITS:
        return False  # the inverse of something that cancels to zero: it grows with the precision
    return bool(abs(value) < mp.ldexp(1, -bits))


def _close_at(gold: Tree, other: Tree, point: Point, budget: Budget) -> bool:
    look = Evaluator(LOOK_BITS, budget, point)
    try:
        left, right = look.value(gold), look.value(other)
    except Undefined:
        return False
    if not point and all(isinstance(value, context().mpf) for value in (left, right)):
        return close(_fraction(left), _fraction(right))
    return bool(abs(left - right) <= float(RELATIVE_TOLERANCE) * max(abs(left), abs(right)))


def _same_on_reals(gold: Tree, other: Tree, gap: Tree, bits: int, budget: Budget) -> bool:
    """Agreement at real points on both sides of every number written, real at the same ones."""
    agreed = 0
    for point in real_points((gold, other)):
        values = [_real_at(tree, point, budget) for tree in (gold, other)]
        if (values[0] is None) != (values[1] is None):
            return False
        if values[0] is None or values[1] is None:
            continue
        if abs(values[0] - values[1]) > context().ldexp(max(1, abs(values[0])), -LOOK_BITS // 2):
            return False
        if agreed < PROOF_POINTS and not _vanishes(gap, point, bits, budget):
            return False
        agreed += 1
    return agreed >= PROOF_POINTS


def _real_at(tree: Tree, point: Point, budget: Budget) -> Any:
    try:
        value = Evaluator(LOOK_BITS, budget, point).value(tree)
    except Undefined:
        return None
    return value if isinstance(value, context().mpf) else None


def _fraction(value: Any) -> Fraction:
    sign, mantissa, exponent, _ = value._mpf_
    if abs(exponent) > 100_000:
        raise TooLarge("a value too large or too small to compare")
    magnitude = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return -magnitude if sign else magnitude


def _infinite(tree: Tree) -> bool:
    return any(isinstance(node, Constant) and node.name == "oo" for node in walk(tree))


def _is_piecewise(tree: Tree) -> bool:
    return any(
        isinstance(node, Op) and (node.name in _PIECEWISE or (node.name == "pow" and _odd_root(node.args[1])))
        for node in walk(tree)
    )


def _odd_root(exponent: Tree) -> bool:
    value = exact(exponent)
    return value is not None and value.denominator % 2 == 1 and value.denominator > 1


def _names_log(tree: Tree) -> bool:
    return any(isinstance(node, Op) and node.name == "log" for node in walk(tree))


def _to_base_ten(tree: Tree) -> Tree:
    if isinstance(tree, Op):
        return Op("lg" if tree.name == "log" else tree.name, tuple(_to_base_ten(arg) for arg in tree.args))
    return tree
