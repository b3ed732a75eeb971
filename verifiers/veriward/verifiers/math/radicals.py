r"""Roots in a product, as one root: `\sqrt a \sqrt b` is `\sqrt{ab}`, `\frac{\sqrt a}{\sqrt b}` is `\sqrt{a/b}`.

That holds where no root is taken of a negative number, as in every problem that writes so. It goes no further:
`\sqrt{x^2}` stays |x| and is not x.
"""

from fractions import Fraction

from veriward.verifiers.math.exact import exact
from veriward.verifiers.math.tree import Number, Op, Tree, reciprocal, symbols


def joined_roots(tree: Tree) -> Tree:
    """`tree` itself where nothing is to be joined."""
    if not isinstance(tree, Op):
        return tree
    args = tuple(map(joined_roots, tree.args))
    if tree.name == "mul":
        return _joined(Op("mul", args) if _changed(args, tree.args) else tree)
    return Op(tree.name, args) if _changed(args, tree.args) else tree


def _changed(args: tuple[Tree, ...], before: tuple[Tree, ...]) -> bool:
    return any(arg is not old for arg, old in zip(args, before, strict=True))


def _joined(product: Op) -> Tree:
    under: dict[Fraction, list[Tree]] = {}
    rest: list[Tree] = []
    for factor in _factors(product):
        root = _root(factor)
        if root is None:
            rest.append(factor)
        else:
            under.setdefault(root[1], []).append(root[0])
    if not any(len(bases) > 1 for bases in under.values()):
        return product
    roots = [
        Op("pow", (Op("mul", tuple(bases)) if len(bases) > 1 else bases[0], Number(power)))
        for power, bases in under.items()
    ]
    return Op("mul", (*rest, *roots)) if rest or len(roots) > 1 else roots[0]


def _factors(tree: Tree) -> list[Tree]:
    """Of products within products and of their reciprocals."""
    match tree:
        case Op("mul", args):
            return [factor for arg in args for factor in _factors(arg)]
        case Op("pow", (Op("mul", args), exponent)) if exact(exponent) == -1:
            return [factor for arg in args for factor in _factors(reciprocal(arg))]
    return [tree]


def _root(factor: Tree) -> tuple[Tree, Fraction] | None:
    """(base, power) of a root of something unknown, the power between 0 and 1: `1/\\sqrt b` is the root of 1/b."""
    match factor:
        case Op("pow", (Op("pow", (base, exponent)), outer)) if exact(outer) == -1:
            inner = _root(Op("pow", (base, exponent)))
            return None if inner is None else (reciprocal(inner[0]), inner[1])
        case Op("pow", (base, exponent)) if symbols(base):
            power = exact(exponent)
            if power is not None and power.denominator > 1 and abs(power) < 1:
                return (base, power) if power > 0 else (reciprocal(base), -power)
    return None
