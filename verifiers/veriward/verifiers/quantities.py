r"""Reads one written quantity: sign, currency, digits, scale, percent sign and unit, exactly and within bounds.

`$1.5 million`, `(1,234)` (accounting's minus), `−3.2 %`, `1.234,5`, `1.5 \times 10^{6}`, `3/4`, `12 km`. A text that
holds anything else (another number, "not", "or") is no quantity. Values are fractions: no digit is ever lost.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from veriward.verifiers.classes import json_value
from veriward.verifiers.final import head_of, unwrapped
from veriward.verifiers.math.units import unit_name

MAX_QUANTITY_CHARS = 200
MAX_NUMBER_CHARS = 100
MAX_EXPONENT = 400
MAX_SCALE_DIGITS = 15

_FOLDED: dict[int, str] = {
    **{0xFF10 + digit: str(digit) for digit in range(10)},
    **{0x660 + digit: str(digit) for digit in range(10)},
}
_SIGNS = _FOLDED | str.maketrans(
    {
        "−": "-", "–": "-", "－": "-", "％": "%", "，": ",", "．": ".", "（": "(", "）": ")", "×": "*", "⋅": "*",
        "·": "*", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "’": "'", "＄": "$", "￥": "¥", "{": "", "}": "",
    }
)  # fmt: skip
_LATEX = re.compile(r"\\(times|cdot|approx|sim|%|\$|,)")
_LATEX_SIGNS = {"times": "*", "cdot": "*", "approx": "~", "sim": "~", "%": "%", "$": "$", ",": ""}
_PREFIX = re.compile(
    r"(?:approximately|approx\.?|about|around|roughly|circa|ca\.|~|≈|=|:|(?:in\s+)?(?:the\s+)?year\b|in(?=\s+\d{4}\b))\s*",
    re.IGNORECASE,
)
_MINUS_WORD = re.compile(r"(?:minus|negative)\s+(?=[$€£¥]?\s?[\d.])", re.IGNORECASE)
_DECADE = re.compile(r"\d{3}0['’]?s\b")
_ACCOUNTING = re.compile(r"([^\w()+-]{0,3}|[A-Z]{2,3}\s?\$?)\s*\(\s*([^()+-]*[0-9][^()+-]*)\)(.*)")
_QUANTITY = re.compile(
    r"""
    (?P<sign>[-+])?\s*
    (?P<currency>[A-Z]{1,2}\$|[$€£¥₹₩]|(?:USD|EUR|GBP|JPY|CNY|RMB|INR|CAD|AUD|CHF|Rs\.?)(?=[\s\d]))?\s*
    (?P<inner_sign>[-+])?\s*
    (?P<number>[0-9](?:[0-9.,' ]*[0-9])?|\.[0-9]+)\.?
    (?:\s*/\s*(?P<below>[0-9]+)(?![\d.,]*[\d]))?
    (?:[eE](?P<e>[-+]?[0-9]{1,3})(?!\w)|\s*[*xX]\s*10\s*(?:\^|\*\*)\s*(?P<power>[-+]?[0-9]{1,3}))?
    (?P<rest>.*)
    """,
    re.VERBOSE,
)
# The ways to write digits, and what in them is no digit: thousands marks to drop, a decimal comma.
_FORMS = (
    (re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"), "", ""),
    (re.compile(r"[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3}(?:\.[0-9]+)?"), ",", ""),
    (re.compile(r"[0-9]{1,3}(?: [0-9]{3})+(?:\.[0-9]+)?"), " ", ""),
    (re.compile(r"[0-9]{1,3}(?:'[0-9]{3})+(?:\.[0-9]+)?"), "'", ""),
    (re.compile(r"[0-9]{1,3}(?: [0-9]{3})+,[0-9]+"), " ", ","),
    (re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+"), ".", ","),
    (re.compile(r"[0-9]{1,3}(?:\.[0-9]{3}){2,}"), ".", ""),
    (re.compile(r"[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})"), "", ","),
)
_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_NUMBER_WORDS = {word: str(value) for value, word in enumerate(_WORDS.split())}
_NUMBER_WORD = re.compile(rf"(?:{'|'.join(sorted(_NUMBER_WORDS, key=len, reverse=True))})\b", re.IGNORECASE)
_SCALES = {
    "hundred": 2, "thousand": 3, "thousands": 3, "k": 3, "million": 6, "millions": 6, "mn": 6, "mm": 6, "mln": 6,
    "billion": 9, "billions": 9, "bn": 9, "bln": 9, "trillion": 12, "trillions": 12, "tn": 12, "lakh": 5, "crore": 7,
    "万": 4, "億": 8, "亿": 8,
}  # fmt: skip
_SUFFIXES = {
    "k": 3,
    "K": 3,
    "M": 6,
    "MM": 6,
    "mn": 6,
    "B": 9,
    "bn": 9,
    "Bn": 9,
    "T": 12,
    "tn": 12,
    "万": 4,
    "億": 8,
    "亿": 8,
}
_MONEY_SUFFIXES = {"m": 6, "b": 9, "t": 12, "mm": 6}
_SUFFIX = re.compile(r"([A-Za-z]{1,2}|[万億亿])(?![^\W\d_])")
_PERCENT = frozenset(("%", "percent", "percentage", "pct"))
_CURRENCIES = {
    "$": "$", "us$": "$", "usd": "$", "dollar": "$", "dollars": "$", "€": "€", "eur": "€", "euro": "€", "euros": "€",
    "£": "£", "gbp": "£", "pounds": "£", "¥": "¥", "jpy": "¥", "yen": "¥", "cny": "cn¥", "rmb": "cn¥", "yuan": "cn¥",
    "₹": "₹", "inr": "₹", "rs": "₹", "rs.": "₹", "rupees": "₹", "₩": "₩", "won": "₩",
}  # fmt: skip
_TOKEN = re.compile(r"%|[^\s%]+")
_NO_UNIT = re.compile(r"[\d?=<>±+|\\]")
_ANY_NUMBER = re.compile(r"[-−+]?[$€£¥]?[0-9][0-9.,]*")
_BOUNDS_OR_DOUBTS = re.compile(
    r"\b(?:not|no|nor|or|neither|either|between|maybe|perhaps|than|under|over|above|below|least|most|up\s+to|within|if)\b"
    r"|n['’]t\b|[<>±≤≥]",
    re.IGNORECASE,
)
_LEAD = re.compile(r"[^\d]{1,80}?(?:\b(?:is|was|are|of|equals)\b|[:=≈~])\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quantity:
    """`value` has its sign and scale; a percent sign is only noted. `step`: one unit of the last digit shown, scaled.

    `decimals`: digits after the point. `currency` and `unit` are "" where none is written.
    """

    value: Fraction
    step: Fraction
    decimals: int
    percent: bool = False
    currency: str = ""
    unit: str = ""
    scaled: bool = False


def quantity_in(answer: str) -> Quantity | None:
    """The one quantity that a short answer gives: alone, after "… is" or "… =", as JSON, or before its explanation."""
    answer = json_value(answer)
    for text in (answer, head_of(answer)):
        if text:
            found = read(text) or read(_LEAD.sub("", text, count=1))
            if found is not None:
                return found
    return None


def quantity_in_prose(answer: str) -> Quantity | None:
    """As `quantity_in`; also the only number of a sentence that says no more of it: "I would rate it 7"."""
    found = quantity_in(answer)
    if found is not None or len(answer) > MAX_QUANTITY_CHARS or _BOUNDS_OR_DOUBTS.search(answer):
        return found
    numbers = list(_ANY_NUMBER.finditer(answer))
    return read(answer[numbers[0].start() :]) if len(numbers) == 1 else None


def read(text: str) -> Quantity | None:
    """The quantity that all of `text` is, or None."""
    if len(text) > MAX_QUANTITY_CHARS:
        return None
    text = _LATEX.sub(lambda command: _LATEX_SIGNS[command[1]], unwrapped(text).translate(_SIGNS)).strip()
    if _DECADE.match(text):
        return None
    text = _PREFIX.sub("", text, count=1) if _PREFIX.match(text) else text
    text = _MINUS_WORD.sub("-", text, count=1) if _MINUS_WORD.match(text) else text
    accounting = _ACCOUNTING.fullmatch(text)
    if accounting is not None:
        text = "".join(accounting.groups())
    worded = _NUMBER_WORD.match(text)
    if worded is not None:
        text = _NUMBER_WORDS[worded[0].lower()] + text[worded.end() :]
    written = _QUANTITY.fullmatch(text)
    number = None if written is None else _decimal(written["number"])
    if written is None or number is None or (written["sign"] and written["inner_sign"]):
        return None
    negative = accounting is not None or "-" in (written["sign"] or "", written["inner_sign"] or "")
    exponent = int(written["e"] or written["power"] or 0)
    if abs(exponent) > MAX_EXPONENT:
        return None
    value, decimals = Fraction(number), len(number.partition(".")[2])
    step = Fraction(1, 10**decimals)
    if written["below"] is not None:
        below = int(written["below"]) if len(written["below"]) <= MAX_NUMBER_CHARS else 0
        if not below:
            return None
        value, step = value / below, Fraction(0)
    power = Fraction(10) ** exponent
    return _with_rest(
        Quantity(-value * power if negative else value * power, step * power, decimals),
        written["rest"],
        _CURRENCIES.get((written["currency"] or "").lower().rstrip("."), (written["currency"] or "").lower()),
    )


def same_kind(gold: Quantity, told: Quantity) -> bool:
    """Whether neither the currency nor the unit of the answer is another than the gold one's."""
    return (not gold.currency or not told.currency or gold.currency == told.currency) and (
        not gold.unit or not told.unit or gold.unit == told.unit
    )


def readings(gold: Quantity, told: Quantity) -> list[tuple[Fraction, Fraction]]:
    """The pairs (answer, gold) by whose difference the answer may be judged.

    One pair, but for a percent sign that only one of both has: then the sign divides by 100, or both are points. The
    sign of an answer can't mean points where the gold value is below 1. Two bare numbers are never scaled.
    """
    if gold.percent == told.percent:
        return [(told.value, gold.value)]
    if gold.percent:
        return [(told.value, gold.value), (told.value * 100, gold.value)]
    divided = (told.value / 100, gold.value)
    return [divided, (told.value, gold.value)] if abs(gold.value) >= 1 else [divided]


def _decimal(number: str) -> str | None:
    """The digits with a decimal point at most; None for digits set in no known way."""
    if len(number) > MAX_NUMBER_CHARS:
        return None
    for form, thousands, comma in _FORMS:
        if form.fullmatch(number):
            plain = number.replace(thousands, "") if thousands else number
            return plain.replace(",", ".") if comma else plain
    return None


def _with_rest(bare: Quantity, rest: str, currency: str) -> Quantity | None:
    """`bare` with the scale, percent sign, currency and unit that follow its digits; None if something else does."""
    exponent, percent = 0, False
    units: list[str] = []
    suffix = _SUFFIX.match(rest)
    if suffix is not None:
        exponent = _SUFFIXES.get(suffix[1], _MONEY_SUFFIXES.get(suffix[1], 0) if currency else 0)
        rest = rest[suffix.end() :] if exponent else rest
    for token in _TOKEN.findall(rest):
        word = token.casefold().strip(",;").rstrip(".")
        if not units and word in _SCALES:
            exponent += _SCALES[word]
        elif word in _PERCENT and not percent:
            percent = True
        elif word in _CURRENCIES and not currency:
            currency = _CURRENCIES[word]
        elif word and not (percent and word in ("point", "points")) and word not in ("us", "u.s"):
            units.append(word)
    if exponent > MAX_SCALE_DIGITS or any(map(_no_unit, units)):
        return None
    unit = unit_name(units) if units else ""
    if unit is None:
        return None
    scale = 10**exponent
    return Quantity(bare.value * scale, bare.step * scale, bare.decimals, percent, currency, unit, exponent > 0)


def _no_unit(word: str) -> bool:
    return word in ("and", "~") or word in _NUMBER_WORDS or _NO_UNIT.search(word) is not None
