"""Reads what a cell gave beside its streams. It was written beside hostile code: it is data, bounded, or nothing."""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from veriward.sandbox import memfds
from veriward.sandbox.session import (
    MAX_ANSWER_BYTES,
    MAX_FETCHED_BYTES,
    MAX_FIGURE_BYTES,
    MAX_FIGURES,
    MAX_TRACEBACK_CHARS,
    MAX_VALUE_CHARS,
)

MAX_HEAD_BYTES = 128 << 10
_TEXTS = 4  # value, error, traceback, notes
_MAX_TEXT_CHARS = (MAX_VALUE_CHARS + 100, 1_100, MAX_TRACEBACK_CHARS + 100, 1_000)
_MAX_REASON_CHARS = 200
_PNG = b"\x89PNG\r\n\x1a\n"
_SIZE = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Given:
    value: str | None = None
    error: str = ""
    traceback: str = ""
    notes: str = ""
    figures: tuple[bytes, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def read(result: int, fetch: Sequence[str]) -> Given | None:
    """What lies in the file `result` (`session_child._packed`), None if that is not what a session writes."""
    if memfds.size_bytes(result) > MAX_ANSWER_BYTES:
        return None
    content = memfds.read(result, MAX_ANSWER_BYTES)
    if len(content) < _SIZE.size:
        return None
    (size,) = _SIZE.unpack_from(content)
    if size > MAX_HEAD_BYTES:
        return None
    try:
        head = json.loads(content[_SIZE.size : _SIZE.size + size])
        return _given(head, _blobs(content[_SIZE.size + size :], head["_"]), fetch)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _blobs(content: bytes, lengths: object) -> list[bytes]:
    if not isinstance(lengths, list) or not all(type(length) is int and length >= 0 for length in lengths):
        raise ValueError("lengths")
    if sum(lengths) != len(content):
        raise ValueError("lengths")
    blobs, at = [], 0
    for length in lengths:
        blobs.append(content[at : at + length])
        at += length
    return blobs


def _given(head: object, blobs: list[bytes], fetch: Sequence[str]) -> Given:
    if not isinstance(head, dict):
        raise TypeError("head")
    figures, names, refused = head["figures"], head["files"], head["refused"]
    if type(figures) is not int or not 0 <= figures <= MAX_FIGURES or not isinstance(names, list):
        raise ValueError("counts")
    if not isinstance(refused, dict) or not {*names, *refused} <= {*fetch} or len({*names}) != len(names):
        raise ValueError("files")
    if len(blobs) != _TEXTS + figures + len(names):
        raise ValueError("blobs")
    value, error, trace, notes = (
        text.decode("utf-8", "replace")[:most] for text, most in zip(blobs[:_TEXTS], _MAX_TEXT_CHARS, strict=True)
    )
    images, contents = blobs[_TEXTS : _TEXTS + figures], blobs[_TEXTS + figures :]
    if sum(map(len, contents)) > MAX_FETCHED_BYTES:
        raise ValueError("files")
    return Given(
        value=value if head["has_value"] is True else None,
        error=error,
        traceback=trace,
        notes=notes,
        figures=tuple(image for image in images if image.startswith(_PNG) and len(image) <= MAX_FIGURE_BYTES),
        files=dict(zip(names, contents, strict=True)),
        refused={name: str(why)[:_MAX_REASON_CHARS] for name, why in refused.items()},
    )
