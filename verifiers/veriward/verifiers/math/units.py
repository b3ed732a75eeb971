"""Names of units, so that `5 cm` and `5 centimetres` agree and `5 cm` and `5 m` don't."""

SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
MAX_UNIT_WORDS = 8

_NAMES = {
    "mm": "millimeter millimetre", "cm": "centimeter centimetre", "m": "meter metre", "km": "kilometer kilometre",
    "in": "inch inche", "ft": "foot feet", "yd": "yard", "mi": "mile", "s": "second sec", "min": "minute",
    "h": "hour hr", "day": "day", "week": "week wk", "year": "year yr", "mg": "milligram", "g": "gram",
    "kg": "kilogram", "lb": "pound lbs", "oz": "ounce", "ml": "milliliter millilitre", "l": "liter litre",
    "mph": "mph", "kph": "kph kmh", "$": "dollar usd buck", "cent": "cent ¢", "€": "euro eur", "£": "gbp",
    "%": "percent percentage", "degree": "degree deg °", "radian": "radian rad", "unit": "unit", "hz": "hertz",
    "n": "newton", "j": "joule", "w": "watt", "v": "volt", "pa": "pascal", "mol": "mole", "k": "kelvin",
    "am": "a.m", "pm": "p.m", "°c": "celsius", "°f": "fahrenheit",
}  # fmt: skip
_CANONICAL = {word: unit for unit, words in _NAMES.items() for word in (unit, *words.split())}
# Letters such as m and g stand for themselves unless they are set upright.
_UNIT_WORDS = frozenset(word for word in _CANONICAL if len(word) > 1) - {"am", "pm"}
# A value followed by one of these is no value with a unit but a sentence, or a second answer.
_SENTENCE_WORDS = (
    "not no maybe perhaps possibly probably either neither nor approximately about around but if when where because "
    "since then than to from except is are was be equals equal times plus minus over divided by none any both all "
    "only also so thus hence which that this it as at with without for while until otherwise else unless wrong "
    "incorrect false invalid fake guess guessing unsure unknown factorial choose mod modulo root half halves third "
    "thirds quarter quarters fourth fourths fifths sixths eighths tenths hundredths thousandths twice double triple "
    "negative"
)
_NO_UNITS = frozenset(_SENTENCE_WORDS.split())
_SQUARES = {"square": "^2", "sq": "^2", "squared": "^2", "cubic": "^3", "cubed": "^3", "cu": "^3"}
_DROPPED = frozenset(["of", "the", "a", "an", "*", "{", "}", "(", ")", "^"])


def is_unit_word(word: str) -> bool:
    return word in _UNIT_WORDS or word.removesuffix("s") in _UNIT_WORDS or word in SCALES


def is_sentence_word(word: str) -> bool:
    return word in _NO_UNITS


def unit_name(words: list[str]) -> str | None:
    """One spelling per unit: `["square", "centimetres"]` is `cm^2`. None for words that are no unit."""
    if len(words) > MAX_UNIT_WORDS or any(word.casefold().strip(".()") in _NO_UNITS for word in words):
        return None
    parts: list[str] = []
    pending, named = "", False
    for word in words:
        folded = word.casefold().strip(".,")
        if folded in ("2", "3", "^2", "^3") or folded in ("squared", "cubed"):
            parts.append(_SQUARES.get(folded, "^" + folded.strip("^")))
        elif folded in _SQUARES:
            pending = _SQUARES[folded]
        elif folded in ("/", "per"):
            parts.append("/")
        elif folded and folded not in _DROPPED:
            parts.append(_spelling(folded) + pending)
            pending, named = "", True
    return "".join(parts) if named else None


def _spelling(word: str) -> str:
    if "/" in word:
        return "/".join(_spelling(part) for part in word.split("/"))
    body, power = (word[:-2], word[-2:]) if word.endswith(("^2", "^3")) else (word, "")
    singular = body.removesuffix("s") if len(body) > 2 else body
    return _CANONICAL.get(body, _CANONICAL.get(singular, singular)) + power
