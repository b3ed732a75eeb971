"""Numeric values of trees, to any precision, at given points; never more work than the budget allows.

It knows no rewriting, and so cannot hang in one: a tree of n nodes costs n operations.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any

from veriward.verifiers.math.bounds import MAX_PRECISION_BITS, MAX_WORK, TooLarge
from veriward.verifiers.math.exact import exact
from veriward.verifiers.math.tree import Constant, Number, Op, Symbol, Tree, Unit

MAX_GAMMA_BITS = 512  # a gamma function's cost grows with the cube of the precision


class Undefined(Exception):
    """The tree has no finite value at this point, or none that we know how to compute."""


@dataclass(slots=True)
class Budget:
    """What one comparison may cost, counted and not timed, so that the verdict is the same on any machine."""

    work: float = MAX_WORK

    def spend(self, precision_bits: int, products: float = 0, functions: float = 0) -> None:
        """Costs as measured with mpmath's Python integers: a complex product, and a complex logarithm."""
        growth = (precision_bits / 64) ** 1.5
        self.work -= products * (2.5 + 0.1 * growth) + functions * (40 + 8 * growth)
        if self.work < 0:
            raise TooLarge("more work to compare than the bounds allow")


@cache
def context() -> Any:
    """Our own mpmath context: its precision is nobody else's business."""
    import mpmath  # type: ignore[import-untyped]

    return mpmath.MPContext()


@dataclass(slots=True)
class Evaluator:
    """Evaluates at one point with one precision. `magnitude_bits`: the most that a step on the way may have lost."""

    precision_bits: int
    budget: Budget
    point: Mapping[str, Any] = field(default_factory=dict)
    magnitude_bits: float = 0.0

    def value(self, tree: Tree) -> Any:
        """An mpf or mpc. Raises `Undefined`, `TooLarge`."""
        mp = context()
        mp.prec = self.precision_bits
        try:
            result = self._value(tree)
        except (ZeroDivisionError, ValueError, OverflowError, mp.NoConvergence) as error:
            raise Undefined(str(error)) from error
        if not mp.isfinite(result):
            raise Undefined("not finite")
        return result

    def _value(self, tree: Tree) -> Any:
        mp = context()
        match tree:
            case Number(value, _):
                result = _rational(value)
            case Symbol(name):
                if name not in self.point:
                    raise Undefined(f"the symbol {name}")
                result = self.point[name]
            case Constant("pi"):
                result = +mp.pi
            case Constant("e"):
                result = +mp.e
            case Constant("i"):
                result = mp.mpc(0, 1)
            case Unit(body, "%"):
                result = self._value(body) / 100
            case Unit(body, "degree"):
                result = self._value(body) * mp.pi / 180
            case Op("add", args):
                result = sum((self._value(arg) for arg in args), mp.mpf(0))
                self.budget.spend(self.precision_bits, len(args))
            case Op("mul", args):
                result = mp.mpf(1)
                for arg in args:
                    result *= self._value(arg)
                self.budget.spend(self.precision_bits, len(args))
            case Op("pow", (base, exponent)):
                result = self._power(base, exponent)
            case Op(name, args):
                result = self._function(name, args)
            case _:
                raise Undefined(type(tree).__name__)
        return self._checked(result)

    def _checked(self, result: Any) -> Any:
        mp = context()
        if isinstance(result, mp.mpc):
            # Rounding must not decide on which side of a branch cut a real number lies.
            if abs(result.imag) <= abs(result.real) * mp.ldexp(1, -self.precision_bits * 3 // 4):
                result = result.real
            elif abs(result.real) <= abs(result.imag) * mp.ldexp(1, -self.precision_bits * 3 // 4):
                result = mp.mpc(0, result.imag)
        if result:
            size = float(mp.mag(result))
            self.magnitude_bits = max(self.magnitude_bits, size)
            if abs(size) > 2 * MAX_PRECISION_BITS:
                raise TooLarge("a value too large or too small to compare")
        return result

    def _amplifies(self, value: Any) -> None:
        """Near zero, logarithms and roots of `value` lose as many bits as it is small."""
        self.magnitude_bits = max(self.magnitude_bits, -float(context().mag(value)))

    def _power(self, base: Tree, exponent: Tree) -> Any:
        mp = context()
        bottom, power = self._value(base), exact(exponent)
        if power is None:
            top = self._value(exponent)
            if not bottom:
                raise Undefined("a power of zero")
            self._amplifies(bottom)
            self.budget.spend(self.precision_bits, functions=2)
            return self._exp(top * mp.log(bottom))
        if not bottom:
            if power <= 0:
                raise Undefined("zero to a power that is not positive")
            return bottom
        if abs(power) * abs(mp.mag(bottom)) > 2 * MAX_PRECISION_BITS:
            raise TooLarge("a value too large or too small to compare")
        if power.denominator == 1:
            return self._whole_power(bottom, int(power))
        self._amplifies(bottom)
        if isinstance(bottom, mp.mpf) and bottom < 0 and power.denominator % 2:
            root = -mp.root(-bottom, power.denominator) if power.denominator < 1_000 else None
            if root is None:
                raise Undefined("a root of high degree")
            return root**power.numerator
        if power.denominator == 2:
            self.budget.spend(self.precision_bits, products=6)
            return self._whole_power(mp.sqrt(bottom), power.numerator)
        self.budget.spend(self.precision_bits, functions=2)
        return self._exp(_rational(power) * mp.log(bottom))

    def _whole_power(self, base: Any, exponent: int) -> Any:
        """By squaring: mpmath's own way with complex bases takes ten times as long at high precision."""
        self.budget.spend(self.precision_bits, products=2 * exponent.bit_length())
        if isinstance(base, context().mpf):
            return base**exponent
        result, square, left = context().mpf(1), base, abs(exponent)
        while left:
            if left % 2:
                result *= square
            left //= 2
            square = square * square if left else square
        return result if exponent > 0 else 1 / result

    def _exp(self, value: Any) -> Any:
        mp = context()
        if value and mp.mag(value) > math.log2(2 * MAX_PRECISION_BITS):
            raise TooLarge("a value too large or too small to compare")
        return mp.exp(value)

    def _function(self, name: str, args: tuple[Tree, ...]) -> Any:
        mp = context()
        if name == "apply":
            key = repr(args)
            if key not in self.point:
                raise Undefined("a function that is only named")
            return self.point[key]
        values = [self._value(arg) for arg in args]
        self.budget.spend(self.precision_bits, functions=1)
        if name in _ANALYTIC:
            if mp.mag(values[0]) > math.log2(2 * MAX_PRECISION_BITS):
                raise TooLarge(f"{name} of a very large value")
            if values[0]:
                self._amplifies(values[0])
            return _ANALYTIC_FUNCTIONS()[name](values[0])
        if name == "abs":
            return abs(values[0])
        if name in ("factorial", "binomial"):
            return self._combinatorial(name, args, values)
        if any(not isinstance(value, mp.mpf) for value in values):
            raise Undefined(f"{name} of complex values")
        if name in ("floor", "ceil"):
            nearest = mp.nint(values[0])
            if abs(values[0] - nearest) < mp.ldexp(1, -self.precision_bits // 2):
                return nearest
            return mp.floor(values[0]) if name == "floor" else mp.ceil(values[0])
        if name in ("max", "min"):
            return max(values) if name == "max" else min(values)
        raise Undefined(name)

    def _combinatorial(self, name: str, args: tuple[Tree, ...], values: list[Any]) -> Any:
        mp = context()
        whole = [exact(arg) for arg in args]
        if all(value is not None and value.denominator == 1 and value >= 0 for value in whole):
            integers = [int(value) for value in whole if value is not None]
            self.budget.spend(max(self.precision_bits, 10 * integers[0]), products=20)
            return mp.mpf(math.factorial(*integers) if name == "factorial" else math.comb(*integers))
        if self.precision_bits > MAX_GAMMA_BITS or any(mp.mag(value) > 16 for value in values):
            raise TooLarge(f"a {name} at high precision")
        self.budget.spend(self.precision_bits, functions=32)
        return mp.factorial(*values) if name == "factorial" else mp.binomial(*values)


_ANALYTIC_WORDS = (
    "sin cos tan cot sec csc arcsin arccos arctan arccot sinh cosh tanh coth arcsinh arccosh arctanh ln log lg"
)
_ANALYTIC = frozenset(_ANALYTIC_WORDS.split())


@cache
def _ANALYTIC_FUNCTIONS() -> dict[str, Any]:
    mp = context()
    functions = {name: getattr(mp, name.replace("arc", "a")) for name in _ANALYTIC - {"log", "lg", "arccot", "ln"}}
    functions |= {"ln": _log, "log": _log, "lg": lambda value: _log(value) / mp.ln(10)}
    functions["arccot"] = lambda value: mp.pi / 2 - mp.atan(value)
    return functions


def _log(value: Any) -> Any:
    if not value:
        raise Undefined("the logarithm of zero")
    return context().log(value)


def _rational(value: Fraction) -> Any:
    mp = context()
    return mp.mpf(value.numerator) / value.denominator
