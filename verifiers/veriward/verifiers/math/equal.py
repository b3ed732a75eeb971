"""Whether an answer says what the gold answer says. Gold drives the type: the order of the rules is VERIFIERS 1.2's.

`equal(gold, other)` is symmetric for values, sets, tuples, matrices and relations among themselves. It is not where
gold alone decides: a value accepts `x = value`, `x = value` accepts the value; an inequality accepts the interval, an
interval does not accept an inequality (which may be an echo of the problem).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from veriward.verifiers.math.evaluate import Budget
from veriward.verifiers.math.exact import exact
from veriward.verifiers.math.forms import LISTS, UNORDERED, assigned, expanded, quotient
from veriward.verifiers.math.intervals import same_set
from veriward.verifiers.math.naming import is_equation, named_values, names_one_thing
from veriward.verifiers.math.relations import assignments, same_relation
from veriward.verifiers.math.tree import (
    Group,
    Matrix,
    Number,
    Op,
    Relation,
    Symbol,
    Text,
    Tree,
    Unit,
    walk,
)
from veriward.verifiers.math.values import same_value

_HUNDREDTH = Number(Fraction(1, 100))


@dataclass(slots=True)
class Comparison:
    """One answer against one gold answer, within one budget."""

    budget: Budget

    def equal(self, gold: Tree, other: Tree) -> bool:
        """Raises `TooLarge` where the bounds don't allow to decide."""
        if gold == other:
            return True
        gold, other = expanded(gold), expanded(other)
        if isinstance(gold, Relation):
            return self._accepted_by_relation(gold, other)
        if isinstance(other, Relation):
            return any(self.equal(gold, value) for value in named_values(other, self))
        return self._accepted_by_value(gold, other)

    def _accepted_by_relation(self, gold: Relation, other: Tree) -> bool:
        if isinstance(other, Relation):
            return same_relation(gold, other, self)
        if is_equation(gold) and names_one_thing(gold.sides[0]):
            return self.equal(gold.sides[-1], other)
        if is_equation(gold) and len(gold.sides) == 2 and isinstance(gold.sides[1], Symbol):
            return self.equal(gold.sides[0], other)
        pairs = assignments(gold)
        if pairs is not None and isinstance(other, Group):
            return self._same_assignments(pairs, other)
        return same_set(gold, other, self)

    def _accepted_by_value(self, gold: Tree, other: Tree) -> bool:
        if isinstance(gold, Number) and isinstance(other, Number):
            return same_value(gold, other, self.budget)
        match gold, other:
            case (Unit(), _) | (_, Unit()):
                return self._same_with_units(gold, other)
            case Text(words), Text(other_words):
                return words == other_words
            case (Text(words), Symbol(name)) | (Symbol(name), Text(words)):
                return words == name.casefold()
            case Matrix(), _:
                return self._same_matrix(gold, other)
            case _, Matrix():
                return self._same_matrix(other, gold)
            case Group(), Group():
                return self._same_group(gold, other)
            case (Group("{}", (only,)), value) if not isinstance(value, Group):
                return self.equal(only, value)
            case (value, Group("{}", (only,))) if not isinstance(value, Group):
                return self.equal(value, only)
            case (Group("ratio", (_, _)), _) | (_, Group("ratio", (_, _))):
                return self.equal(quotient(gold), quotient(other))
            case (Group(), _) | (_, Group()):
                return same_set(gold, other, self)
        if any(isinstance(node, (Matrix, Group, Relation, Text)) for tree in (gold, other) for node in walk(tree)):
            return False
        if any(isinstance(node, Unit) and node.unit not in ("%", "degree") for node in (*walk(gold), *walk(other))):
            return False
        return same_value(gold, other, self.budget)

    def _same_with_units(self, gold: Tree, other: Tree) -> bool:
        """A unit is dropped if the other side has none or the same; a percent sign, only from a number above 1."""
        units = [tree.unit if isinstance(tree, Unit) else "" for tree in (gold, other)]
        bodies = [tree.body if isinstance(tree, Unit) else tree for tree in (gold, other)]
        if units[0] == units[1]:
            return self.equal(*bodies)
        if all(units) or units[1].startswith("base "):
            return False
        if "%" in units:
            percent, plain = bodies if units[0] else bodies[::-1]
            value = exact(plain)
            if self.equal(Op("mul", (percent, _HUNDREDTH)), plain):
                return True
            if value is None or value <= 1:
                return False
        return self.equal(*bodies)

    def _same_group(self, gold: Group, other: Group) -> bool:
        kinds = (gold.kind, other.kind)
        if gold.kind in UNORDERED and other.kind in UNORDERED:
            return self._same_collection(gold, other)
        if gold.kind in LISTS and other.kind in ("()", "[]"):
            return self._same_items(_values(gold.items, self), other.items)
        if kinds == ("()", "()") or (set(kinds) <= {"()", "[]"} and len(gold.items) != 2):
            return self._same_items(gold.items, other.items)
        if kinds in (("()", "list"), ("()", "and")) and (pairs := assigned(other)) is not None:
            return self._same_items(gold.items, pairs)
        if kinds == ("[]", "[]"):
            return self._same_items(gold.items, other.items)
        if "ratio" in kinds:
            return kinds == ("ratio", "ratio") and self._same_ratio(gold, other)
        if kinds == ("cases", "cases"):
            return self._same_items(gold.items, other.items)
        return same_set(gold, other, self)

    def _same_collection(self, gold: Group, other: Group) -> bool:
        left, right = list(gold.items), list(other.items)
        if not (any(isinstance(item, Relation) for item in left) and any(isinstance(item, Relation) for item in right)):
            left, right = list(_values(gold.items, self)), list(_values(other.items, self))
        if "{}" in _kinds(gold, other):
            left, right = self._distinct(left), self._distinct(right)
        if len(left) == len(right) and self._same_unordered(left, right):
            return True
        return "or" in _kinds(gold, other) and same_set(gold, other, self)

    def _same_assignments(self, pairs: Sequence[Relation], other: Group) -> bool:
        if other.kind == "()":
            return self._same_items([pair.sides[-1] for pair in pairs], other.items)
        return other.kind in LISTS and self._same_unordered(list(pairs), list(other.items))

    def _same_items(self, left: Sequence[Tree], right: Sequence[Tree]) -> bool:
        return len(left) == len(right) and all(map(self.equal, left, right))

    def _same_unordered(self, left: list[Tree], right: list[Tree]) -> bool:
        if len(left) != len(right):
            return False
        numbers = [[exact(item) for item in side] for side in (left, right)]
        if all(value is not None for side in numbers for value in side) and _sorted(numbers[0]) == _sorted(numbers[1]):
            return True
        remaining = list(right)
        for item in left:
            at = next((at for at, other in enumerate(remaining) if self.equal(item, other)), None)
            if at is None:
                return False
            del remaining[at]
        return True

    def _distinct(self, items: list[Tree]) -> list[Tree]:
        found: list[Tree] = []
        for item in items:
            if not any(self.equal(known, item) for known in found):
                found.append(item)
        return found

    def _same_ratio(self, gold: Group, other: Group) -> bool:
        if len(gold.items) != len(other.items):
            return False
        first, other_first = gold.items[0], other.items[0]
        if exact(first) == 0 or exact(other_first) == 0:
            return self._same_items(gold.items, other.items)
        return all(
            self.equal(Op("mul", (item, other_first)), Op("mul", (other_item, first)))
            for item, other_item in zip(gold.items[1:], other.items[1:], strict=True)
        )

    def _same_matrix(self, matrix: Matrix, other: Tree) -> bool:
        if isinstance(other, Matrix):
            return [len(row) for row in matrix.rows] == [len(row) for row in other.rows] and all(
                self._same_items(row, other_row) for row, other_row in zip(matrix.rows, other.rows, strict=True)
            )
        # A vector may be written as a tuple.
        cells = matrix.rows[0] if len(matrix.rows) == 1 else tuple(row[0] for row in matrix.rows if len(row) == 1)
        is_vector = len(matrix.rows) == 1 or len(cells) == len(matrix.rows)
        return is_vector and isinstance(other, Group) and other.kind == "()" and self._same_items(cells, other.items)


def _kinds(*groups: Group) -> set[str]:
    return {group.kind for group in groups}


def _sorted(values: list[Fraction | None]) -> list[Fraction]:
    return sorted(value for value in values if value is not None)


def _values(items: Sequence[Tree], comparison: Comparison) -> tuple[Tree, ...]:
    """`x = 1, x = 2` as 1, 2; what names no value stays."""
    named = [named_values(item, comparison) if isinstance(item, Relation) else () for item in items]
    return tuple(values[0] if values else item for item, values in zip(items, named, strict=True))
