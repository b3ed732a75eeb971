"""What an operator stands beside: numbers, letters, words, commands."""

import re
from fractions import Fraction

from veriward.verifiers.math.bounds import NotUnderstood
from veriward.verifiers.math.cursor import SUM, Cursor
from veriward.verifiers.math.names import CONSTANTS, FUNCTIONS, GREEK_WORDS
from veriward.verifiers.math.operators import INFIX
from veriward.verifiers.math.tokens import END, Token
from veriward.verifiers.math.tree import Constant, Group, Number, Op, Symbol, Tree, number, reciprocal
from veriward.verifiers.math.units import is_sentence_word

_APPLIED = frozenset("fghFGHP")  # `f(2)` applies f; `x(2)` is a product
_BIG = frozenset(
    ["\\int", "\\iint", "\\iiint", "\\oint", "\\sum", "\\prod", "\\coprod", "\\lim", "\\bigcup", "\\bigcap"]
)
_NAMING = frozenset(
    ["\\overline", "\\widehat", "\\overrightarrow", "\\hat", "\\bar", "\\tilde", "\\angle", "\\triangle"]
)
_MEANINGLESS = frozenset(["\\end", "\\implies", "\\Rightarrow", "\\to", "\\boxed", "\\fbox", "\\\\"])

_BRACED_TOKEN = re.compile(r"{ (\S+) }")  # `^{n}` is `^n`


class Primaries(Cursor):
    def primary(self) -> Tree:
        token = self.token
        if token is END:
            raise NotUnderstood("expected a value, found the end")
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
        raise NotUnderstood(f"expected a value, found {token.text!r}")

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
            if not (self.token.spaced and self.peek().text == "/" and self.peek(2).kind == "number"):
                return None
            upper, lower = (Number(Fraction(token.text)) for token in (self.token, self.peek(2)))
            self.at += 3
        if not (isinstance(upper, Number) and isinstance(lower, Number)):
            return None
        whole = upper.value.denominator == lower.value.denominator == 1
        return upper.value / lower.value if whole and 0 < upper.value < lower.value else None

    def word(self, token: Token) -> Tree:
        text = token.text
        lower = text.casefold() if len(text) > 1 else text
        if lower in FUNCTIONS:
            return self.function(FUNCTIONS[lower])
        if lower in CONSTANTS:
            return self.node(Constant(CONSTANTS[lower]))
        if lower in GREEK_WORDS:
            return self.symbol(f"\\{lower}")
        if len(text) == 1:
            return self.symbol(text)
        if len(text) > self.product_letters or is_sentence_word(lower):
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
        if name in ("\\frac", "\\binom"):
            self.enter(0.5)
            upper, lower = self.argument(), self.argument()
            self.leave(0.5)
            return self.node(
                Op("mul", (upper, reciprocal(lower))) if name == "\\frac" else Op("binomial", (upper, lower))
            )
        if name in FUNCTIONS:
            return self.function(FUNCTIONS[name])
        if name in CONSTANTS:
            return self.node(Constant(CONSTANTS[name]))
        if name == "\\emptyset":
            return self.node(Group("{}", ()))
        if name == "\\begin":
            return self.matrix()
        if name in ("\\lfloor", "\\lceil"):
            inside = self.expression(SUM)
            self.expect("\\rfloor" if name == "\\lfloor" else "\\rceil")
            return self.node(Op("floor" if name == "\\lfloor" else "ceil", (inside,)))
        if name in _BIG:
            return self.verbatim(name)
        if name in _NAMING:
            return self.node(Symbol(f"{name} {self.raw_script()}"))
        if name in INFIX or name in _MEANINGLESS:
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
        return self.formula()

    def verbatim(self, name: str) -> Tree:
        """A sum, integral or limit is never evaluated: the rest of its item is a name."""
        words, depth = [name], 0
        while (token := self.token) is not END and not (
            depth == 0 and token.text in (",", ";", "=", ")", "]", "\\}", "}")
        ):
            depth += (token.text in ("(", "[", "{", "\\{")) - (token.text in (")", "]", "}", "\\}"))
            words.append(token.text)
            self.at += 1
        return self.node(Symbol(_BRACED_TOKEN.sub(r"\1", " ".join(words))))


def _repeating(text: str) -> Fraction:
    """`0.1\\overline{6}` is 1/6."""
    whole, _, rest = text.partition(".")
    fixed = rest[: next(at for at, sign in enumerate(rest) if not sign.isdigit())]
    cycle = "".join(sign for sign in rest[len(fixed) :] if sign.isdigit())
    shown = Fraction(int(whole + fixed or "0"), 10 ** len(fixed))
    return shown + Fraction(int(cycle), (10 ** len(cycle) - 1) * 10 ** len(fixed))
