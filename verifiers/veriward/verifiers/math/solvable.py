"""Which equations sympy is asked to solve, and how it is asked: only what is quick and certain, and no error escapes.

On what is not (a general cubic, two roots, a sine beside its unknown) its solvers may take minutes, or be wrong.
"""

from collections.abc import Callable
from typing import Any

from veriward.verifiers.math.bounds import MAX_ABSOLUTE_VALUES, MAX_SOLVED_DEGREE, NotUnderstood
from veriward.verifiers.math.exact import exact
from veriward.verifiers.math.sympy_trees import degree, to_sympy
from veriward.verifiers.math.tree import Op, Symbol, Tree, symbols, walk


def asked(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What a function of sympy says. Raises `NotUnderstood` for whatever it fails with, memory apart."""
    try:
        return function(*args, **options)
    except (
        ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, RecursionError, TypeError,
        ValueError, _polynomial_error(),
    ) as error:  # fmt: skip
        raise NotUnderstood(f"sympy does not solve it: {type(error).__name__}") from error


def _polynomial_error() -> type[Exception]:
    from sympy.polys.polyerrors import BasePolynomialError

    return BasePolynomialError  # type: ignore[no-any-return]


def check_solvable(zero: Tree) -> None:
    """Raises `NotUnderstood` unless the zeros of `zero`, in one unknown, are in sympy's quick and certain reach.

    That is: rational functions whose factors over the rationals are linear, quadratic or binomial; up to quadratics
    with a few absolute values or one root; one exponential or logarithm of such.
    """
    special = not_rational(zero)
    if not special:
        _check_factors(zero)
        return
    kinds = {_kind(node) for node in special}
    most = MAX_ABSOLUTE_VALUES if kinds == {"abs"} else 1
    beside = kinds == {"transcendental"} and _appearances(zero) > _appearances(special[0])
    if degree(zero) > MAX_SOLVED_DEGREE or len(kinds) > 1 or len(special) > most or beside:
        raise NotUnderstood("an equation that is not sure to be solved")


def not_rational(tree: Tree) -> list[Op]:
    """What keeps `tree` from being a rational function of its unknowns."""
    return [node for node in walk(tree) if isinstance(node, Op) and _is_special(node)]


def _is_special(node: Op) -> bool:
    whole = node.name == "pow" and (power := exact(node.args[1])) is not None and power.denominator == 1
    return bool(symbols(node)) and node.name not in ("add", "mul") and not whole


def _kind(node: Op) -> str:
    if node.name == "abs":
        return "abs"
    if node.name == "pow" and not symbols(node.args[1]):
        return "root"
    if node.name in ("pow", "ln", "lg"):
        return "transcendental"
    raise NotUnderstood(f"an equation with {node.name}")


def _appearances(tree: Tree) -> int:
    return sum(isinstance(node, Symbol) for node in walk(tree))


def _check_factors(zero: Tree) -> None:
    """The degrees of what numerator and denominator factor into."""
    import sympy

    _ = degree(zero)
    expression = asked(sympy.together, to_sympy(zero, real=True))
    for part in asked(sympy.fraction, expression):
        if part.free_symbols:
            for factor, _ in asked(sympy.factor_list, part)[1]:
                polynomial = asked(sympy.Poly, factor, *factor.free_symbols)
                if polynomial.degree() > MAX_SOLVED_DEGREE and len(polynomial.terms()) > 2:
                    raise NotUnderstood("an equation that is not sure to be solved")
