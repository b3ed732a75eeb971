"""What sympy solves for us: inequalities of one unknown, equations, systems of equations, equal sets of zeros.

Each function answers with a tree of ours, or None where sympy can't or shouldn't be asked. It is asked about a gold
answer, once per task, so the model's text can't make it work; `same_zeros` alone also reads an answer. Solutions hold
where sympy says so: their values are compared by our own arithmetic, never by its `simplify`.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any, ParamSpec

from veriward.verifiers.math.bounds import (
    MAX_ARGUMENTS,
    MAX_SOLVED_DEGREE,
    NotUnderstood,
    TooLarge,
)
from veriward.verifiers.math.solvable import asked, check_solvable, not_rational
from veriward.verifiers.math.sympy_trees import check_size, degree, from_sympy, to_sympy
from veriward.verifiers.math.tree import Group, Relation, Tree, difference, symbols

MAX_ZEROS_DEGREE = 6  # of a polynomial in up to three symbols that is freed of its repeated factors

P = ParamSpec("P")


def _decided(solve: Callable[P, Tree | None]) -> Callable[P, Tree | None]:
    """None for what is too large, not understood, or more than sympy implements; its own ways to fail are many."""

    def decide(*args: P.args, **kwargs: P.kwargs) -> Tree | None:
        try:
            return solve(*args, **kwargs)
        except (NotUnderstood, TooLarge):
            return None

    return decide


@lru_cache(maxsize=256)
@_decided
def real_solutions(relation: Relation) -> Tree | None:
    """The set of reals at which an inequality or a chain of them, in one unknown, holds."""
    import sympy
    from sympy.solvers.inequalities import solve_univariate_inequality

    if len(symbols(relation)) != 1:
        return None
    (name,) = symbols(relation)
    unknown = sympy.Symbol(name, real=True)
    check_size(relation)
    found = sympy.S.Reals
    for sign, (left, right) in zip(relation.signs, pairwise(relation.sides), strict=True):
        check_solvable(difference(left, right))
        sides = [to_sympy(side, real=True) for side in (left, right)]
        if sign not in _RELATIONS:
            return None
        holds = asked(getattr(sympy, _RELATIONS[sign]), *sides)
        if holds == sympy.true:
            part = asked(sympy.calculus.util.continuous_domain, sides[0] - sides[1], unknown, sympy.S.Reals)
        elif holds == sympy.false:
            part = sympy.S.EmptySet
        else:
            part = asked(solve_univariate_inequality, holds, unknown, relational=False)
        found = asked(sympy.Intersection, found, part)
    return from_sympy(found)


_RELATIONS = {"<": "Lt", "<=": "Le", ">": "Gt", ">=": "Ge", "=": "Eq", "!=": "Ne"}


@lru_cache(maxsize=256)
@_decided
def roots(equation: Relation, *, real: bool) -> Tree | None:
    """The set of all solutions of an equation in one unknown."""
    import sympy

    (name,) = symbols(equation)
    check_size(equation)
    zero = difference(*equation.sides)
    check_solvable(zero)
    unknown = sympy.Symbol(name, real=True) if real else sympy.Symbol(name)
    domain = sympy.S.Reals if real else sympy.S.Complexes
    return from_sympy(asked(sympy.solveset, to_sympy(zero, real=real), unknown, domain))


@lru_cache(maxsize=256)
@_decided
def common_roots(equations: tuple[Relation, ...]) -> Tree | None:
    """All solutions of a system of polynomial equations, as a set of points, their unknowns in alphabetical order."""
    import sympy

    names = sorted({name for equation in equations for name in symbols(equation)})
    check_size(*equations)
    zeros = [difference(*equation.sides) for equation in equations]
    product = 1
    for zero in zeros:
        product *= max(1, degree(zero))
    if product > MAX_SOLVED_DEGREE or any(map(not_rational, zeros)):
        return None
    unknowns = [sympy.Symbol(name) for name in names]
    found = asked(sympy.solve, [to_sympy(zero, real=False) for zero in zeros], unknowns, dict=True)
    points = [tuple(solution.get(unknown) for unknown in unknowns) for solution in found]
    if not points or len(points) > MAX_ARGUMENTS:
        return None
    if any(value is None or value.free_symbols for point in points for value in point):
        return None
    return Group("{}", tuple(Group("()", tuple(map(from_sympy, point))) for point in points))


def same_zeros(left: Tree, right: Tree) -> bool | None:
    """Whether two rational functions, with rational coefficients, vanish at the same complex points.

    Two polynomials do if they are equal without their repeated factors, up to a constant (Hilbert's Nullstellensatz).
    Points at which either was not defined do not count.
    """
    import sympy

    try:
        check_size(left, right)
        if max(degree(left), degree(right)) > MAX_ZEROS_DEGREE:
            return None
        names = sorted(symbols(left) | symbols(right))
        unknowns = [sympy.Symbol(name) for name in names]
        fractions = [_fraction(tree, unknowns) for tree in (left, right)]
        poles = asked(sympy.Poly.lcm, *(lower for _, lower in fractions))
        zeros = [_without(upper, poles) for upper, _ in fractions]
    except (NotUnderstood, TooLarge):
        return None
    return bool(zeros[0] == zeros[1]) and not zeros[0].is_ground


def _fraction(tree: Tree, unknowns: list[Any]) -> tuple[Any, Any]:
    import sympy

    together = asked(sympy.together, asked(sympy.expand, to_sympy(tree, real=False)))
    upper, lower = asked(sympy.fraction, together)
    upper, lower = (asked(sympy.Poly, part, *unknowns, domain="QQ") for part in (upper, lower))
    return asked(upper.cancel, lower, include=True)  # type: ignore[no-any-return]


def _without(polynomial: Any, poles: Any) -> Any:
    """Monic, each factor once, none that `poles` has."""
    found = asked(polynomial.sqf_part)
    while not (common := asked(found.gcd, poles)).is_ground:
        found = asked(found.exquo, common)
    return asked(found.monic)
