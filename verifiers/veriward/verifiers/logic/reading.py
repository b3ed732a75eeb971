"""Reads the last answer of a response as the data that it spells, bounded and literal; nothing is evaluated.

Where it looks: what follows the thinking, and of that the content of the last `<answer>` or box. Without either, the
last fenced block or the last brackets. An earlier container is never asked, so a corrected answer counts and a draft
does not; a container that never closes holds no answer.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

from veriward.verifiers.answers import answer_region, answer_tag_span, boxed_span, last_fence
from veriward.verifiers.final import NoAnswer, written_answer

MAX_ANSWER_CHARS = 20_000  # of one literal or grid: 100 by 100 cells
MAX_DEPTH = 8
MAX_TEXT_CHARS = 4_096
MAX_SHOWN_CHARS = 200
MAX_DIGITS = 18

Cell = TypeVar("Cell")

_OPENERS = ("\\boxed{", "\\fbox{", "<answer>", "<Answer>", "<ANSWER>")
_TOKEN = re.compile(
    r"""\s*(?:([\[({])|([\])}])|([,:])|(-?\d+(?:\.\d+)?)(?![\w.])|"((?:[^"\\\n]|\\["\\/'])*)"|'((?:[^'\\\n]|\\["\\/'])*)'"""
    r"""|(True|False|None|true|false|null)\b|([A-Za-z_]\w*))\s*"""
)
_ESCAPED = re.compile(r"\\(.)")
_CLOSES = {"[": "]", "(": ")", "{": "}"}
_WORDS = {"True": True, "true": True, "False": False, "false": False, "None": None, "null": None}
_BRACKETS = re.compile(r"[\[\]{}]")
_NESTED_END = re.compile(r"[\])]\s*,?\s*[\])]")
_ROW = re.compile(r"\s*[\[(]([^\[\]()]*)[\])]\s*(,|$|(?=[\[(]))")
_COMMENT = re.compile(r"#[^\n]*")
_WHOLE = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:,\d{3})+)", re.ASCII)
_PLAIN_LINE = re.compile(r"[\w .,;|\-+*#?]+")


class Unread(Exception):
    """The response holds no answer of the form asked for; says why. `shown`: what stood in its place."""

    def __init__(self, reason: str, shown: str | None = None) -> None:
        super().__init__(reason)
        self.shown = None if shown is None else shown[:MAX_SHOWN_CHARS]


@cache
def whole_numbers(low: int, high: int) -> Mapping[str, int]:
    """The cells that are the numbers from `low` to `high`, as they are written."""
    return {str(number): number for number in range(low, high + 1)}


def last_grid(
    response: str, cells: Mapping[str, Cell], rows: int | None = None, columns: int | None = None
) -> list[list[Cell]]:
    """The last grid, every cell one of `cells` as it is written there, `rows` by `columns` where they are given.

    A grid is `[[1, 2], [3, 4]]` in brackets of either kind, with or without commas, its cells in quotes or not; or
    `[[1 2,3 4]]`; or lines of cells that are a whole container. Raises `Unread`.
    """
    told = _rows(response)
    if rows is not None and len(told) != rows:
        raise Unread(f"the grid has {len(told)} rows, not {rows}", _shown(told))
    width = len(told[0]) if columns is None else columns
    for at, row in enumerate(told, 1):
        if len(row) != width:
            raise Unread(f"row {at} has {len(row)} cells, not {width}", _shown(told))
    try:
        return [[cells[cell] for cell in row] for row in told]
    except KeyError as unknown:
        raise Unread(f"{unknown.args[0][:40]!r} is no cell of this game", _shown(told)) from None


def last_literal(response: str, *, words: bool = False) -> Any:
    """The last list, tuple (as a list) or mapping, of numbers, texts, true, false, null; with `words`, bare words too.

    Raises `Unread`.
    """
    text, contained = container(response)
    end = max(text.rfind("]"), text.rfind(")"), text.rfind("}"))
    if end < 0:
        raise Unread("there is no list or mapping", text if contained else None)
    return parse_literal(_balanced(text, end), words=words)


def last_text(response: str, *, language: tuple[str, ...] = ()) -> str:
    """The last short text: of the last `<answer>`, box or fenced block, else what "the answer is", else the last line.

    Raises `Unread`.
    """
    text, contained = container(response)
    if not contained:
        try:
            text = written_answer(text)
        except NoAnswer as none:
            raise Unread(str(none)) from None
    text = text.strip()
    if not text:
        raise Unread("the answer is empty")
    if len(text) > MAX_TEXT_CHARS:
        raise Unread(f"the answer is longer than {MAX_TEXT_CHARS:,} characters")
    return text


def last_whole_number(response: str) -> int:
    """The number that `last_text` is, without a word beside it; its thousands may be set apart. Raises `Unread`."""
    text = last_text(response)
    plain = text.strip("$ .。*").replace("−", "-")
    if not _WHOLE.fullmatch(plain) or len(plain) > MAX_DIGITS:
        raise Unread("it is no whole number", text)
    return int(plain.replace(",", ""))


def parse_literal(text: str, *, words: bool = False) -> Any:
    """What a literal spells; at most `MAX_ANSWER_CHARS` long and `MAX_DEPTH` deep. Raises `Unread`."""
    if len(text) > MAX_ANSWER_CHARS:
        raise Unread(f"the answer is longer than {MAX_ANSWER_CHARS:,} characters")
    if text[:1] in "[{" and not words:
        with suppress(ValueError):  # what is no JSON may be a literal still
            return _json(text)
    value, at = _value(text, 0, 0, words)
    if at != len(text):
        raise Unread("something follows the literal", text)
    return value


def container(response: str, *, fences: bool = True) -> tuple[str, bool]:
    """The content of the last `<answer>` or box, or of the last fenced block, and True; else all that follows the
    thinking, and False. Raises `Unread`.
    """
    region = answer_region(response)
    if region is None:
        raise Unread("the thinking never ends")
    contained = False
    for _ in range(2):  # a box within a tag
        tag, box = answer_tag_span(region), boxed_span(region)
        span = max((one for one in (tag, box) if one is not None), key=lambda one: one.end, default=None)
        if span is None:
            break
        region, contained = region[span.start : span.end], True
    if not contained and any(opener in region for opener in _OPENERS):
        raise Unread("the answer is never closed")
    if fences:
        body = last_fence(region)
        if body is not None:
            return body, True
    return region, contained


def _rows(response: str) -> list[list[str]]:
    """The rows of the last grid as they are written."""
    region, contained = container(response, fences=False)
    # The last brackets within brackets: "[1]" or "(as asked)" after it is no grid.
    ends = list(_NESTED_END.finditer(region, max(0, len(region) - MAX_ANSWER_CHARS)))
    if ends:
        return _bracketed(_balanced(region, ends[-1].end() - 1))
    body = last_fence(region)
    if body is None and not contained:
        raise Unread("there is no grid")
    lines = (region if body is None else body).strip().splitlines()
    if not lines or len(lines) * 2 > MAX_ANSWER_CHARS or sum(map(len, lines)) > MAX_ANSWER_CHARS:
        raise Unread("there is no grid")
    if not all(map(_PLAIN_LINE.fullmatch, lines)):
        raise Unread("there is no grid", "\n".join(lines))
    return [re.split(r"[ ,;|]+", line.strip(" ,;|")) for line in lines]


def _bracketed(text: str) -> list[list[str]]:
    text = _COMMENT.sub("", text)[1:-1].strip()
    rows: list[list[str]] = []
    at = 0
    while at < len(text):
        row = _ROW.match(text, at)
        if row is None:
            raise Unread("the grid is malformed", text)
        inside = row[1].strip().rstrip(",")
        cells = inside.split(",") if "," in inside else inside.split()
        rows.append([_unquoted(cell.strip()) for cell in cells])
        at = row.end()
    if not rows:
        raise Unread("the grid is empty")
    if len(rows) == 1 and any(" " in cell for cell in rows[0]):  # [[1 2 3,3 1 2]]
        return [row.split() for row in rows[0]]
    return rows


def _unquoted(cell: str) -> str:
    return cell[1:-1] if len(cell) > 2 and cell[0] == cell[-1] and cell[0] in "\"'" else cell


def _balanced(text: str, end: int) -> str:
    """The brackets that close at `end`, from their opening on. Raises `Unread`."""
    depth = 0
    for at in range(end, max(-1, end - MAX_ANSWER_CHARS), -1):
        if text[at] in "])}":
            depth += 1
        elif text[at] in "[({":
            depth -= 1
            if not depth:
                return text[at : end + 1]
    raise Unread(f"no bracket opens what closes last, in {MAX_ANSWER_CHARS:,} characters")


def _json(text: str) -> Any:
    """What JSON says, quickly. Raises `Unread` past a bound, `ValueError` where it is none."""
    depth = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise Unread(f"the literal is more than {MAX_DEPTH} deep")
    return json.loads(text, object_pairs_hook=_once_each, parse_int=_whole, parse_float=_decimal, parse_constant=_whole)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapped = dict(pairs)
    if len(mapped) < len(pairs):
        raise Unread("a key stands twice")
    return mapped


def _whole(number: str) -> int:
    """Raises `ValueError` for NaN and the infinities."""
    if len(number) > MAX_DIGITS:
        raise Unread(f"a number has more than {MAX_DIGITS} digits")
    return int(number)


def _decimal(number: str) -> float:
    if "e" in number or "E" in number:
        raise Unread("a number has an exponent")
    _whole(number.replace(".", ""))
    return float(number)


def _value(text: str, at: int, depth: int, words: bool) -> tuple[Any, int]:
    token = _TOKEN.match(text, at)
    if token is None:
        raise Unread("the literal is malformed", text)
    opening, _, _, number, double, single, word, bare = token.groups()
    if opening:
        if depth == MAX_DEPTH:
            raise Unread(f"the literal is more than {MAX_DEPTH} deep")
        return _members(text, token.end(), depth + 1, opening, words)
    if number:
        return (_decimal(number) if "." in number else _whole(number)), token.end()
    if double is not None or single is not None:
        return _ESCAPED.sub(r"\1", single if double is None else double), token.end()
    if word:
        return _WORDS[word], token.end()
    if bare and words:
        return bare, token.end()
    raise Unread("the literal is malformed", text)


def _members(text: str, at: int, depth: int, opening: str, words: bool) -> tuple[Any, int]:
    listed: list[Any] = []
    mapped: dict[Any, Any] = {}
    while True:
        token = _TOKEN.match(text, at)
        if token is not None and token[2]:
            break
        value, at = _value(text, at, depth, words)
        token = _TOKEN.match(text, at)
        if token is not None and token[3] == ":" and opening == "{":
            if not isinstance(value, str | int):
                raise Unread("a key is neither text nor number", text)
            if value in mapped:
                raise Unread(f"the key {value!r} stands twice"[:MAX_SHOWN_CHARS], text)
            mapped[value], at = _value(text, token.end(), depth, words)
            token = _TOKEN.match(text, at)
        else:
            listed.append(value)
        if token is not None and token[3] == ",":
            at = token.end()
        elif token is None or not token[2]:
            raise Unread("the literal is malformed", text)
        else:
            break
    if token[2] != _CLOSES[opening] or (listed and mapped):
        raise Unread("the brackets do not match", text)
    return (mapped if opening == "{" and not listed else listed), token.end()


def _shown(rows: list[list[str]]) -> str:
    return "\n".join(" ".join(row) for row in rows)
