r"""The last stage of the comparison: a gold relation that has to be solved before an answer can say the same.

Gold `x^2 < 4` accepts `(-2, 2)` and `-2 < x < 2`; gold `x^2 = 4` accepts `\pm 2`; a gold system accepts its solution;
gold `\frac1x + \frac1y = 1` accepts `x + y = xy`. Only gold is solved, and only one that does not stand solved: an
answer that repeats the problem's own relation for a gold solution earns nothing.

Whether sympy is needed is seen on our own trees; it is imported only then.
"""

from collections.abc import Sequence

from veriward.verifiers.math.bounds import MAX_ALGEBRA_SYMBOLS
from veriward.verifiers.math.equal import Comparison
from veriward.verifiers.math.forms import LISTS, expanded
from veriward.verifiers.math.naming import is_equation, names_one_thing
from veriward.verifiers.math.regions import is_region, same_region, says_nothing
from veriward.verifiers.math.solving import common_roots, roots, same_zeros
from veriward.verifiers.math.tree import Group, Op, Relation, Symbol, Tree, difference, symbols


def accepts(gold: Tree, other: Tree, comparison: Comparison) -> bool:
    """Whether `other` gives what `gold` is solved to. Raises `TooLarge`; False where sympy can't decide."""
    if not isinstance(gold, Relation | Group):
        return False
    gold, other = expanded(gold), expanded(other)
    names, unknown = symbols(gold), {name.partition("_")[0] for name in symbols(other)}
    if not 0 < len(names) <= MAX_ALGEBRA_SYMBOLS or not unknown <= {name.partition("_")[0] for name in names}:
        return False
    if len(names) == 1 and is_region(gold):
        return same_region(gold, other, comparison)
    equations = _equations(gold)
    if not equations or any(map(_is_solved, equations)):
        return False
    if len(equations) > 1:
        return _is_common_root(tuple(equations), other, comparison)
    if len(names) == 1:
        return _is_every_root(equations[0], other, comparison)
    return _has_same_zeros(equations[0], other)


def _equations(tree: Tree) -> Sequence[Relation]:
    items = tree.items if isinstance(tree, Group) and tree.kind in LISTS - {"or"} else (tree,)
    found = [item for item in items if isinstance(item, Relation) and item.signs == ("=",)]
    return found if len(found) == len(items) else ()


def _is_solved(equation: Relation) -> bool:
    """Whether one side is alone what the equation is for: `x = 3`, `y = 2x`, `f(x) = 2x`, `3 = x`."""
    left, right = equation.sides
    return (names_one_thing(left) and not symbols(left) & symbols(right)) or (
        isinstance(right, Symbol) and right.name not in symbols(left)
    )


def _is_every_root(equation: Relation, other: Tree, comparison: Comparison) -> bool:
    """Over the reals or over the complex numbers: gold does not say which."""
    for real in (True, False):
        solution = roots(equation, real=real)
        if solution is None:
            continue
        if solution == Group("{}", ()):
            if says_nothing(other):
                return True
        elif comparison.equal(solution, other):
            return True
    return False


def _is_common_root(equations: tuple[Relation, ...], other: Tree, comparison: Comparison) -> bool:
    solution = common_roots(equations)
    if not isinstance(solution, Group):
        return False
    if len(solution.items) > 1:
        return comparison.equal(solution, other)
    (point,) = solution.items
    assert isinstance(point, Group)
    names = sorted({name for equation in equations for name in symbols(equation)})
    named = tuple(Relation(("=",), (Symbol(name), value)) for name, value in zip(names, point.items, strict=True))
    return comparison.equal(point, other) or comparison.equal(Group("and", named), other)


def _has_same_zeros(gold: Relation, other: Tree) -> bool:
    r"""`other` is an equation, or several for one unknown, as `y = \pm\sqrt{x}` is: their product is what vanishes."""
    if isinstance(other, Relation) and isinstance(other.sides[-1], Group) and other.sides[-1].kind in LISTS:
        values = other.sides[-1].items
        others = [Relation(other.signs, (*other.sides[:-1], value)) for value in values]
    else:
        items = other.items if isinstance(other, Group) and other.kind in LISTS - {"and"} else (other,)
        others = [item for item in items if isinstance(item, Relation)]
        if len(others) < len(items) or (len(others) > 1 and not all(map(_is_solved, others))):
            return False
    if not others or any(not is_equation(item) or len(item.sides) != 2 for item in others):
        return False
    factors = tuple(difference(*item.sides) for item in others)
    return same_zeros(difference(*gold.sides), Op("mul", factors) if len(factors) > 1 else factors[0]) is True
