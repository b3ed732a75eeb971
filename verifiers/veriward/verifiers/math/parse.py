r"""Reads an answer, LaTeX or plain, into a tree. Nothing is evaluated, so nothing that is written here can be dear.

Operator precedence, lowest first: separators (`,` `;` `and` `or`), relations, set operations, sums, products (written
or implied), powers, postfix signs. What is not known (`\oint`, an invented command) becomes a symbol, equal to itself.
Not read: chained implications, piecewise prose. They raise `NotUnderstood`.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import cast

from veriward.verifiers.math.bounds import (
    MAX_ARGUMENTS,
    MAX_MATRIX_CELLS,
    MAX_NESTING,
    MAX_NODES,
    MAX_SYMBOLS,
    NotUnderstood,
    TooLarge,
)
from veriward.verifiers.math.normalise import fold
from veriward.verifiers.math.tokens import END, FUNCTION_WORDS, Token, tokens
from veriward.verifiers.math.tree import (
    HALF,
    Constant,
    Group,
    GroupKind,
    Matrix,
    Number,
    Op,
    Relation,
    Symbol,
    Text,
    Tree,
    Unit,
    children,
    negative,
    number,
    reciprocal,
    symbols,
)
from veriward.verifiers.math.units import SCALES, is_sentence_word, is_unit_word, unit_name

_RELATIONS = frozenset(["=", "<", ">", "<=", ">=", "!=", "≈", "≡", "∈"])
_SET, _SUM, _PRODUCT = 1, 2, 3
_INFIX = {"\\cup": _SET, "\\cap": _SET, "\\setminus": _SET, "+": _SUM, "-": _SUM, "\\pm": _SUM, "\\mp": _SUM}
_INFIX |= {"*": _PRODUCT, "/": _PRODUCT, ":": _PRODUCT}
_SET_KINDS: dict[str, GroupKind] = {"\\cup": "cup", "\\cap": "cap", "\\setminus": "minus"}
_FUNCTIONS = {f"\\{word}": word for word in FUNCTION_WORDS} | {word: word for word in FUNCTION_WORDS}
_INVERSE = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
_MANY_ARGUMENTS = frozenset(["gcd", "lcm", "max", "min"])
_CONSTANTS = {"\\pi": "pi", "pi": "pi", "e": "e", "i": "i", "\\infty": "oo", "infinity": "oo", "inf": "oo", "oo": "oo"}
_CONSTANTS |= {f"\\mathbb{{{letter}}}": letter for letter in "RZNQC"} | {"\\imath": "i", "\\infin": "oo"}
_GREEK_WORDS = frozenset(["alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda", "mu", "phi", "psi", "omega", "sigma", "rho", "tau"])
_BIG = frozenset(
    ["\\int", "\\iint", "\\iiint", "\\oint", "\\sum", "\\prod", "\\lim", "\\bigcup", "\\bigcap", "\\coprod"]
)
_APPLIED = frozenset("fghFGHP")  # `f(2)` applies f; `x(2)` is a product
_CLOSES = {"(": (")", "]"), "[": ("]", ")"), "\\{": ("\\}",), "{": ("}",)}
_MATRICES = frozenset(
    ["matrix", "pmatrix", "bmatrix", "vmatrix", "Vmatrix", "Bmatrix", "smallmatrix", "array", "cases"]
)


def parse(text: str, *, comma_joins: bool = True) -> Tree:
    """The tree of a clean answer. Raises `NotUnderstood`, `TooLarge`."""
    return parse_tokens(tokens(text, comma_joins=comma_joins))


def parse_tokens(found: list[Token]) -> Tree:
    tree = _Parser(found).answer()
    _check(tree)
    return tree


@dataclass
class _Parser:
    found: list[Token]
    at: int = 0
    depth: int = 0
    bars: int = 0
    nodes: int = 0

    # Tokens

    @property
    def token(self) -> Token:
        return self.found[self.at] if self.at < len(self.found) else END

    def peek(self, ahead: int = 1) -> Token:
        return self.found[self.at + ahead] if self.at + ahead < len(self.found) else END

    def is_sign(self, *signs: str) -> bool:
        token = self.token
        return token.kind in ("sign", "command") and token.text in signs

    def take(self, *signs: str) -> bool:
        if self.is_sign(*signs):
            self.at += 1
            return True
        return False

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

    # Lists and relations

    def answer(self) -> Tree:
        tree = self.listed(())
        if self.token is not END:
            raise NotUnderstood(f"unexpected {self.token.text!r}")
        return tree

    def listed(self, closing: tuple[str, ...]) -> Tree:
        items, kinds = self.items(closing)
        return items[0] if len(items) == 1 else self.node(Group(_list_kind(kinds), items))

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
        if run and not _is_notation(run):
            ends = self.token is END or self.is_sign(",", ";", *closing) or self.token.kind in ("text", "word")
            words = fold(" ".join(token.text for token in run))
            if ends:
                return self.node(Text(words))
            if self.take("=", ":"):
                return self.node(Relation(("=",), (Symbol(words), self.relation())))
        self.at = start
        return self.units(self.relation(), closing)

    def relation(self) -> Tree:
        sides, signs = [self.expression(_SET)], list[str]()
        while self.token.kind == "sign" and self.token.text in _RELATIONS:
            signs.append(self.token.text)
            self.at += 1
            sides.append(self.expression(_SET))
        return sides[0] if not signs else self.node(Relation(tuple(signs), tuple(sides)))

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
            elif words and (token.text in ("^", "/", "*", "{", "}", "(", ")") or token.text in ("2", "3")):
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

    # Expressions

    def expression(self, floor: int) -> Tree:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise TooLarge(f"nested deeper than {MAX_NESTING}")
        left = self.operand(floor)
        while True:
            sign = self.token.text if self.token.kind in ("sign", "command") else ""
            power = _INFIX.get(sign)
            if power is None and self.starts_factor():
                sign, power = "", _PRODUCT
            if power is None or power < floor:
                break
            self.at += bool(sign)
            left = self.combine(
                sign, left, self.operand(power + 1) if power == _PRODUCT else self.expression(power + 1)
            )
        self.depth -= 1
        return left

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
        return self.node(Group(cast("GroupKind", kind), items))

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
            tree = self.expression(max(floor, _PRODUCT))
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
            elif isinstance(tree, Number) and self.take("_"):
                tree = self.node(Unit(tree, f"base {fold(self.raw_script())}"))
            else:
                return tree

    def exponent(self) -> Tree:
        exponent = self.script()
        if self.take("^"):
            self.depth += 1
            if self.depth > MAX_NESTING:
                raise TooLarge(f"nested deeper than {MAX_NESTING}")
            exponent = self.node(Op("pow", (exponent, self.exponent())))
            self.depth -= 1
        return exponent

    def script(self) -> Tree:
        """What `^` or a bare command argument takes: a group, or one sign and one primary."""
        if self.take("-"):
            return negative(self.primary())
        self.take("+")
        return self.primary()

    def raw_script(self) -> str:
        """A subscript as it is written: it only names."""
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

    def starts_factor(self) -> bool:
        token = self.token
        if token.kind == "number":
            return self.at > 0 and self.found[self.at - 1].kind not in ("number", "repeating")
        if token.kind == "command":
            return token.text not in _INFIX and token.text not in (
                "\\pmod", "\\mod", "\\end", "\\rfloor", "\\rceil", "\\quad", "&",
            )  # fmt: skip
        if token.kind == "sign":
            return token.text in ("(", "{") or (token.text == "|" and not self.bars)
        if token.kind == "word":
            return _is_factor(token)
        return False

    def primary(self) -> Tree:
        token = self.token
        self.at += 1
        if token.kind == "number":
            return self.numeral(token.text)
        if token.kind == "repeating":
            return self.node(Number(_repeating(token.text)))
        if token.kind == "word":
            return self.word(token)
        if token.kind == "text" and len(token.text) <= 3:
            return self.symbol(token.text.strip("()"))
        if token.kind == "command":
            return self.command(token.text)
        if token.kind == "sign":
            return self.bracket(token.text)
        raise NotUnderstood(f"expected a value, found {token.text or 'the end'!r}")

    def numeral(self, text: str) -> Tree:
        places = len(text.partition(".")[2]) if "." in text or "e" in text.lower() else None
        value = self.node(Number(Fraction(text), places))
        if (places is None and self.is_sign("\\frac")) or (places is None and self.token.kind == "number"):
            start = self.at
            part = self.proper_fraction()
            if part is not None:
                return self.node(Number(Fraction(text) + part))
            self.at = start
        return value

    def proper_fraction(self) -> Fraction | None:
        """What follows the whole of a mixed number: `\\frac{1}{2}`, `\\frac12` or ` 1/2`."""
        if self.take("\\frac"):
            try:
                upper, lower = self.argument(), self.argument()
            except NotUnderstood:
                return None
        else:
            upper = Number(Fraction(self.token.text)) if self.token.spaced else HALF
            if not (self.peek().text == "/" and self.peek(2).kind == "number"):
                return None
            lower = Number(Fraction(self.peek(2).text))
            self.at += 3
        if not (isinstance(upper, Number) and isinstance(lower, Number)):
            return None
        whole = upper.value.denominator == lower.value.denominator == 1
        return upper.value / lower.value if whole and 0 < upper.value < lower.value else None

    def word(self, token: Token) -> Tree:
        text = token.text
        lower = text.casefold() if len(text) > 1 else text
        if lower in _FUNCTIONS:
            return self.function(_FUNCTIONS[lower])
        if lower in _CONSTANTS:
            return self.node(Constant(_CONSTANTS[lower]))
        if lower in _GREEK_WORDS:
            return self.symbol(f"\\{lower}")
        if len(text) == 1:
            return self.symbol(text)
        if len(text) > 3 or is_sentence_word(lower):
            raise NotUnderstood(f"a word: {text!r}")
        # `ab` is a product; what binds tighter binds to its last letter.
        self.at -= 1
        self.found[self.at : self.at + 1] = [Token("word", letter) for letter in text]
        self.at += 1
        return self.word(self.found[self.at - 1])

    def symbol(self, name: str) -> Tree:
        if self.take("_"):
            name = f"{name}_{self.raw_script()}"
        while self.take("'"):
            name += "'"
        symbol = self.node(Symbol(name))
        if name[0] in _APPLIED and self.is_sign("(") and not self.token.spaced:
            self.at += 1
            return self.node(Op("apply", (symbol, self.bracket("("))))
        return symbol

    def command(self, name: str) -> Tree:
        if name == "\\frac":
            upper = self.argument()
            return self.node(Op("mul", (upper, reciprocal(self.argument()))))
        if name == "\\binom":
            return self.node(Op("binomial", (self.argument(), self.argument())))
        if name in _FUNCTIONS:
            return self.function(_FUNCTIONS[name])
        if name in _CONSTANTS:
            return self.node(Constant(_CONSTANTS[name]))
        if name == "\\emptyset":
            return self.node(Group("{}", ()))
        if name == "\\begin":
            return self.matrix()
        if name in ("\\lfloor", "\\lceil"):
            inside = self.expression(_SUM)
            self.expect("\\rfloor" if name == "\\lfloor" else "\\rceil")
            return self.node(Op("floor" if name == "\\lfloor" else "ceil", (inside,)))
        if name in _BIG:
            return self.verbatim(name)
        if name in (
            "\\overline",
            "\\widehat",
            "\\overrightarrow",
            "\\hat",
            "\\bar",
            "\\tilde",
            "\\angle",
            "\\triangle",
        ):
            return self.node(Symbol(f"{name} {self.raw_script()}"))
        if name in _INFIX or name in ("\\end", "\\implies", "\\Rightarrow", "\\to", "\\boxed", "\\fbox", "\\\\"):
            raise NotUnderstood(f"unexpected {name}")
        return self.symbol(name)

    def argument(self) -> Tree:
        """`{…}`, or the one digit or letter that TeX would take: `\\frac12`."""
        token = self.token
        if token.kind in ("number", "word") and len(token.text) > 1 and token.text.isalnum():
            self.found[self.at : self.at + 1] = [Token(token.kind, token.text[0]), Token(token.kind, token.text[1:])]
            if token.kind == "number":
                self.at += 1
                return self.node(number(int(token.text[0])))
        if token.kind == "number":
            self.at += 1
            return self.node(Number(Fraction(token.text), len(token.text.partition(".")[2]) or None))
        return self.primary()

    def function(self, name: str) -> Tree:
        name = _INVERSE.get(name, name)
        if name in ("sqrt", "cbrt"):
            return self.root(3 if name == "cbrt" else 2)
        power: Tree | None = None
        base: Tree | None = None
        while self.is_sign("^", "_"):
            if self.take("^"):
                power = self.script()
            elif self.take("_"):
                base = self.script()
        args = self.function_arguments(name)
        if power == number(-1) and name in ("sin", "cos", "tan", "sinh", "cosh", "tanh"):
            name, power = f"arc{name}", None
        if name == "exp":
            tree: Tree = Op("pow", (Constant("e"), *args))
        elif name in ("log", "lg", "ln") and base is not None:
            tree = Op("mul", (Op("ln", args), reciprocal(Op("ln", (base,)))))
        elif base is not None:
            raise NotUnderstood(f"a subscript on {name}")
        else:
            tree = Op("lg" if name == "lg" else name, args)
        tree = self.node(tree)
        return tree if power is None else self.node(Op("pow", (tree, power)))

    def function_arguments(self, name: str) -> tuple[Tree, ...]:
        if self.is_sign("(", "{", "[", "\\{"):
            argument = self.bracket(self.expect("(", "{", "[", "\\{"))
            many = isinstance(argument, Group) and name in _MANY_ARGUMENTS
            args = children(argument) if many else (argument,)
            if len(args) != 1 and not many:
                raise NotUnderstood(f"{name} of several values")
            return args
        if name in _MANY_ARGUMENTS:
            raise NotUnderstood(f"{name} without brackets")
        if self.is_sign("-"):
            self.at += 1
            return (negative(self.function_arguments(name)[0]),)
        argument = self.postfix(self.primary())
        while self.starts_factor() and not self.is_sign("(", "|") and self.token.text not in _FUNCTIONS:
            argument = self.joined("mul", argument, self.postfix(self.primary()))
        return (argument,)

    def root(self, index: int) -> Tree:
        degree: Tree = number(index)
        if self.take("["):
            degree = self.expression(_SUM)
            self.expect("]")
        if self.take("("):
            radicand = self.expression(_SUM)
            self.expect(")")
        else:
            radicand = self.argument() if not self.is_sign("-") else self.script()
        return self.node(Op("pow", (radicand, HALF if degree == number(2) else reciprocal(degree))))

    def bracket(self, opening: str) -> Tree:
        if opening in ("|", "‖"):
            return self.absolute(opening)
        if opening.startswith("currency"):
            return self.node(Unit(self.expression(_PRODUCT), opening.removeprefix("currency")))
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
            kind = _list_kind(kinds)
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
        inside = self.expression(_SUM)
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

    def verbatim(self, name: str) -> Tree:
        """A sum, integral or limit is never evaluated: the rest of its item is a name."""
        words, depth = [name], 0
        while (token := self.token) is not END and not (
            depth == 0 and token.text in (",", ";", "=", ")", "]", "\\}", "}")
        ):
            depth += (token.text in ("(", "[", "{", "\\{")) - (token.text in (")", "]", "}", "\\}"))
            words.append(token.text)
            self.at += 1
        return self.node(Symbol(" ".join(words)))


def _list_kind(kinds: set[str]) -> GroupKind:
    return "or" if "or" in kinds else "and" if "and" in kinds else "list"


def _with_unit(tree: Tree, unit: str) -> Tree:
    if isinstance(tree, Relation):  # `x = 5 cm`: the unit is the last side's
        return Relation(tree.signs, (*tree.sides[:-1], Unit(tree.sides[-1], unit)))
    return Unit(tree, unit)


def _is_notation(run: list[Token]) -> bool:
    """Whether words may be mathematics: functions, constants, letters, short products."""
    return all(
        token.text.casefold() in _FUNCTIONS
        or token.text in _CONSTANTS
        or token.text.casefold() in _GREEK_WORDS
        or (token.kind == "word" and len(token.text) <= 2)
        or len(token.text) == 1
        for token in run
    )


def _is_factor(token: Token) -> bool:
    """Whether a word after a value multiplies it: `2xy`, `3 pi`; not `5 cm`, `5 men`."""
    word = token.text.casefold()
    if word in ("and", "or") or (len(word) > 1 and is_unit_word(word)):
        return False
    return word in _FUNCTIONS or word in _CONSTANTS or word in _GREEK_WORDS or len(word) <= (2 if token.spaced else 3)


def _repeating(text: str) -> Fraction:
    """`0.1\\overline{6}` is 1/6."""
    whole, _, rest = text.partition(".")
    fixed = rest[: next(at for at, sign in enumerate(rest) if not sign.isdigit())]
    cycle = "".join(sign for sign in rest[len(fixed) :] if sign.isdigit())
    shown = Fraction(int(whole + fixed or "0"), 10 ** len(fixed))
    return shown + Fraction(int(cycle), (10 ** len(cycle) - 1) * 10 ** len(fixed))


def _check(tree: Tree) -> None:
    if len(symbols(tree)) > MAX_SYMBOLS:
        raise TooLarge(f"more than {MAX_SYMBOLS} symbols")
