r"""What an inequality of one unknown, or several of them, allows: sets of reals, or of integers, that sympy finds.

The answer has to stand solved: intervals, unions, lists, or bounds on the unknown alone. What sympy says is tried at
points on both sides of every number that is written before it is believed.
"""

from collections.abc import Callable
from itertools import pairwise
from math import ceil, floor, isinf
from typing import Any

from veriward.verifiers.math.bounds import MAX_LISTED_INTEGERS
from veriward.verifiers.math.equal import Comparison
from veriward.verifiers.math.evaluate import Evaluator, Undefined, context
from veriward.verifiers.math.intervals import Pieces, intersection, merged, pieces, same_pieces
from veriward.verifiers.math.points import Point, real_points
from veriward.verifiers.math.solving import real_solutions
from veriward.verifiers.math.tree import Constant, Group, Relation, Symbol, Text, Tree, number
from veriward.verifiers.math.values import LOOK_BITS

_ORDER: dict[str, Callable[[Any], bool]] = {
    "<": lambda gap: bool(gap < 0),
    "<=": lambda gap: bool(gap <= 0),
    ">": lambda gap: bool(gap > 0),
    ">=": lambda gap: bool(gap >= 0),
    "!=": lambda gap: bool(gap != 0),
    "=": lambda gap: bool(gap == 0),
}
_LEAST = {"Z": (None,), "N": (1, 0)}  # some count 0 among the natural numbers
_EVERYWHERE = frozenset(["all real numbers", "all reals", "all real x", "every real number"])
_NOWHERE = frozenset(["no solution", "no solutions", "no real solution", "no real solutions", "none"])

Read = Callable[[Relation], Pieces | None]


def says_nothing(tree: Tree) -> bool:
    """Whether an answer says that there is no solution."""
    return tree == Group("{}", ()) or (isinstance(tree, Text) and tree.words in _NOWHERE)


def is_region(gold: Tree) -> bool:
    """Whether `gold` is made of relations, one at least no equation."""
    items = gold.items if isinstance(gold, Group) and gold.kind in ("list", "and", "or") else (gold,)
    return all(isinstance(item, Relation) for item in items) and any(
        sign in _ORDER and sign != "=" for item in items if isinstance(item, Relation) for sign in item.signs
    )


def same_region(gold: Tree, other: Tree, comparison: Comparison) -> bool:
    """Raises `TooLarge`."""

    def solved(relation: Relation) -> Pieces | None:
        found = pieces(relation, comparison)
        if found is not None:
            return found
        solution = real_solutions(relation)
        found = None if solution is None else pieces(solution, comparison)
        return found if found is not None and _is_as_said(relation, found, comparison) else None

    def stands_solved(relation: Relation) -> Pieces | None:
        return pieces(relation, comparison)

    domain, gold = _domain(gold)
    allowed = _region(gold, solved, comparison)
    if allowed is None:
        return False
    if domain is not None:
        return any(_same_integers(allowed, least, other, comparison) for least in _LEAST[domain])
    given = _region(other, stands_solved, comparison)
    return given is not None and same_pieces(allowed, given, comparison)


def _domain(gold: Tree) -> tuple[str | None, Tree]:
    r"""The letter of `x \in \mathbb{Z}` among conditions, and the other conditions."""
    if isinstance(gold, Group) and gold.kind in ("list", "and"):
        for item in gold.items:
            match item:
                case Relation(("∈",), (Symbol(), Constant(letter))) if letter in _LEAST:
                    rest = tuple(other for other in gold.items if other is not item)
                    return letter, rest[0] if len(rest) == 1 else Group(gold.kind, rest)
    return None, gold


def _region(tree: Tree, read: Read, comparison: Comparison) -> Pieces | None:
    """None for what is no set of reals, or cannot be read."""
    match tree:
        case Text(words):
            everywhere = pieces(Constant("R"), comparison) if words in _EVERYWHERE else None
            return [] if words in _NOWHERE else everywhere
        case Relation():
            return read(tree)
        case Group("list" | "and" | "or" as kind, items):
            if not any(isinstance(item, Relation | Group) for item in items):
                return pieces(Group("{}", items), comparison)
            parts = [_region(item, read, comparison) for item in items]
            found = [part for part in parts if part is not None]
            if len(found) < len(parts):
                return None
            return _joined(found, kind)
    return pieces(tree, comparison)


def _joined(parts: list[Pieces], kind: str) -> Pieces:
    """`x > 1, x < 5` are both meant; `x < 1, x > 5` cannot both be, so either is."""
    common = parts[0]
    for part in parts[1:] if kind != "or" else ():
        common = intersection(common, part)
    either = [piece for part in parts for piece in part]
    return either if kind == "or" or (kind == "list" and not merged(common)) else common


def _same_integers(allowed: Pieces, least: int | None, other: Tree, comparison: Comparison) -> bool:
    found = set[int]()
    for piece in merged(allowed):
        low, high = piece.low.value if least is None else max(piece.low.value, least), piece.high.value
        if isinf(low) or isinf(high) or high - low > MAX_LISTED_INTEGERS:
            return False
        for value in range(ceil(low), floor(high) + 1):
            at_end = value in (piece.low.value, piece.high.value)
            end = piece.low if value == piece.low.value else piece.high
            if not at_end or end.closed:
                found.add(value)
    listed = Group("{}", tuple(map(number, sorted(found))))
    return says_nothing(other) if not found else comparison.equal(listed, other)


def _is_as_said(relation: Relation, allowed: Pieces, comparison: Comparison) -> bool:
    """Whether `relation` holds within `allowed` and nowhere else, as far as points can tell."""
    ends = tuple(end.tree for piece in allowed for end in (piece.low, piece.high) if not isinf(end.value))
    for point in real_points((relation, Group("list", ends))):
        (value,) = point.values()
        within = any(piece.low.value < value < piece.high.value for piece in allowed)
        if within is not _holds(relation, point, comparison):
            return False
    return True


def _holds(relation: Relation, point: Point, comparison: Comparison) -> bool:
    try:
        values = [Evaluator(LOOK_BITS, comparison.budget, point).value(side) for side in relation.sides]
    except Undefined:
        return False
    if not all(isinstance(value, context().mpf) for value in values):
        return False
    gaps = [left - right for left, right in pairwise(values)]
    return all(_ORDER[sign](gap) for sign, gap in zip(relation.signs, gaps, strict=True))
