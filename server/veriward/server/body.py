"""Reads a request's JSON body within its bound: 413, 415 and 400 are decided here.

JSON is read by a fast parser; a body it refuses for a lone surrogate is read again by the standard library's, because
the surrogate may stand in a response, where it is the model's doing and must not cost the batch.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json
from starlette.types import Receive

from veriward.server.problems import Refusal
from veriward.server.queue import QueueFull
from veriward.wire import ErrorCode

MAX_DEPTH = 200  # of nested arrays and objects; the fast parser's own bound
Headers = Mapping[bytes, bytes]
_JSON_KIND = re.compile(rb"application/[^/]+\+json")
_SURROGATE_ERRORS = ("hex escape", "invalid unicode code point")


class ClientGone(Exception):
    """The client hung up; there is nobody to answer."""


class BodyBudget:
    """Bytes of bodies that are being read, or whose rollouts are not judged yet, over all requests."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.bytes = 0

    def take(self, size: int) -> None:
        """Raises `QueueFull` past the bound; but one body, however large, always finds room."""
        if self.bytes and self.bytes + size > self._max_bytes:
            raise QueueFull(f"{self.bytes:,} bytes of requests are held and {self._max_bytes:,} is the bound", 1.0)
        self.bytes += size

    def give(self, size: int) -> None:
        self.bytes -= size


def body_bytes(headers: Headers, max_bytes: int) -> int:
    """How large the body of a JSON request may turn out. Raises `Refusal` for what need not be read at all."""
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type != b"application/json" and not _JSON_KIND.fullmatch(media_type):
        # A missing type is refused too: browsers send such requests across origins without asking.
        told = media_type[:100].decode("latin-1")
        raise Refusal(ErrorCode.UNSUPPORTED_MEDIA_TYPE, f"send 'Content-Type: application/json', not {told!r}")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refusal(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "send the body without Content-Encoding")
    length = headers.get(b"content-length", b"")
    if not length.isdigit():
        return max_bytes
    if len(length) > 18 or int(length) > max_bytes:
        raise _too_large(max_bytes)
    return int(length)


async def read_body(receive: Receive, max_bytes: int) -> bytes:
    """The whole body. Raises `Refusal` and `ClientGone`; never holds more than `max_bytes` and a chunk."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        return body
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > max_bytes:
            raise _too_large(max_bytes)
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()


def parse_json(body: bytes) -> Any:
    """The value, in which strings may hold lone surrogates and numbers may be NaN or infinite. Raises `Refusal`."""
    try:
        return from_json(body, cache_strings="keys")
    except ValueError as error:
        if not any(sign in str(error) for sign in _SURROGATE_ERRORS):
            raise _malformed(str(error)) from None
    try:
        value = json.loads(body.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError as error:
        raise _malformed(f"not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise _malformed(f"nested deeper than {MAX_DEPTH}") from None
    except ValueError as error:
        raise _malformed(str(error)) from None
    if _deeper_than(value, MAX_DEPTH):
        raise _malformed(f"nested deeper than {MAX_DEPTH}")
    return value


def _deeper_than(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth + 1):
        level = [
            member
            for holder in level
            if isinstance(holder, dict | list)
            for member in (holder.values() if isinstance(holder, dict) else holder)
        ]
        if not level:
            return False
    return True


def _too_large(max_bytes: int) -> Refusal:
    return Refusal(ErrorCode.TOO_LARGE, f"the body is larger than {max_bytes:,} bytes; send it in parts")


def _malformed(detail: str) -> Refusal:
    return Refusal(ErrorCode.MALFORMED_JSON, f"the body is not JSON: {detail}")
