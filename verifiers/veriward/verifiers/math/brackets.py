"""Everything that opens and closes: parentheses, intervals, sets, absolute values, matrices."""

from typing import cast

from veriward.verifiers.math.bounds import MAX_MATRIX_CELLS, NotUnderstood, TooLarge
from veriward.verifiers.math.cursor import PRODUCT, SUM, Cursor
from veriward.verifiers.math.tree import Group, GroupKind, Matrix, Op, Relation, Tree, Unit

_CLOSES = {"(": (")", "]"), "[": ("]", ")"), "\\{": ("\\}",), "{": ("}",)}
_MATRICES = frozenset(
    ["matrix", "pmatrix", "bmatrix", "vmatrix", "Vmatrix", "Bmatrix", "smallmatrix", "array", "cases"]
)


class Brackets(Cursor):
    def bracket(self, opening: str) -> Tree:
        if opening in ("|", "‖"):
            return self.absolute(opening)
        if opening.startswith("currency"):
            return self.node(Unit(self.expression(PRODUCT), opening.removeprefix("currency")))
        if opening not in _CLOSES:
            raise NotUnderstood(f"expected a value, found {opening!r}")
        closing = _CLOSES[opening]
        bars, self.bars = self.bars, 0
        if self.take(closing[0]):
            if opening in ("(", "["):
                raise NotUnderstood("empty brackets")
            self.bars = bars
            return self.node(Group("{}", ()))
        if opening == "\\{" and self.sets_condition():
            condition = self.relation()
            self.expect(*closing)
            self.bars = bars
            if not isinstance(condition, Relation):
                raise NotUnderstood("a set by a condition that is no relation")
            return condition
        items, kinds = self.items(closing)
        closed = self.expect(*closing)
        self.bars = bars
        if len(items) == 1 and opening != "\\{":
            return items[0]
        kind = "{}" if opening in ("{", "\\{") else cast("GroupKind", opening + closed)
        if opening == "{" and kinds - {"list"}:
            kind = list_kind(kinds)
        return self.node(Group(kind, items))

    def sets_condition(self) -> bool:
        r"""Whether a set begins `x |`, `x :` or `x \in … |`; if so, that is read."""
        start = self.at
        if self.token.kind == "word" and len(self.token.text) == 1:
            self.primary()
            if self.take("∈"):
                self.primary()
            if self.take("|", ":"):
                return True
        self.at = start
        return False

    def absolute(self, bar: str) -> Tree:
        self.bars += 1
        inside = self.expression(SUM)
        self.expect(bar)
        self.bars -= 1
        return self.node(Op("abs" if bar == "|" else "norm", (inside,)))

    def matrix(self) -> Tree:
        name = self.raw_script()
        if name not in _MATRICES:
            raise NotUnderstood(f"environment {name!r}")
        if name == "array" and self.is_sign("{"):
            self.raw_script()
        rows: list[tuple[Tree, ...]] = []
        cells: list[Tree] = []
        while not self.take("\\end"):
            cells.append(self.listed(("&", "\\\\", "\\end")))
            if self.take("&"):
                continue
            if not self.is_sign("\\end"):
                self.expect("\\\\")
            rows.append(tuple(cells))
            cells = []
            if sum(map(len, rows)) > MAX_MATRIX_CELLS:
                raise TooLarge(f"a matrix of more than {MAX_MATRIX_CELLS} cells")
        self.raw_script()
        if cells or not rows:
            raise NotUnderstood("a matrix that ends in the middle of a row")
        matrix = self.node(Matrix(tuple(rows)))
        if name in ("vmatrix", "Vmatrix"):
            return self.node(Op("determinant", (matrix,)))
        return Group("cases", (matrix,)) if name == "cases" else matrix


def list_kind(kinds: set[str]) -> GroupKind:
    return "or" if "or" in kinds else "and" if "and" in kinds else "list"
