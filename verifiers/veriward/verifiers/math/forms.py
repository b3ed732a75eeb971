"""Answers in the form that is compared: signs spelt out, factors multiplied in, names dropped."""

from veriward.verifiers.math.naming import is_equation
from veriward.verifiers.math.tree import Group, Matrix, Op, Relation, Symbol, Tree, Unit, negative, reciprocal

LISTS = frozenset(["list", "or", "and"])
UNORDERED = LISTS | {"{}"}


def assigned(group: Group) -> tuple[Tree, ...] | None:
    """The values of `x = 1, y = 2`, if the names ascend as they would in a point."""
    names = [
        item.sides[0].name
        for item in group.items
        if isinstance(item, Relation) and is_equation(item) and isinstance(item.sides[0], Symbol)
    ]
    if len(names) < len(group.items) or sorted(set(names)) != names:
        return None
    return tuple(item.sides[-1] for item in group.items if isinstance(item, Relation))


def quotient(tree: Tree) -> Tree:
    if isinstance(tree, Group):
        upper, lower = tree.items
        return Op("mul", (upper, reciprocal(lower)))
    return tree


def expanded(tree: Tree) -> Tree:
    r"""`a \pm b` as the list of both; `c \begin{matrix}…` as the matrix of products."""
    if isinstance(tree, Op) and tree.name == "mul":
        matrices = [arg for arg in tree.args if isinstance(arg, Matrix)]
        if len(matrices) == 1:
            factors = tuple(arg for arg in tree.args if not isinstance(arg, Matrix))
            return Matrix(tuple(tuple(Op("mul", (*factors, cell)) for cell in row) for row in matrices[0].rows))
    if isinstance(tree, Group) and tree.kind == "cases" and (rows := _conditions(tree)):
        return Group("and", rows)
    if isinstance(tree, Relation):
        last = expanded(tree.sides[-1])
        if isinstance(last, Group) and last is not tree.sides[-1]:
            return Relation(tree.signs, (*tree.sides[:-1], last))
        return tree
    if isinstance(tree, Group) and tree.kind in UNORDERED:
        items = [expanded(item) for item in tree.items]
        flat = [
            part
            for item, before in zip(items, tree.items, strict=True)
            for part in (item.items if isinstance(item, Group) and item is not before else (item,))
        ]
        return Group(tree.kind, tuple(flat)) if len(flat) != len(items) else tree
    if _has_both_signs(tree):
        return Group("list", (_signed(tree, 1), _signed(tree, -1)))
    return tree


def _conditions(cases: Group) -> tuple[Relation, ...]:
    """The relations of a system, one in each row; none for a function by cases."""
    (matrix,) = cases.items
    cells = [cell for row in matrix.rows for cell in row] if isinstance(matrix, Matrix) else []
    found = tuple(cell for cell in cells if isinstance(cell, Relation))
    one_a_row = isinstance(matrix, Matrix) and len(found) == len(cells) == len(matrix.rows)
    return found if one_a_row else ()


def _has_both_signs(tree: Tree) -> bool:
    r"""Whether a `\pm` stands in an expression; one within a tuple is not spelt out."""
    if isinstance(tree, Unit):
        return _has_both_signs(tree.body)
    return isinstance(tree, Op) and (tree.name in ("pm", "mp") or any(map(_has_both_signs, tree.args)))


def _signed(tree: Tree, sign: int) -> Tree:
    if isinstance(tree, Unit):
        return Unit(_signed(tree.body, sign), tree.unit)
    if not isinstance(tree, Op):
        return tree
    if tree.name in ("pm", "mp"):
        inside = _signed(tree.args[0], sign)
        return inside if sign == (1 if tree.name == "pm" else -1) else negative(inside)
    return Op(tree.name, tuple(_signed(arg, sign) for arg in tree.args))
