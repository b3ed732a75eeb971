"""Sets of real numbers as pieces: intervals, unions, what an inequality allows.

Gold inequalities accept the interval form; the other way round only membership (`x \\in (1, 2)`) does.
"""

from dataclasses import dataclass

from veriward.verifiers.math.naming import Comparer
from veriward.verifiers.math.tree import Constant, Group, Number, Op, Relation, Symbol, Tree, negative, number, symbols
from veriward.verifiers.math.values import real_value

MAX_PIECES = 64

_OO = Constant("oo")
_MINUS_OO = negative(_OO)


@dataclass(frozen=True, slots=True)
class End:
    """One end of a piece; `value` orders ends, `tree` compares them."""

    value: float
    tree: Tree
    closed: bool


@dataclass(frozen=True, slots=True)
class Piece:
    low: End
    high: End


Pieces = list[Piece]


def same_set(gold: Tree, other: Tree, comparer: Comparer) -> bool:
    """Whether both are sets of reals, and the same one."""
    if isinstance(other, Relation) and not isinstance(gold, Relation):
        return False
    left, right = pieces(gold, comparer), pieces(other, comparer)
    return left is not None and right is not None and same_pieces(left, right, comparer)


def same_pieces(left: Pieces, right: Pieces, comparer: Comparer) -> bool:
    left, right = merged(left), merged(right)
    return len(left) == len(right) and all(
        _same_end(mine.low, theirs.low, comparer) and _same_end(mine.high, theirs.high, comparer)
        for mine, theirs in zip(left, right, strict=True)
    )


def pieces(tree: Tree, comparer: Comparer) -> Pieces | None:
    """None for what is no set of reals that we read."""
    match tree:
        case Constant("R"):
            return [Piece(End(-float("inf"), _MINUS_OO, False), End(float("inf"), _OO, False))]
        case Group("{}", items):
            ends = [_end(item, True, comparer) for item in items]
            return None if None in ends else [Piece(end, end) for end in ends if end is not None]
        case Group("()" | "[]" | "(]" | "[)", (low, high)):
            return _interval(low, high, tree.kind[0] == "[", tree.kind[1] == "]", comparer)
        case Group("cup" | "or", items):
            parts = [pieces(item, comparer) for item in items]
            found = [piece for part in parts for piece in part or ()]
            return None if any(part is None for part in parts) or len(found) > MAX_PIECES else found
        case Group("cap" | "and", items):
            return _combined(items, comparer, outside=False)
        case Group("minus", items):
            return _combined(items, comparer, outside=True)
        case Relation():
            return _solutions(tree, comparer)
    return None


def _solutions(relation: Relation, comparer: Comparer) -> Pieces | None:
    r"""Of `a < x`, `x >= a`, `a < x <= b`, `x != a`, `x \in S`, `x = a`; one symbol, alone on its side."""
    match relation:
        case Relation(("∈",), (Symbol(), members)):
            return pieces(members, comparer)
        case Relation((sign,), (left, Symbol())) if not symbols(left):
            flipped = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(sign, sign)
            return _solutions(Relation((flipped,), (relation.sides[1], left)), comparer)
        case Relation(("=",), (Symbol(), value)) if not symbols(value):
            return pieces(Group("{}", (value,)), comparer)
        case Relation(("!=",), (Symbol(), value)) if not symbols(value):
            return pieces(Group("minus", (Constant("R"), Group("{}", (value,)))), comparer)
        case Relation((("<" | "<=") as sign,), (Symbol(), value)) if not symbols(value):
            return _interval(_MINUS_OO, value, False, sign == "<=", comparer)
        case Relation(((">" | ">=") as sign,), (Symbol(), value)) if not symbols(value):
            return _interval(value, _OO, sign == ">=", False, comparer)
        case Relation((("<" | "<=") as first, ("<" | "<=") as second), (low, Symbol(), high)):
            return _interval(low, high, first == "<=", second == "<=", comparer)
        case Relation(((">" | ">=") as first, (">" | ">=") as second), (high, Symbol(), low)):
            return _interval(low, high, second == ">=", first == ">=", comparer)
    return None


def _interval(low: Tree, high: Tree, low_closed: bool, high_closed: bool, comparer: Comparer) -> Pieces | None:
    left, right = _end(low, low_closed, comparer), _end(high, high_closed, comparer)
    if left is None or right is None or left.value > right.value:
        return None
    return [Piece(left, right)]


def _end(tree: Tree, closed: bool, comparer: Comparer) -> End | None:
    if tree == _OO:
        return End(float("inf"), _OO, False)
    if tree in (_MINUS_OO, Op("mul", (number(-1), _OO))):
        return End(-float("inf"), _MINUS_OO, False)
    if not isinstance(tree, Number | Op | Constant):
        return None
    value = None if symbols(tree) else real_value(tree, comparer.budget)
    return None if value is None else End(value, tree, closed)


def _same_end(mine: End, theirs: End, comparer: Comparer) -> bool:
    return mine.closed == theirs.closed and comparer.equal(mine.tree, theirs.tree)


def merged(pieces: Pieces) -> Pieces:
    """In order, touching pieces joined."""
    found: Pieces = []
    for piece in sorted(pieces, key=lambda piece: (piece.low.value, not piece.low.closed)):
        last = found[-1] if found else None
        touches = last is not None and (
            piece.low.value < last.high.value
            or (piece.low.value == last.high.value and (piece.low.closed or last.high.closed))
        )
        if last is not None and touches:
            high = max(last.high, piece.high, key=lambda end: (end.value, end.closed))
            found[-1] = Piece(last.low, high)
        elif _holds_something(piece):
            found.append(piece)
    return found


def _holds_something(piece: Piece) -> bool:
    both_closed = piece.low.closed and piece.high.closed
    return piece.low.value < piece.high.value or (piece.low.value == piece.high.value and both_closed)


def _combined(items: tuple[Tree, ...], comparer: Comparer, *, outside: bool) -> Pieces | None:
    """The intersection of all, or the first without the others."""
    result: Pieces | None = None
    for item in items:
        part = pieces(item, comparer)
        if part is None:
            return None
        if result is not None and outside:
            part = _complement(merged(part))
        result = part if result is None else intersection(result, part)
        if len(result) > MAX_PIECES:
            return None
    return result


def intersection(left: Pieces, right: Pieces) -> Pieces:
    found = []
    for mine in left:
        for theirs in right:
            low = max(mine.low, theirs.low, key=lambda end: (end.value, not end.closed))
            high = min(mine.high, theirs.high, key=lambda end: (end.value, end.closed))
            piece = Piece(low, high)
            if _holds_something(piece):
                found.append(piece)
    return found


def _complement(pieces: Pieces) -> Pieces:
    ends = [End(-float("inf"), _MINUS_OO, False)]
    for piece in pieces:
        ends.append(End(piece.low.value, piece.low.tree, not piece.low.closed))
        ends.append(End(piece.high.value, piece.high.tree, not piece.high.closed))
    ends.append(End(float("inf"), _OO, False))
    found = [Piece(low, high) for low, high in zip(ends[::2], ends[1::2], strict=True)]
    return [piece for piece in found if _holds_something(piece)]
