"""Everything that opens and closes: parentheses, intervals, sets, absolute values, matrices."""

from typing import cast

from veriward.verifiers.math.bounds import MAX_MATRIX_CELLS, NotUnderstood, TooLarge
from veriward.verifiers.math.cursor import PRODUCT, SUM, Cursor
from veriward.verifiers.math.tree import Constant, Group, GroupKind, Matrix, Op, Relation, Tree, Unit

_CLOSES = {"(": (")", "]"), "[": ("]", ")"), "\\{": ("\\}",), "{": ("}",)}
_MATRICES = frozenset(
    [
        "matrix",
        "pmatrix",
        "bmatrix",
        "vmatrix",
        "Vmatrix",
        "Bmatrix",
        "smallmatrix",
        "array",
        "cases",
        "aligned",
        "gathered",
    ]
)
_ALIGNED = frozenset(["aligned", "gathered"])  # their `&` only sets relations below each other


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
        if opening == "\\{" and (system := self.system()) is not None:
            return system
        if opening == "\\{" and (domain := self.sets_domain()) is not None:
            condition = self.conditions(domain, closing)
            self.bars = bars
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

    def system(self) -> Tree | None:
        r"""Read the rows after a brace that nothing closes: `\left\{ \begin{array}{l} … \end{array} \right.`."""
        start = self.at
        if self.take("\\begin"):
            rows = self.matrix()
            if not self.is_sign("\\}", ",", ";"):
                return rows if isinstance(rows, Group) else Group("cases", (rows,))
        self.at = start
        return None

    def sets_domain(self) -> tuple[Relation, ...] | None:
        r"""Read `x |`, `x :` or `x \in … |`, with which a set begins; what restricts x more than to the reals."""
        start = self.at
        if self.token.kind == "word" and len(self.token.text) == 1:
            member = self.primary()
            within = self.primary() if self.take("∈") else Constant("R")
            if self.take("|", ":"):
                return () if within == Constant("R") else (Relation(("∈",), (member, within)),)
        self.at = start
        return None

    def conditions(self, domain: tuple[Relation, ...], closing: tuple[str, ...]) -> Tree:
        items, kinds = self.items(closing)
        self.expect(*closing)
        if not all(isinstance(item, Relation) for item in items):
            raise NotUnderstood("a set by a condition that is no relation")
        conditions = (*domain, *items)
        if len(conditions) == 1:
            return conditions[0]
        if "or" in kinds and domain:
            raise NotUnderstood("a set by alternative conditions within a domain")
        return self.node(Group("or" if "or" in kinds else "and", conditions))

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
        if name in _ALIGNED:
            end = next(at for at, token in enumerate(self.found) if at >= self.at and token.text in ("\\end", ""))
            self.found[self.at : end] = [token for token in self.found[self.at : end] if token.text != "&"]
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
        return Group("cases", (matrix,)) if name == "cases" or name in _ALIGNED else matrix


def list_kind(kinds: set[str]) -> GroupKind:
    return "or" if "or" in kinds else "and" if "and" in kinds else "list"
