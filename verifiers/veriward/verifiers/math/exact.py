"""Exact rational values of trees, with every intermediate bounded; most answers need no more than this."""

import math
from collections.abc import Callable
from fractions import Fraction

from veriward.verifiers.math.bounds import MAX_FACTORIAL, MAX_INTEGER_BITS
from veriward.verifiers.math.tree import Number, Op, Tree, Unit


def exact(tree: Tree) -> Fraction | None:
    """The rational value; None if it is not rational in an obvious way, or larger than `MAX_INTEGER_BITS`."""
    match tree:
        case Number(value, _):
            return value
        case Unit(body, "%"):
            value_of_body = exact(body)
            return None if value_of_body is None else value_of_body / 100
        case Op(name, args):
            function = _FUNCTIONS.get(name)
            if function is None:
                return None
            values = []
            for arg in args:
                value_of_arg = exact(arg)
                if value_of_arg is None:
                    return None
                values.append(value_of_arg)
            result = function(*values)
            return result if result is not None and bits(result) <= MAX_INTEGER_BITS else None
    return None


def bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _add(*values: Fraction) -> Fraction | None:
    total = Fraction(0)
    for value in values:
        total += value
        if bits(total) > MAX_INTEGER_BITS:
            return None
    return total


def _mul(*values: Fraction) -> Fraction | None:
    product = Fraction(1)
    for value in values:
        product *= value
        if bits(product) > MAX_INTEGER_BITS:
            return None
    return product


def _pow(base: Fraction, exponent: Fraction) -> Fraction | None:
    if exponent.denominator != 1:
        return _root(base, exponent)
    if base == 0 and exponent <= 0:
        return None
    if base in (0, 1, -1):
        return base if exponent.numerator % 2 else abs(base)
    # |exponent| first: `bits * exponent` of a tower is itself a large number, but a cheap one.
    if abs(exponent.numerator) * max(1, bits(base) - 1) > MAX_INTEGER_BITS:
        return None
    return base**exponent.numerator


def _root(base: Fraction, exponent: Fraction) -> Fraction | None:
    """A root that comes out even. Odd roots of negative numbers are real: `\\sqrt[3]{-8}` is -2."""
    degree = exponent.denominator
    if degree > 64 or (base < 0 and degree % 2 == 0) or base == 0:
        return Fraction(0) if base == 0 and exponent > 0 else None
    upper, lower = _integer_root(abs(base.numerator), degree), _integer_root(base.denominator, degree)
    if upper is None or lower is None:
        return None
    return _pow(Fraction(upper if base > 0 else -upper, lower), Fraction(exponent.numerator))


def _integer_root(value: int, degree: int) -> int | None:
    if degree == 2:
        root = math.isqrt(value)
        return root if root * root == value else None
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high) // 2
        if middle**degree < value:
            low = middle + 1
        else:
            high = middle
    return low if low**degree == value else None


def _factorial(value: Fraction) -> Fraction | None:
    # 4,096 bits end at 537!; the bound keeps `math.factorial` from being asked for more.
    fits = value.denominator == 1 and 0 <= value <= min(MAX_FACTORIAL, 600)
    return Fraction(math.factorial(value.numerator)) if fits else None


def _binomial(upper: Fraction, lower: Fraction) -> Fraction | None:
    fits = upper.denominator == lower.denominator == 1 and lower >= 0 and 0 <= upper <= MAX_FACTORIAL
    return Fraction(math.comb(upper.numerator, lower.numerator)) if fits else None


def _gcd(*values: Fraction) -> Fraction | None:
    whole = all(value.denominator == 1 for value in values)
    return Fraction(math.gcd(*(value.numerator for value in values))) if whole else None


def _lcm(*values: Fraction) -> Fraction | None:
    if sum(bits(value) for value in values) > MAX_INTEGER_BITS or any(value.denominator != 1 for value in values):
        return None
    return Fraction(math.lcm(*(value.numerator for value in values)))


_FUNCTIONS: dict[str, Callable[..., Fraction | None]] = {
    "add": _add,
    "mul": _mul,
    "pow": _pow,
    "factorial": _factorial,
    "binomial": _binomial,
    "abs": abs,
    "floor": lambda value: Fraction(math.floor(value)),
    "ceil": lambda value: Fraction(math.ceil(value)),
    "gcd": _gcd,
    "lcm": _lcm,
    "max": max,
    "min": min,
}
