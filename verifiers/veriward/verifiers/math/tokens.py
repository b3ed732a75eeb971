"""Cuts a clean answer into tokens, LaTeX or plain, and applies the bounds that need no grammar."""

import re
from typing import Literal, NamedTuple

from veriward.verifiers.math.bounds import (
    MAX_CANDIDATE_CHARS,
    MAX_COMMANDS,
    MAX_DIGIT_RUN,
    MAX_DIGITS,
    MAX_OPERATORS,
    TooLarge,
)

Kind = Literal["number", "repeating", "word", "text", "command", "sign", "end"]


class Token(NamedTuple):
    """`text` is canonical: `\\dfrac` and `\\frac` are one. `spaced`: something separates it from the one before."""

    kind: Kind
    text: str
    spaced: bool = False


END = Token("end", "")

# Number forms in order: thousands; repeating decimals; decimals with an exponent; `2{,}5`.
_TOKEN = re.compile(
    r"""
      (?P<skip>(?:\s|~|\\[,;:!>\ ]|
          \\(?:left|right|middle|big|Big|bigg|Bigg|bigl|bigr|Bigl|Bigr|biggl|biggr|quad|qquad|displaystyle|textstyle
             |limits|nolimits|hfill|thinspace|rm|bf|it|hspace\{[^{}]{0,20}\})(?![A-Za-z])\.?)+)
    | (?P<thousands>\d{1,3}(?:(?:,\\!|,|\{,\}|\\[,;:!\ ]|[\ ~])\d{3})+(?!\d)(?:\.\d+)?)
    | (?P<repeating>\d*\.\d*(?:\\(?:overline|bar|dot)\s?(?:\{\d+\}|\d)|\(\d+\)))
    | (?P<number>\d+\{,\}\d+|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,4}(?![\w.]))?)
    | (?P<degree>\^\s?(?:\\circ|\{\s?\\circ\s?\})(?![A-Za-z])|\\degree(?![A-Za-z])|°)
    | (?P<style>\\(?:text|textbf|textit|textrm|textnormal|mbox|emph|mathrm|mathbf|mathit|mathsf|mathbb|mathcal
          |boldsymbol|operatorname|vec|bm|underline)\*?(?![A-Za-z])\s*(?:\{(?P<styled>[^{}\\]*)\})?)
    | (?P<command>\\(?:[A-Za-z]+|.))
    | (?P<word>[^\W\d_]+)
    | (?P<sign><=|>=|!=|\*\*|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_SAME = {
    **dict.fromkeys(("\\cdot", "\\times", "\\ast", "\\bullet"), "*"),
    **dict.fromkeys(("\\dfrac", "\\tfrac", "\\cfrac", "\\sfrac", "\\nicefrac"), "\\frac"),
    **dict.fromkeys(("\\le", "\\leq", "\\leqslant", "\\leqq"), "<="),
    **dict.fromkeys(("\\ge", "\\geq", "\\geqslant", "\\geqq"), ">="),
    **dict.fromkeys(("\\ne", "\\neq"), "!="),
    **dict.fromkeys(("\\approx", "\\simeq", "\\doteq"), "≈"),
    **dict.fromkeys(("\\mid", "\\vert", "\\lvert", "\\rvert", "\\divides"), "|"),
    **dict.fromkeys(("\\|", "\\Vert", "\\lVert", "\\rVert"), "‖"),
    **dict.fromkeys(("\\emptyset", "\\varnothing"), "\\emptyset"),
    **dict.fromkeys(("\\setminus", "\\backslash", "\\smallsetminus"), "\\setminus"),
    "\\lt": "<",
    "\\gt": ">",
    "\\div": "/",
    "**": "^",
    "\\colon": ":",
    "\\equiv": "≡",
    "\\in": "∈",
    "\\lbrace": "\\{",
    "\\rbrace": "\\}",
    "\\lbrack": "[",
    "\\rbrack": "]",
    "\\%": "%",
    "\\dbinom": "\\binom",
    "\\tbinom": "\\binom",
    "\\langle": "(",
    "\\rangle": ")",
    "\\varphi": "\\phi",
    "\\varepsilon": "\\epsilon",
    "\\R": "\\mathbb{R}",
    "\\Z": "\\mathbb{Z}",
    "\\N": "\\mathbb{N}",
    "\\Q": "\\mathbb{Q}",
    "\\prime": "'",
}
_CURRENCIES = {"\\$": "$", "€": "€", "£": "£", "¥": "¥", "₹": "₹", "\\pounds": "£", "\\euro": "€"}
_SIGN_COMMANDS = frozenset("*/<>|‖^:≡∈'%≈[]()") | {"<=", ">=", "!=", "\\{", "\\}", "\\\\"}
_WORD_COMMANDS = {"\\land": "and", "\\wedge": "and", "\\lor": "or", "\\vee": "or"}
_MATH_STYLES = ("\\math", "\\oper", "\\bold", "\\vec", "\\bm")
_ROMAN_SYMBOLS = frozenset("eidCP")  # upright by custom; any other upright letter may be a unit
_STYLED_WORDS = re.compile(r"\s*\(?[^\W\d_][^\d=<>+*_{}$|\\,]*(?:\^?[23])?\s*")
_PLAIN_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_DIGITS = re.compile(r"\d+")
_FUNCTION_WORDS = (
    "sin cos tan cot sec csc arcsin arccos arctan arccot asin acos atan sinh cosh tanh coth arcsinh arccosh arctanh "
    "ln log lg exp sqrt abs floor ceil gcd lcm max min cbrt"
)
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())


def tokens(text: str, *, comma_joins: bool = True) -> list[Token]:
    """The tokens of a clean answer, without an end mark. `comma_joins`: `1,234` outside brackets is one number.

    Raises `TooLarge`.
    """
    _check_size(text)
    found: list[Token] = []
    brackets = commands = operators = 0
    currency = text.count("$") - text.count("\\$")
    at, spaced = 0, False
    while at < len(text):
        match = _TOKEN.match(text, at)
        assert match is not None  # the last form takes any character
        kind, at = match.lastgroup or "sign", match.end()
        word = match[0]
        if kind == "skip":
            spaced = True
            continue
        if kind == "thousands":
            if (brackets or not comma_joins) and _PLAIN_THOUSANDS.fullmatch(word):
                at = match.start() + word.index(",")
                word = text[match.start() : at]
            word = re.sub(r"[^\d.]", "", word)
            found.append(Token("number", word, spaced))
        elif kind == "number":
            found.append(Token("number", word.replace("{,}", "."), spaced))
        elif kind == "repeating":
            found.append(Token("repeating", word, spaced))
        elif kind == "degree":
            found.append(Token("sign", "°", spaced))
        elif kind == "style":
            if match["styled"] is None:
                spaced = True
                continue
            at = _styled(match, found, spaced)
            commands += 1
        elif kind == "word":
            found.append(Token("word", word, spaced))
        else:
            token = _sign(_SAME.get(word, word), odd_dollars=currency % 2 == 1)
            if token is None:
                spaced = True
                continue
            found.append(Token(token.kind, token.text, spaced))
            commands += kind == "command"
            operators += kind == "sign"
            brackets += (token.text in "([" or token.text == "\\{") - (token.text in ")]" or token.text == "\\}")
        spaced = False
        if commands > MAX_COMMANDS or operators > MAX_OPERATORS:
            raise TooLarge("more commands or operators than the bounds allow")
    return found


def _sign(word: str, *, odd_dollars: bool) -> Token | None:
    if word in _CURRENCIES or (word == "$" and odd_dollars):
        return Token("sign", "currency" + _CURRENCIES.get(word, "$"))
    if word == "$":
        return None
    if word in _WORD_COMMANDS:
        return Token("text", _WORD_COMMANDS[word])
    if word.startswith("\\") and word not in _SIGN_COMMANDS:
        return Token("command", word)
    return Token("sign", word)


def _styled(match: re.Match[str], found: list[Token], spaced: bool) -> int:
    r"""`\text{cm}` is a word; `\text{x = 5}` is what it holds. Returns where to read on."""
    content = match["styled"].strip(" ~\n")
    symbol = (
        len(content) == 1
        and content.isalpha()
        and match[0].startswith(_MATH_STYLES)
        and not match[0].startswith("\\mathrm")
    )
    if match[0].startswith("\\mathbb"):
        found.append(Token("command", f"\\mathbb{{{content}}}", spaced))
    elif symbol or content in FUNCTION_WORDS or content in _ROMAN_SYMBOLS:
        found.append(Token("word", content, True))
    elif _STYLED_WORDS.fullmatch(content):
        found.append(Token("text", content, True))
    elif any(map(str.isalnum, content)):
        return match.start("styled") - 1
    return match.end()


def _check_size(text: str) -> None:
    if len(text) > MAX_CANDIDATE_CHARS:
        raise TooLarge(f"longer than {MAX_CANDIDATE_CHARS} characters")
    if len(text) > MAX_DIGIT_RUN:
        runs = [len(run) for run in _DIGITS.findall(text)]
        if runs and (max(runs) > MAX_DIGIT_RUN or sum(runs) > MAX_DIGITS):
            raise TooLarge("more digits than the bounds allow")


def unbalanced(text: str) -> bool:
    """Whether braces don't match, or the text ends in a lone backslash."""
    depth = 0
    for brace in re.finditer(r"\\.|[{}]|\\$", text, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth < 0 or brace[0] == "\\":
            return True
    return depth != 0
