"""What a cell gives is hostile data: it is what a session writes, or nothing."""

import json
import os
import struct
from collections.abc import Iterator

import pytest

from veriward.sandbox.frames import pack_blobs
from veriward.sandbox.session import MAX_ANSWER_BYTES, MAX_FETCHED_BYTES, MAX_FIGURE_BYTES, MAX_FIGURES
from veriward.sandbox.session_given import MAX_HEAD_BYTES, Given, read

PNG = b"\x89PNG\r\n\x1a\n"
HEAD = {"has_value": True, "figures": 0, "files": [], "refused": {}}
TEXTS = [b"1", b"error", b"trace", b"notes"]


def packed(blobs: list[bytes] | None = None, **changed: object) -> bytes:
    return pack_blobs({**HEAD, **changed}, TEXTS if blobs is None else blobs)


def raw(head: object, content: bytes = b"") -> bytes:
    text = json.dumps(head).encode()
    return struct.pack("<I", len(text)) + text + content


@pytest.fixture
def result() -> Iterator[int]:
    descriptor = os.memfd_create("result")
    yield descriptor
    os.close(descriptor)


ACCEPTED: dict[str, tuple[bytes, Given]] = {
    "a value": (packed(), Given("1", "error", "trace", "notes")),
    "no value": (packed(has_value=False), Given(None, "error", "trace", "notes")),
    "a figure": (
        packed([*TEXTS, PNG + b"x"], figures=1),
        Given("1", "error", "trace", "notes", figures=(PNG + b"x",)),
    ),
    "a figure that is no PNG is left out": (packed([*TEXTS, b"x"], figures=1), Given("1", "error", "trace", "notes")),
    "a figure over its bound is left out": (
        packed([*TEXTS, PNG + bytes(MAX_FIGURE_BYTES)], figures=1),
        Given("1", "error", "trace", "notes"),
    ),
    "a file": (
        packed([*TEXTS, b"x"], files=["f"]),
        Given("1", "error", "trace", "notes", files={"f": b"x"}),
    ),
    "a file refused": (
        packed(refused={"f": "why"}),
        Given("1", "error", "trace", "notes", refused={"f": "why"}),
    ),
    "text that is not UTF-8": (packed([b"\xff", b"", b"", b""]), Given("\ufffd")),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_a_session_writes(name: str, result: int) -> None:
    content, given = ACCEPTED[name]
    os.write(result, content)
    assert read(result, ["f", "g"]) == given


REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "half a size": b"\0\0",
    "a head that is not there": struct.pack("<I", 100),
    "a head over the bound": struct.pack("<I", MAX_HEAD_BYTES + 1) + b" " * (MAX_HEAD_BYTES + 1),
    "no JSON": struct.pack("<I", 1) + b"{",
    "no object": raw([1, 2]),
    "nested without end": struct.pack("<I", 100_000) + b"[" * 100_000,
    "no lengths": raw(HEAD),
    "a length that is text": raw({**HEAD, "_": ["1"]}, b"1"),
    "a length below nothing": raw({**HEAD, "_": [-1, 2]}, b"1"),
    "a length that is true": raw({**HEAD, "_": [True]}, b"1"),
    "fewer bytes than told": packed()[:-1],
    "more bytes than told": packed() + b"x",
    "fewer texts": packed(TEXTS[:3]),
    "a figure that is not there": packed(figures=1),
    "more figures than there may be": packed([*TEXTS, *[PNG] * (MAX_FIGURES + 1)], figures=MAX_FIGURES + 1),
    "figures that are true": packed([*TEXTS, PNG], figures=True),
    "figures below nothing": packed(TEXTS[:3], figures=-1),
    "a file that was not asked for": packed([*TEXTS, b"x"], files=["passwd"]),
    "a file twice": packed([*TEXTS, b"x", b"y"], files=["f", "f"]),
    "a file without a name": packed([*TEXTS, b"x"], files=[None]),
    "files that are an object": packed([*TEXTS, b"x"], files={"f": 1}),
    "files over their bound": packed([*TEXTS, bytes(MAX_FETCHED_BYTES + 1)], files=["f"]),
    "a file refused that was not asked for": packed(refused={"passwd": "why"}),
    "refusals that are a list": packed(refused=["f"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_session_writes(name: str, result: int) -> None:
    os.write(result, REFUSED[name])
    assert read(result, ["f", "g"]) is None


def test_more_than_one_cell_may_give(result: int) -> None:
    os.ftruncate(result, MAX_ANSWER_BYTES + 1)
    assert read(result, []) is None
