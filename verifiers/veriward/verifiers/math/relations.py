"""Equations and inequalities: when two of them say the same."""

from collections.abc import Sequence
from fractions import Fraction

from veriward.verifiers.math.evaluate import Budget, Evaluator, Undefined, context
from veriward.verifiers.math.exact import exact
from veriward.verifiers.math.naming import NAMING, Comparer
from veriward.verifiers.math.points import points
from veriward.verifiers.math.tree import (
    Constant,
    Group,
    Number,
    Op,
    Relation,
    Symbol,
    Tree,
    Unit,
    difference,
    replace,
    symbols,
    walk,
)
from veriward.verifiers.math.values import dyadic, same_value

_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
_MAX_SOLVED_SYMBOLS = 3


def same_relation(gold: Relation, other: Relation, comparer: Comparer) -> bool:
    if len(gold.sides) != len(other.sides):
        return False
    if len(gold.sides) > 2:
        return any(
            gold.signs == signs and all(map(comparer.equal, gold.sides, sides))
            for signs, sides in ((other.signs, other.sides), _reversed(other))
        )
    sign, other_sign = gold.signs[0], other.signs[0]
    if sign in ("≡", "∈") or other_sign in ("≡", "∈"):
        return _same_membership(gold, other, comparer)
    if {sign, other_sign} == {"="} or {sign, other_sign} <= {"=", "≈"}:
        return _same_equation(gold, other, comparer)
    return _same_inequality(gold, other, comparer)


def assignments(relation: Relation) -> Sequence[Relation] | None:
    """`(x, y) = (1, 2)` as `x = 1`, `y = 2`."""
    match relation:
        case Relation(("=",), (Group("()", names), Group("()", values))) if len(names) == len(values):
            return [Relation(("=",), pair) for pair in zip(names, values, strict=True)]
    return None


def _same_membership(gold: Relation, other: Relation, comparer: Comparer) -> bool:
    if not comparer.equal(gold.sides[0], other.sides[0]):
        return False
    left, right = gold.sides[1], other.sides[1]
    if isinstance(left, Unit) and isinstance(right, Unit) and left.unit == right.unit and "≡" in gold.signs[0]:
        modulus = left.unit.removeprefix("mod ")
        residues = exact(left.body), exact(right.body)
        if modulus.isdecimal() and int(modulus) and residues[0] is not None and residues[1] is not None:
            return (residues[0] - residues[1]) % int(modulus) == 0
    return _sign_class(gold) == _sign_class(other) and comparer.equal(left, right)


def _sign_class(relation: Relation) -> str:
    return "=" if relation.signs[0] in NAMING else relation.signs[0]


def _same_equation(gold: Relation, other: Relation, comparer: Comparer) -> bool:
    if all(map(comparer.equal, gold.sides, other.sides)):
        return True
    if isinstance(gold.sides[0], Op) and gold.sides[0].name == "apply" and isinstance(other.sides[0], Symbol):
        return comparer.equal(gold.sides[1], other.sides[1])  # `f(x) = …` and `y = …`
    zero, other_zero = _as_zero(gold), _as_zero(other)
    if zero is None or other_zero is None or symbols(zero) != symbols(other_zero) or not symbols(zero):
        return False
    if _constant_ratio(zero, other_zero, comparer.budget) is not None:
        return True
    if len(symbols(zero)) > _MAX_SOLVED_SYMBOLS:
        return False
    return _solved_alike(gold, other_zero, comparer.budget) or _solved_alike(other, zero, comparer.budget)


def _same_inequality(gold: Relation, other: Relation, comparer: Comparer) -> bool:
    """Equal after both are brought to one side, up to a constant that turns the sign where it is negative."""
    if gold.signs[0] not in _FLIPPED or other.signs[0] not in _FLIPPED:
        return False
    zero, other_zero = _as_zero(gold), _as_zero(other)
    if zero is None or other_zero is None or symbols(zero) != symbols(other_zero) or not symbols(zero):
        return False
    ratio = _constant_ratio(zero, other_zero, comparer.budget)
    if ratio is None:
        return False
    sign = other.signs[0] if ratio > 0 else _FLIPPED[other.signs[0]]
    return gold.signs[0] == sign


def _as_zero(relation: Relation) -> Tree | None:
    if any(isinstance(node, Constant) and node.name == "oo" for node in walk(relation)):
        return None
    if any(not isinstance(node, (Number, Symbol, Constant, Op)) for side in relation.sides for node in walk(side)):
        return None
    return difference(*relation.sides)


def _constant_ratio(zero: Tree, other: Tree, budget: Budget) -> float | None:
    """The real c != 0 with `zero` = c * `other` everywhere, if there is one; only its sign matters."""
    point = points((zero, other), 1)[0]
    look = Evaluator(192, budget, point)
    try:
        ratio = look.value(zero) / look.value(other)
    except (Undefined, ZeroDivisionError):
        return None
    mp = context()
    if not ratio or abs(mp.im(ratio)) > abs(ratio) * mp.ldexp(1, -96):
        return None
    # f g(p) = f(p) g everywhere, at a fixed p, shows that there is such a c without knowing it.
    left, right = zero, other
    for name in symbols(zero):
        left, right = replace(left, name, _exactly(point[name])), replace(right, name, _exactly(point[name]))
    same = same_value(Op("mul", (zero, right)), Op("mul", (other, left)), budget)
    return float(mp.re(ratio)) if same else None


def _exactly(value: object) -> Tree:
    """A point's coordinate as a tree."""
    real, imaginary = dyadic(value)
    return Op("add", (Number(real), Op("mul", (Number(imaginary), Constant("i")))))


def _solved_alike(explicit: Relation, zero: Tree, budget: Budget) -> bool:
    """Whether `x = g` solves `zero` = 0, of which it must be the only solution: `zero` is linear in x, truly."""
    name, solution = explicit.sides
    if not isinstance(name, Symbol) or name.name in symbols(solution):
        return False
    at = [replace(zero, name.name, Number(Fraction(value))) for value in (1, 2, 3)]
    bend = Op("add", (at[0], Op("mul", (Number(Fraction(-2)), at[1])), at[2]))
    nothing = Number(Fraction(0))
    return (
        same_value(replace(zero, name.name, solution), nothing, budget)
        and same_value(bend, nothing, budget)
        and not same_value(at[0], at[1], budget)
    )


def _reversed(relation: Relation) -> tuple[tuple[str, ...], tuple[Tree, ...]]:
    return tuple(_FLIPPED.get(sign, sign) for sign in reversed(relation.signs)), relation.sides[::-1]
