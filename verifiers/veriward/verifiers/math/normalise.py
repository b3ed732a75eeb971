"""Strips an answer of everything that carries no meaning: delimiters, emphasis, look-alike signs, a final stop.

Only digits, spaces and mathematical signs are folded, never letters: a Cyrillic А is not the choice A.
"""

import re
import unicodedata

_SUPERSCRIPTS = {ord(sign): f"^{{{digit}}}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
_SUBSCRIPTS = {ord(sign): f"_{{{digit}}}" for digit, sign in enumerate("₀₁₂₃₄₅₆₇₈₉")}
GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi omega "
    "Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega"
)
_GREEK = dict(zip("αβγδεζηθικλμνξρστυφχψωΓΔΘΛΞΣΦΨΩ", GREEK_NAMES.split(), strict=True))
_SIGNS = {
    "−": "-", "–": "-", "‐": "-", "‑": "-", "—": "-", "﹣": "-", "－": "-", "＋": "+", "＝": "=",
    "（": "(", "）": ")", "［": "[", "］": "]", "，": ", ", "、": ", ", "；": ";", "：": ":", "．": ".", "％": "%",
    "×": r"\times ", "⋅": r"\cdot ", "·": r"\cdot ", "•": r"\cdot ", "÷": "/", "∕": "/", "⁄": "/",
    "π": r"\pi ", "√": r"\sqrt ", "∛": r"\sqrt[3]", "∞": r"\infty ", "±": r"\pm ", "∓": r"\mp ",
    "≤": "<=", "⩽": "<=", "≥": ">=", "⩾": ">=", "≠": "!=", "≈": r"\approx ", "≡": r"\equiv ",
    "∪": r"\cup ", "∩": r"\cap ", "∖": r"\setminus ", "∈": r"\in ", "∅": r"\emptyset ", "ø": r"\emptyset ",
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}",
    "′": "'", "’": "'", "‘": "'", "“": '"', "”": '"', "º": "°", "˚": "°", "∠": r"\angle ", "△": r"\triangle ",
    "½": r"\frac{1}{2}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}",
    "…": "...", "⁻": "^-", "‖": r"\|", "⟨": "(", "⟩": ")",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ",
    "\u200b": "", "\u200c": "", "\u200d": "", "\u2060": "", "\ufeff": "",
}  # fmt: skip
_FOLD: dict[int, str] = {
    **_SUPERSCRIPTS,
    **_SUBSCRIPTS,
    **{ord(letter): f"\\{name} " for letter, name in _GREEK.items()},
    **{ord(sign): plain for sign, plain in _SIGNS.items()},
    **{0xFF10 + digit: str(digit) for digit in range(10)},
}
_WRAPPERS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("**", "**"), ("`", "`"), ('"', '"'))
_LAST_STOPS = ".,;:。"
_FIRST_SIGNS = re.compile(r"^(?:=|:|\\approx(?![A-Za-z]))\s*")
_TIME_OF_DAY = re.compile(r"(?<=[\d ~{,])([AaPp])\.\s?[Mm]\b\.?")
_OUTER_SPACING = re.compile(r"^(?:\\[,;:! ])+\s*|\s*(?:\\[,;:! ])+$")
_SPACING = re.compile(r"\\[,;:! ]|\\(?:left|right|quad|qquad|displaystyle)(?![A-Za-z])|[\s~$]+")
# `1 2` is not `12`.
_SPACE_BETWEEN = re.compile(rf"(?<=[^\W_])(?:{_SPACING.pattern})+(?=[^\W_])")
_WORDS = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|operatorname)\s*\{([^{}]*)\}")


def clean(raw: str) -> str:
    """The answer without what only sets it apart from its surroundings; "" if nothing is left. Idempotent."""
    text = raw.strip()
    if not text.isascii():
        text = "".join(" " if unicodedata.category(sign) == "Zs" else sign for sign in text.translate(_FOLD)).strip()
    if "..." in text:
        text = text.replace("...", "\\ldots ").strip()
    if _TIME_OF_DAY.search(text):
        text = _TIME_OF_DAY.sub(r"\1m", text)
    before = None
    while text != before:
        before = text
        text = _OUTER_SPACING.sub("", text)
        while text and text[-1] in _LAST_STOPS:
            text = text[:-1].rstrip()
        text = _FIRST_SIGNS.sub("", text, count=1)
        for opening, closing in _WRAPPERS:
            inner = text[len(opening) : -len(closing)]
            if len(text) > len(opening) and text.startswith(opening) and text.endswith(closing):
                # `\(a\) or \(b\)` keeps its delimiters: only a pair that closes at the end is a wrapper.
                if opening in inner or closing in inner or inner.endswith("\\"):
                    continue
                text = inner.strip()
    return text


def squeeze(text: str) -> str:
    """A clean answer without spacing: two answers that squeeze to the same are written the same."""
    return _SPACING.sub("", _SPACE_BETWEEN.sub("\0", text)) if " " in text or "\\" in text else text


def fold(text: str) -> str:
    """Words for comparison: no case, single spaces, no outer quotes, brackets, emphasis or final stop."""
    words = _WORDS.sub(r" \1 ", text) if "\\" in text else text
    words = _SPACING.sub(" ", words).casefold().strip(" \"'`*.,;:!?")
    if words.startswith("(") and words.endswith(")") and "(" not in words[1:]:
        words = words[1:-1].strip()
    return words
