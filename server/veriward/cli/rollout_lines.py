"""Reads a JSONL file of rollouts line by line: each is a `Line` to grade, or a `BadLine` that says why it cannot be.

A line is the JSON of a `wire.GradeItem` (`id`, `task`, `responses`, `source`); other keys are kept for the output. The
file may be larger than memory: one line is held at a time. Blank lines are passed over.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from pydantic import ValidationError

from veriward.cli.table_files import is_table, table_lines
from veriward.wire import GradeItem

MAX_LINE_BYTES = 30 << 20  # with its envelope it still fits the server's default body limit of 32 MiB
EXCERPT_CHARS = 200
WRITTEN_KEYS = ("line", "results", "line_hash")
"""Keys that the output adds; an input line may not bring its own."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line to grade, of so many rollouts. `item` holds the fields of a GradeItem, `kept` the other keys, `end` is the
    offset after it."""

    number: int
    hash: str
    item: dict[str, Any]
    kept: dict[str, Any]
    end: int
    size_bytes: int
    rollouts: int


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be graded, and why."""

    number: int
    hash: str
    error: str
    excerpt: str
    end: int


def rollout_lines(path: Path, skip: Callable[[int], bool]) -> Iterator[Line | BadLine]:
    """Every line of the file that is not blank and whose number, from 1, is not to be skipped; in order."""
    for number, raw, end in raw_lines(path):
        if skip(number):
            continue
        try:
            yield line_of(number, line_hash(raw), end, _without_written_keys(json_object(raw)), raw)
        except Unfit as unfit:
            yield bad_line(number, raw, end, str(unfit))


def line_of(number: int, digest: str, end: int, fields: dict[str, Any], raw: bytes) -> Line:
    """The line to grade for the object `fields`, read from `raw`. Raises `Unfit` where that is no GradeItem."""
    item = {key: fields.pop(key) for key in GradeItem.model_fields if key in fields}
    _check_shape(item, may_hold_surrogates=b"\\u" in raw)
    return Line(number, digest, item, fields, end, len(raw), len(item["responses"]))


def bad_line(number: int, raw: bytes, end: int, error: str) -> BadLine:
    return BadLine(number, line_hash(raw), error, raw[:EXCERPT_CHARS].decode("utf-8", "replace"), end)


def raw_lines(path: Path) -> Iterator[tuple[int, bytes, int]]:
    """(number, bytes, offset after it) of each line that is not blank; of one that is too long, its beginning.

    A parquet file's rows are lines of JSON. Raises `Stop` where one can't be read.
    """
    if is_table(path):
        yield from table_lines(path)
        return
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(MAX_LINE_BYTES + 2):
            number += 1
            if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
                _skip_rest_of_line(file)
            if text := raw.removeprefix(b"\xef\xbb\xbf").strip():
                yield number, text, file.tell()


def line_hash(raw: bytes) -> str:
    """What tells that a line is still the one that was graded: 64 bits of its SHA-256, in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()[:16]


class Unfit(Exception):
    """Why a line cannot be used."""


def json_object(raw: bytes) -> dict[str, Any]:
    """The object that a line holds, its numbers finite. Raises `Unfit`."""
    if len(raw) > MAX_LINE_BYTES:
        raise Unfit(f"longer than {MAX_LINE_BYTES:,} bytes")
    try:
        fields = json.loads(raw, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise Unfit("not JSON: nested too deeply") from None
    except ValueError as error:  # malformed, not UTF-8, NaN, or a number of too many digits
        raise Unfit(f"not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise Unfit("not a JSON object")
    return fields


def _without_written_keys(fields: dict[str, Any]) -> dict[str, Any]:
    for key in WRITTEN_KEYS:
        if key in fields:
            raise Unfit(f"the key {key!r} is one that the output adds; give it another name")
    return fields


def _check_shape(item: dict[str, Any], *, may_hold_surrogates: bool) -> None:
    if may_hold_surrogates:  # a lone surrogate in a response is the model's doing: the server judges it
        item = json.loads(json.dumps(item, ensure_ascii=False).encode("utf-8", "replace"))
    try:
        GradeItem.model_validate(item)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        raise Unfit(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _skip_rest_of_line(file: BinaryIO) -> None:
    while rest := file.readline(1 << 20):
        if rest.endswith(b"\n"):
            return


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is not a finite number")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
