"""What an answer says: our own expression, built without evaluating anything.

Trees are immutable and hashable; equal trees say the same thing in the same way. A difference is a sum with a factor
-1, a quotient a product with a power -1, a root a power 1/k.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

GroupKind = Literal["list", "or", "and", "()", "[]", "(]", "[)", "{}", "ratio", "cup", "cap", "minus", "cases"]


@dataclass(frozen=True, slots=True)
class Number:
    """A literal. `places`: decimals shown, None for one that is exact by nature."""

    value: Fraction
    places: int | None = None


@dataclass(frozen=True, slots=True)
class Symbol:
    """A variable, or notation that is only ever compared with itself."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """`pi`, `e`, `i`, `oo`, or a set: `R`, `Z`, …"""

    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """Words, folded for comparison."""

    words: str


@dataclass(frozen=True, slots=True)
class Op:
    """`add`, `mul`, `pow`, or a named function, applied."""

    name: str
    args: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """A chain `sides[0] signs[0] sides[1] …`."""

    signs: tuple[str, ...]
    sides: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Several values. `(a, b)` may be a pair or an open interval: the reader decides."""

    kind: GroupKind
    items: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    rows: tuple[tuple["Tree", ...], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """A value with a unit, a currency, a percent or degree sign, a modulus, or the base it is written in."""

    body: "Tree"
    unit: str


Tree: TypeAlias = Number | Symbol | Constant | Text | Op | Relation | Group | Matrix | Unit

MINUS_ONE = Number(Fraction(-1))
HALF = Number(Fraction(1, 2))


def number(value: int) -> Number:
    return Number(Fraction(value))


def negative(tree: Tree) -> Tree:
    if isinstance(tree, Number):
        return Number(-tree.value, tree.places)
    if isinstance(tree, Unit):
        return Unit(negative(tree.body), tree.unit)
    return Op("mul", (MINUS_ONE, tree))


def reciprocal(tree: Tree) -> Tree:
    return Op("pow", (tree, MINUS_ONE))


def difference(left: Tree, right: Tree) -> Tree:
    return Op("add", (left, negative(right)))


def children(tree: Tree) -> tuple[Tree, ...]:
    match tree:
        case Op(_, args):
            return args
        case Relation(_, sides):
            return sides
        case Group(_, items):
            return items
        case Matrix(rows):
            return tuple(cell for row in rows for cell in row)
        case Unit(body, _):
            return (body,)
    return ()


def walk(tree: Tree) -> Iterator[Tree]:
    """Every node, parents first."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(children(node))


def symbols(tree: Tree) -> frozenset[str]:
    return frozenset(node.name for node in walk(tree) if isinstance(node, Symbol))


def has_decimal(tree: Tree) -> bool:
    return any(isinstance(node, Number) and node.places is not None for node in walk(tree))


def replace(tree: Tree, name: str, value: Tree) -> Tree:
    """`tree` with `value` for the symbol `name`; of expressions only."""
    if isinstance(tree, Symbol):
        return value if tree.name == name else tree
    if isinstance(tree, Op):
        return Op(tree.name, tuple(replace(arg, name, value) for arg in tree.args))
    if isinstance(tree, Unit):
        return Unit(replace(tree.body, name, value), tree.unit)
    return tree
