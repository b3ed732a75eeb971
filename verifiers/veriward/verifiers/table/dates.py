"""Reads a date as tables and answers write it: `March 5, 1990`, `5 Mar 1990`, `1990-03-05`, `05/03/1990`."""

import re
from typing import NamedTuple

MAX_DATE_CHARS = 60

_MONTHS = "january february march april may june july august september october november december"
_MONTH_OF = {name[:length]: number for number, name in enumerate(_MONTHS.split(), 1) for length in (3, len(name))} | {
    "sept": 9
}
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTH_OF, key=len, reverse=True))})\.?"
_DAY, _YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<year>\d{4})"
_WORDED = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_MONTH}\s+(?:the\s+)?{_DAY}(?:,?\s+{_YEAR})?",
        rf"(?:the\s+)?{_DAY}\s+(?:of\s+)?{_MONTH}(?:,?\s+{_YEAR})?",
        rf"{_MONTH},?\s+(?:of\s+)?{_YEAR}",
        rf"{_YEAR},?\s+{_MONTH}\s+{_DAY}",
    )
]
_WEEKDAY = re.compile(r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+", re.IGNORECASE)
_ISO = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[T ]00:00(?::00)?)?")
_CJK = re.compile(r"(\d{4})年(\d{1,2})月(?:(\d{1,2})日)?")
_SLASHED = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")


class Day(NamedTuple):
    """A day, or where the day or the year is None a month or an anniversary."""

    year: int | None
    month: int
    day: int | None


def read_date(text: str) -> tuple[Day, ...]:
    """The days that `text` may mean: none, one, or for `05/03/1990` two, the month first and the day first."""
    text = text.strip().rstrip(".")
    if len(text) > MAX_DATE_CHARS or not any(character.isdigit() for character in text):
        return ()
    text = _WEEKDAY.sub("", text, count=1) if _WEEKDAY.match(text) else text
    for pattern in _WORDED:
        if found := pattern.fullmatch(text):
            parts = found.groupdict()
            return _valid(_number(parts.get("year")), _MONTH_OF[parts["month"].lower()], _number(parts.get("day")))
    if found := _ISO.fullmatch(text):
        return _valid(int(found[1]), int(found[3]), int(found[4]))
    if found := _CJK.fullmatch(text):
        return _valid(int(found[1]), int(found[2]), _number(found[3]))
    if found := _SLASHED.fullmatch(text):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        return tuple(dict.fromkeys((*_valid(year, first, second), *_valid(year, second, first))))
    return ()


def same_date(gold: tuple[Day, ...], told: tuple[Day, ...]) -> bool:
    """Whether both may mean one day; two ambiguous ones must be written in one order."""
    if len(gold) > 1 and len(told) > 1:
        return gold == told
    return not set(gold).isdisjoint(told)


def _valid(year: int | None, month: int, day: int | None) -> tuple[Day, ...]:
    return (Day(year, month, day),) if 1 <= month <= 12 and (day is None or 1 <= day <= 31) else ()


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)
