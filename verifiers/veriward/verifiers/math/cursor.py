"""Moves through the tokens of an answer, and counts what is built of them; the base of the grammar's parts."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from veriward.verifiers.math.bounds import MAX_NESTING, MAX_NODES, NotUnderstood, TooLarge
from veriward.verifiers.math.tokens import END, Token
from veriward.verifiers.math.tree import Tree

# Binding powers: a relation's side reads all three, a product's factor none.
SET, SUM, PRODUCT = 1, 2, 3

MAX_PRODUCT_LETTERS = 6  # of a word that is a product where only a formula can stand; elsewhere half as many


@dataclass
class Cursor(ABC):
    """`found` ends in `END`, which is never passed. `bars`: how many `|` are open, so that the next one closes.

    `formulas`: how many arguments (`\\frac{mgh}{2}`) or scripts are open; in them, words are products of letters.
    """

    found: list[Token]
    at: int = 0
    depth: float = 0
    bars: int = 0
    formulas: int = 0
    nodes: int = 0

    @property
    def token(self) -> Token:
        return self.found[self.at]

    def peek(self, ahead: int = 1) -> Token:
        return self.found[min(self.at + ahead, len(self.found) - 1)]

    def is_sign(self, *signs: str) -> bool:
        return self.found[self.at].text in signs

    def take(self, *signs: str) -> bool:
        if self.found[self.at].text not in signs:
            return False
        self.at += 1
        return True

    def expect(self, *signs: str) -> str:
        text = self.token.text
        if not self.take(*signs):
            raise NotUnderstood(f"expected {' or '.join(signs)}, found {text or 'the end'!r}")
        return text

    def node(self, tree: Tree) -> Tree:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise TooLarge(f"more than {MAX_NODES} parts")
        return tree

    def enter(self, levels: float = 1) -> None:
        """Count a level of nesting; half a one for a command that takes what follows without brackets."""
        self.depth += levels
        if self.depth > MAX_NESTING:
            raise TooLarge(f"nested deeper than {MAX_NESTING}")

    def leave(self, levels: float = 1) -> None:
        self.depth -= levels

    @property
    def product_letters(self) -> int:
        return MAX_PRODUCT_LETTERS if self.formulas else MAX_PRODUCT_LETTERS // 2

    def formula(self) -> Tree:
        """What a command takes: a group, or one primary."""
        self.formulas += 1
        tree = self.primary()
        self.formulas -= 1
        return tree

    def raw_script(self) -> str:
        """A subscript as it is written: it only names."""
        if self.token is END:
            raise NotUnderstood("a script without anything in it")
        if not self.take("{"):
            text = self.token.text
            self.at += 1
            return text
        start, depth = self.at, 1
        while depth:
            if self.token is END:
                raise NotUnderstood("a subscript that never ends")
            depth += self.is_sign("{") - self.is_sign("}")
            self.at += 1
        return " ".join(token.text for token in self.found[start : self.at - 1])

    # The grammar's parts call each other in a circle; each stands in a module of its own.

    @abstractmethod
    def relation(self) -> Tree: ...

    @abstractmethod
    def items(self, closing: tuple[str, ...]) -> tuple[tuple[Tree, ...], set[str]]: ...

    @abstractmethod
    def listed(self, closing: tuple[str, ...]) -> Tree: ...

    @abstractmethod
    def expression(self, floor: int) -> Tree: ...

    @abstractmethod
    def joined(self, name: str, left: Tree, right: Tree) -> Tree: ...

    @abstractmethod
    def postfix(self, tree: Tree) -> Tree: ...

    @abstractmethod
    def script(self) -> Tree: ...

    @abstractmethod
    def starts_factor(self) -> bool: ...

    @abstractmethod
    def primary(self) -> Tree: ...

    @abstractmethod
    def argument(self) -> Tree: ...

    @abstractmethod
    def function(self, name: str) -> Tree: ...

    @abstractmethod
    def bracket(self, opening: str) -> Tree: ...

    @abstractmethod
    def matrix(self) -> Tree: ...
