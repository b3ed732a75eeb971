"""Our trees as sympy expressions and back; the only place where the two meet.

To sympy: numbers, symbols, sums, products, powers and elementary functions, of bounded size and degree, so that no
expansion of theirs is dear. From sympy: the same, and its sets, tuples and relations. Everything else raises
`NotUnderstood`; nothing is guessed.
"""

from fractions import Fraction
from functools import cache
from math import ceil
from typing import Any, cast

from veriward.verifiers.math.bounds import (
    MAX_ALGEBRA_DEGREE,
    MAX_ALGEBRA_DIGITS,
    MAX_ALGEBRA_NODES,
    NotUnderstood,
    TooLarge,
)
from veriward.verifiers.math.exact import exact
from veriward.verifiers.math.names import GREEK_WORDS
from veriward.verifiers.math.tree import (
    Constant,
    Group,
    GroupKind,
    Number,
    Op,
    Relation,
    Symbol,
    Tree,
    symbols,
    walk,
)

_TO = {name: name for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh")}
_TO |= {f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "cot", "sinh", "cosh", "tanh")}
_TO |= {"ln": "log", "abs": "Abs"}
_FROM = {theirs: ours for ours, theirs in _TO.items()} | {
    "factorial": "factorial", "binomial": "binomial", "floor": "floor", "ceiling": "ceil", "Max": "max", "Min": "min",
}  # fmt: skip
_SIGNS = {
    "StrictLessThan": "<",
    "StrictGreaterThan": ">",
    "LessThan": "<=",
    "GreaterThan": ">=",
    "Equality": "=",
    "Unequality": "!=",
}


def check_size(*trees: Tree) -> None:
    """Raises `TooLarge` for what is more than their algorithms take in a moment."""
    nodes = [node for tree in trees for node in walk(tree)]
    if len(nodes) > MAX_ALGEBRA_NODES:
        raise TooLarge(f"more than {MAX_ALGEBRA_NODES} parts to solve")
    limit = 10**MAX_ALGEBRA_DIGITS
    for node in nodes:
        if isinstance(node, Number) and max(abs(node.value.numerator), node.value.denominator) >= limit:
            raise TooLarge(f"a number of more than {MAX_ALGEBRA_DIGITS} digits to solve with")


def degree(tree: Tree) -> int:
    """Of the polynomial that it would be over its denominators. Raises `TooLarge`, `NotUnderstood`."""
    found = _degree(tree)
    if found > MAX_ALGEBRA_DEGREE:
        raise TooLarge(f"a degree over {MAX_ALGEBRA_DEGREE} to solve")
    return found


def _degree(tree: Tree) -> int:
    if not symbols(tree):
        return 0
    match tree:
        case Symbol():
            return 1
        case Op("add", args):
            # Denominators multiply; where there are none, the largest term decides.
            if any(isinstance(node, Op) and node.name == "pow" and _negative(node.args[1]) for node in walk(tree)):
                return sum(map(_degree, args))
            return max(map(_degree, args))
        case Op("mul", args):
            return sum(map(_degree, args))
        case Op("pow", (base, exponent)):
            power = exact(exponent)
            if power is None:
                return degree(base) + 2 * degree(exponent)
            return ceil(degree(base) * abs(power))
        case Op(_, args):
            return sum(map(_degree, args))
    raise NotUnderstood("no expression to solve")


def _negative(exponent: Tree) -> bool:
    power = exact(exponent)
    return power is not None and power < 0


def to_sympy(tree: Tree, *, real: bool) -> Any:
    """Raises `NotUnderstood`. `check_size` and `degree` come first."""
    import sympy

    match tree:
        case Number(value, _):
            return sympy.Rational(value.numerator, value.denominator)
        case Symbol(name) if " " not in name:  # one with a space is notation, in which others may stand
            return sympy.Symbol(name, real=True) if real else sympy.Symbol(name)
        case Constant("pi" | "e" | "i" as name):
            return {"pi": sympy.pi, "e": sympy.E, "i": sympy.I}[name]
        case Op("add" | "mul" as name, args):
            parts = [to_sympy(arg, real=real) for arg in args]
            return sympy.Add(*parts) if name == "add" else sympy.Mul(*parts)
        case Op("pow", (base, exponent)):
            power = exact(exponent)
            if power is not None and max(abs(power.numerator), power.denominator) > MAX_ALGEBRA_DEGREE:
                raise TooLarge(f"an exponent over {MAX_ALGEBRA_DEGREE} to solve")
            if power is None and not symbols(exponent):
                raise NotUnderstood("an exponent that is no fraction")
            return sympy.Pow(to_sympy(base, real=real), to_sympy(exponent, real=real))
        case Op(name, (arg,)) if name in _TO:
            return getattr(sympy, _TO[name])(to_sympy(arg, real=real))
        case Op("lg", (arg,)):
            return sympy.log(to_sympy(arg, real=real), 10)
    raise NotUnderstood("no expression to solve")


def from_sympy(found: Any) -> Tree:
    """Raises `NotUnderstood`, for one on roots that have no closed form and sets that are given by conditions."""
    import sympy

    match found:
        case sympy.Rational():
            return Number(Fraction(int(found.p), int(found.q)))
        case sympy.Symbol():
            return Symbol(_name(found))
        case sympy.Add() | sympy.Mul() | sympy.Pow():
            return Op(type(found).__name__.lower(), tuple(map(from_sympy, found.args)))
        case sympy.exp():
            return Op("pow", (Constant("e"), from_sympy(found.args[0])))
        case sympy.Interval():
            kind = ("(" if found.left_open else "[") + (")" if found.right_open else "]")
            return Group(cast("GroupKind", kind), (from_sympy(found.start), from_sympy(found.end)))
        case sympy.Union():
            return Group("cup", tuple(map(from_sympy, found.args)))
        case sympy.Complement():
            return Group("minus", tuple(map(from_sympy, found.args)))
        case sympy.core.relational.Relational() if type(found).__name__ in _SIGNS:
            return Relation((_SIGNS[type(found).__name__],), tuple(map(from_sympy, found.args)))
    constant = _constants().get(found)
    if constant is not None:
        return constant
    name = type(found).__name__
    if name == "FiniteSet":
        return Group("{}", tuple(map(from_sympy, found.args)))
    if name == "Tuple":
        return Group("()", tuple(map(from_sympy, found.args)))
    if name in _FROM:
        return Op(_FROM[name], tuple(map(from_sympy, found.args)))
    raise NotUnderstood(f"no answer that we compare: {name}")


@cache
def _constants() -> dict[Any, Tree]:
    import sympy

    minus = Op("mul", (Number(Fraction(-1)), Constant("oo")))
    names = {"pi": sympy.pi, "e": sympy.E, "i": sympy.I, "oo": sympy.oo, "R": sympy.S.Reals}
    found: dict[Any, Tree] = {theirs: Constant(ours) for ours, theirs in names.items()}
    return found | {-sympy.oo: minus, sympy.S.EmptySet: Group("{}", ())}


def _name(symbol: Any) -> str:
    """As our own parser names it: `\\alpha`, `x_1`."""
    name = str(symbol.name).replace("{", "").replace("}", "")
    head, _, index = name.partition("_")
    head = f"\\{head}" if head in GREEK_WORDS else head
    return f"{head}_{index}" if index else head
