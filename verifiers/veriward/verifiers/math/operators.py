"""Sums, products written or implied, powers and postfix signs: everything between two operands."""

from veriward.verifiers.math.bounds import MAX_ARGUMENTS, TooLarge
from veriward.verifiers.math.cursor import PRODUCT, SET, SUM, Cursor
from veriward.verifiers.math.names import CONSTANTS, FUNCTIONS, GREEK_WORDS
from veriward.verifiers.math.normalise import fold
from veriward.verifiers.math.tokens import Token
from veriward.verifiers.math.tree import Group, GroupKind, Number, Op, Tree, Unit, negative, reciprocal
from veriward.verifiers.math.units import is_unit_word

INFIX = {"\\cup": SET, "\\cap": SET, "\\setminus": SET, "+": SUM, "-": SUM, "\\pm": SUM, "\\mp": SUM}
INFIX |= {"*": PRODUCT, "/": PRODUCT, ":": PRODUCT}
_SET_KINDS: dict[str, GroupKind] = {"\\cup": "cup", "\\cap": "cap", "\\setminus": "minus"}
_NO_FACTORS = frozenset(["\\pmod", "\\mod", "\\end", "\\rfloor", "\\rceil", "\\over", "\\choose"])

_FIRST_IDEOGRAPH = "\u2e80"  # from here on a letter is a word: `42个`


class Operators(Cursor):
    def expression(self, floor: int) -> Tree:
        self.enter()
        left = self.operand(floor)
        while True:
            sign = self.token.text if self.token.kind in ("sign", "command") else ""
            power = INFIX.get(sign)
            if power is None and self.starts_factor() and not self.is_time_of_day(left):
                sign, power = "", PRODUCT
            if power is None or power < floor:
                break
            self.at += bool(sign)
            left = self.combine(sign, left, self.operand(power + 1) if power == PRODUCT else self.expression(power + 1))
        self.leave()
        return left

    def is_time_of_day(self, tree: Tree) -> bool:
        """Whether `PM` follows `3:30`; elsewhere `pm` is a product."""
        return isinstance(tree, Group) and tree.kind == "ratio" and self.token.text.casefold() in ("am", "pm")

    def combine(self, sign: str, left: Tree, right: Tree) -> Tree:
        if sign in ("+", "-"):
            return self.joined("add", left, right if sign == "+" else negative(right))
        if sign in ("\\pm", "\\mp"):
            return self.joined("add", left, Op("pm" if sign == "\\pm" else "mp", (right,)))
        if sign in ("*", ""):
            return self.joined("mul", left, right)
        if sign == "/":
            return self.joined("mul", left, reciprocal(right))
        kind = "ratio" if sign == ":" else _SET_KINDS[sign]
        items = (*left.items, right) if isinstance(left, Group) and left.kind == kind != "minus" else (left, right)
        if len(items) > MAX_ARGUMENTS:
            raise TooLarge(f"more than {MAX_ARGUMENTS} values")
        return self.node(Group(kind, items))

    def joined(self, name: str, left: Tree, right: Tree) -> Tree:
        args = (*left.args, right) if isinstance(left, Op) and left.name == name else (left, right)
        if len(args) > MAX_ARGUMENTS:
            raise TooLarge(f"more than {MAX_ARGUMENTS} terms or factors")
        return self.node(Op(name, args))

    def operand(self, floor: int) -> Tree:
        signs = 0
        flips = list[str]()
        while self.is_sign("-", "+", "\\pm", "\\mp"):
            signs += self.token.text == "-"
            if self.token.text in ("\\pm", "\\mp"):
                flips.append("pm" if self.token.text == "\\pm" else "mp")
            self.at += 1
        if signs or flips:
            tree = self.expression(max(floor, PRODUCT))
            tree = negative(tree) if signs % 2 else tree
            for flip in flips:
                tree = Op(flip, (tree,))
            return tree
        return self.postfix(self.primary())

    def postfix(self, tree: Tree) -> Tree:
        while True:
            if self.take("^"):
                tree = self.node(Op("pow", (tree, self.exponent())))
            elif self.is_sign("!") and self.peek().text != "=":
                self.at += 1
                tree = self.node(Op("factorial", (tree,)))
            elif self.is_sign("%", "°"):
                tree = self.node(Unit(tree, "%" if self.token.text == "%" else "degree"))
                self.at += 1
            elif self.token.kind == "sign" and self.token.text.startswith("currency") and not isinstance(tree, Unit):
                tree = self.node(Unit(tree, self.token.text.removeprefix("currency")))
                self.at += 1
            elif isinstance(tree, Number) and self.take("_"):
                tree = self.node(Unit(tree, f"base {fold(self.raw_script())}"))
            else:
                return tree

    def exponent(self) -> Tree:
        exponent = self.script()
        if self.take("^"):
            self.enter()
            exponent = self.node(Op("pow", (exponent, self.exponent())))
            self.leave()
        return exponent

    def script(self) -> Tree:
        """What `^` or a bare command argument takes: a group, or one sign and one primary."""
        if self.take("-"):
            return negative(self.formula())
        self.take("+")
        return self.formula()

    def starts_factor(self) -> bool:
        token = self.token
        if token.kind == "number":
            return self.at > 0 and self.found[self.at - 1].kind not in ("number", "repeating")
        if token.kind == "command":
            return token.text not in INFIX and token.text not in _NO_FACTORS
        if token.kind == "sign":
            return token.text in ("(", "{") or (token.text == "|" and not self.bars)
        if token.kind == "word":
            return _is_factor(token, self.product_letters)
        return False


def _is_factor(token: Token, longest: int) -> bool:
    """Whether a word after a value multiplies it: `2xy`, `3 pi`; not `5 cm`, `5 men`."""
    word = token.text.casefold()
    if word in ("and", "or") or word[0] >= _FIRST_IDEOGRAPH or (len(word) > 1 and is_unit_word(word)):
        return False
    return word in FUNCTIONS or word in CONSTANTS or word in GREEK_WORDS or len(word) <= longest - token.spaced
