r"""Reads an answer, LaTeX or plain, into a tree. Nothing is evaluated, so nothing that is written here can be dear.

Operator precedence, lowest first: separators (`,` `;` `and` `or`), relations, set operations, sums, products (written
or implied), powers, postfix signs. What is not known (`\oint`, an invented command) becomes a symbol, equal to itself.
Not read: chained implications, piecewise prose. They raise `NotUnderstood`.
"""

from veriward.verifiers.math.bounds import MAX_ARGUMENTS, MAX_DEPTH, MAX_SYMBOLS, NotUnderstood, TooLarge
from veriward.verifiers.math.brackets import Brackets, list_kind
from veriward.verifiers.math.cursor import SET
from veriward.verifiers.math.functions import Functions
from veriward.verifiers.math.names import CONSTANTS, FUNCTIONS, GREEK_WORDS
from veriward.verifiers.math.normalise import fold
from veriward.verifiers.math.operators import Operators
from veriward.verifiers.math.primaries import Primaries
from veriward.verifiers.math.tokens import END, Token, tokens
from veriward.verifiers.math.tree import (
    Group,
    Op,
    Relation,
    Symbol,
    Text,
    Tree,
    Unit,
    children,
    number,
    reciprocal,
    symbols,
)
from veriward.verifiers.math.units import SCALES, unit_name

_UNIT_SIGNS = frozenset("^/*{}()")
_RELATIONS = frozenset(["=", "<", ">", "<=", ">=", "!=", "≈", "≡", "∈"])


def parse(text: str, *, comma_joins: bool = True) -> Tree:
    """The tree of a clean answer. `comma_joins`: `1,234` is one number. Raises `NotUnderstood`, `TooLarge`."""
    parser = _Answers([*tokens(text, comma_joins=comma_joins), END])
    tree = parser.answer()
    _check(tree)
    return tree


class _Answers(Operators, Functions, Primaries, Brackets):
    """Lists, relations and units, over expressions."""

    def answer(self) -> Tree:
        tree = self.listed(())
        if self.token is not END:
            raise NotUnderstood(f"unexpected {self.token.text!r}")
        return tree

    def listed(self, closing: tuple[str, ...]) -> Tree:
        items, kinds = self.items(closing)
        return items[0] if len(items) == 1 else self.node(Group(list_kind(kinds), items))

    def items(self, closing: tuple[str, ...]) -> tuple[tuple[Tree, ...], set[str]]:
        items, kinds = [self.item(closing)], set[str]()
        while kind := self.separator():
            kinds.add(kind)
            items.append(self.item(closing))
            if len(items) > MAX_ARGUMENTS:
                raise TooLarge(f"more than {MAX_ARGUMENTS} values")
        return tuple(items), kinds

    def separator(self) -> str:
        kind = ""
        while (token := self.token) is not END:
            word = token.text.casefold()
            if token.kind == "sign" and word in (",", ";"):
                kind = kind or "list"
            elif token.kind in ("text", "word") and word in ("and", "or"):
                kind = word
            else:
                break
            self.at += 1
        return kind

    def item(self, closing: tuple[str, ...]) -> Tree:
        start = self.at
        while self.token.kind in ("text", "word") and self.token.text.casefold() not in ("and", "or"):
            self.at += 1
        run = self.found[start : self.at]
        if run and not _is_notation(run, self.product_letters if self.formulas else 2):
            ends = self.token is END or self.is_sign(",", ";", *closing) or self.token.kind in ("text", "word")
            words = fold(" ".join(token.text for token in run))
            if ends:
                return self.node(Text(words))
            if self.take("=", ":"):
                return self.node(Relation(("=",), (Symbol(words), self.relation())))
        self.at = start
        return self.units(self.relation(), closing)

    def relation(self) -> Tree:
        sides, signs = [self.side()], list[str]()
        while self.token.kind == "sign" and self.token.text in _RELATIONS:
            signs.append(self.token.text)
            self.at += 1
            sides.append(self.side())
        return sides[0] if not signs else self.node(Relation(tuple(signs), tuple(sides)))

    def side(self) -> Tree:
        r"""Of a relation; `\over` and `\choose` divide all that stands in their braces."""
        upper = self.expression(SET)
        if self.take("\\over"):
            return self.node(Op("mul", (upper, reciprocal(self.expression(SET)))))
        if self.take("\\choose"):
            return self.node(Op("binomial", (upper, self.expression(SET))))
        return upper

    def units(self, tree: Tree, closing: tuple[str, ...]) -> Tree:
        """Words after a value: a scale (`million`), then a unit; `\\pmod{7}` is one too."""
        if self.take("\\pmod", "\\mod"):
            return _with_unit(tree, f"mod {self.raw_script()}")
        words = list[str]()
        while not (self.token is END or self.is_sign(",", ";", *closing)):
            token = self.token
            if token.kind in ("text", "word"):
                if token.text.casefold() in ("and", "or"):
                    break
                words += token.text.split()
            elif words and (token.text in _UNIT_SIGNS or (token.text in ("2", "3") and words[-1] in ("^", "{"))):
                words.append(token.text)
            else:
                raise NotUnderstood(f"unexpected {token.text!r}")
            self.at += 1
        while words and words[0].casefold() in SCALES:
            tree = Op("mul", (number(SCALES[words.pop(0).casefold()]), tree))
        if not words:
            return tree
        unit = unit_name(words)
        if unit is None:
            raise NotUnderstood(f"words that are no unit: {' '.join(words)!r}")
        return _with_unit(tree, unit)


def _with_unit(tree: Tree, unit: str) -> Tree:
    if isinstance(tree, Relation):  # `x = 5 cm`: the unit is the last side's
        return Relation(tree.signs, (*tree.sides[:-1], Unit(tree.sides[-1], unit)))
    return Unit(tree, unit)


def _is_notation(run: list[Token], longest: int) -> bool:
    """Whether words may be mathematics: functions, constants, letters, products of no more than `longest`."""
    return all(
        token.text.casefold() in FUNCTIONS
        or token.text in CONSTANTS
        or token.text.casefold() in GREEK_WORDS
        or (token.kind == "word" and len(token.text) <= longest)
        or len(token.text) == 1
        for token in run
    )


def _check(tree: Tree) -> None:
    """Raises `TooLarge` for trees that are dear to walk."""
    level, depth = [tree], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise TooLarge(f"nested deeper than {MAX_DEPTH}")
        level = [child for node in level for child in children(node)]
    if len(symbols(tree)) > MAX_SYMBOLS:
        raise TooLarge(f"more than {MAX_SYMBOLS} symbols")
