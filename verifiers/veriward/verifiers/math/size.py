"""How many bits it takes to tell a value from zero, from the way it is written, before anything is evaluated.

For numbers built from integers by + - * / and roots this is the separation bound of Burnikel, Funke, Mehlhorn,
Schirra and Schmitt, "A separation bound for real algebraic expressions" (Algorithmica 55, 2009), section 2: with u and
l bounds of all conjugates of numerator and denominator and D the product of the root degrees, E = 0 or
|E| >= 1 / (u^(D-1) l). Agreement to that many bits is a proof. Other constants and functions are given the size of
their value: there, agreement is evidence, to a precision that grows with every number written.
"""

import math
from dataclasses import dataclass, field
from fractions import Fraction

from veriward.verifiers.math.bounds import MAX_EXPONENT, MAX_FACTORIAL, MAX_PRECISION_BITS, TooLarge
from veriward.verifiers.math.exact import exact
from veriward.verifiers.math.tree import Constant, Number, Op, Symbol, Tree, Unit

# Floors and caps, in bits. Radicals that multiply beyond the cap (ten different roots) are compared at the cap.
MIN_SEPARATION_BITS = 160
MAX_SEPARATION_BITS = 2_048


@dataclass(slots=True)
class _Measure:
    radicals: set[tuple[Tree, int]] = field(default_factory=set)

    def of(self, tree: Tree) -> tuple[float, float]:
        """log2 of u and l."""
        upper, lower = self._of(tree)
        if upper + lower > MAX_PRECISION_BITS:
            raise TooLarge("a value too large or too small to compare")
        return upper, lower

    def _of(self, tree: Tree) -> tuple[float, float]:
        match tree:
            case Number(value, _):
                return math.log2(abs(value.numerator) or 1), math.log2(value.denominator)
            case Constant("i"):
                self.radicals.add((tree, 2))
                return 0.0, 0.0
            case Symbol() | Constant():
                return 2.0, 0.0
            case Unit(body, _):
                upper, lower = self.of(body)
                return upper + 2, lower + 7
            case Op("add", args):
                return self._sum(args)
            case Op("mul", args):
                measures = [self.of(arg) for arg in args]
                return sum(upper for upper, _ in measures), sum(lower for _, lower in measures)
            case Op("pow", (base, exponent)):
                return self._power(base, exponent)
            case Op("factorial", (arg,)):
                return self._factorial(exact(arg))
            case Op("binomial", (upper_arg, _)):
                return self._binomial(exact(upper_arg))
            case Op(_, args):
                size = sum(sum(self.of(arg)) for arg in args)
                return size + 8, size
        return 8.0, 0.0

    def _factorial(self, value: Fraction | None) -> tuple[float, float]:
        if value is None:
            return 8.0, 8.0
        if value > MAX_FACTORIAL or value < 0 or value.denominator != 1:
            raise TooLarge(f"the factorial of more than {MAX_FACTORIAL}, or of no whole number")
        return math.lgamma(float(value) + 1) / math.log(2) + 1, 0.0

    def _binomial(self, upper: Fraction | None) -> tuple[float, float]:
        if upper is None:
            return 16.0, 16.0
        if abs(upper) > MAX_FACTORIAL:
            raise TooLarge(f"a binomial of more than {MAX_FACTORIAL}")
        return float(abs(upper)) + 1, 0.0

    def _sum(self, args: tuple[Tree, ...]) -> tuple[float, float]:
        upper, lower = self.of(args[0])
        for arg in args[1:]:
            more_upper, more_lower = self.of(arg)
            upper, lower = max(upper + more_lower, more_upper + lower) + 1, lower + more_lower
            if upper + lower > MAX_PRECISION_BITS:
                raise TooLarge("a value too large or too small to compare")
        return upper, lower

    def _power(self, base: Tree, exponent: Tree) -> tuple[float, float]:
        upper, lower = self.of(base)
        value = exact(exponent)
        if value is None:
            # The exponent is no rational: bound its size by the bits it is written with.
            size = 2.0 ** min(sum(self.of(exponent)), 64.0)
            return (size * max(1.0, upper, lower),) * 2
        if abs(value) > MAX_EXPONENT and not isinstance(base, Number):
            raise TooLarge(f"an exponent over {MAX_EXPONENT}")
        if value < 0:
            upper, lower, value = lower, upper, -value
        factor = float(min(value, Fraction(2**64)))
        if value.denominator > 1:
            self.radicals.add((base, value.denominator))
        return upper * factor, lower * factor


def separation_bits(tree: Tree) -> int:
    """Bits that tell the value of `tree` from zero. Raises `TooLarge`."""
    measure = _Measure()
    upper, lower = measure.of(tree)
    degree = 1.0
    for _, root in measure.radicals:
        degree = min(degree * root, float(MAX_SEPARATION_BITS))
    proof = (degree - 1) * upper + lower + 8
    return int(max(MIN_SEPARATION_BITS, upper + lower + 8, min(proof, MAX_SEPARATION_BITS)))
