"""One question to the server and its answer, without any input or output.

A `Conversation` is a generator. It yields an `Attempt`; whoever drives it sleeps, performs the request and sends the
response back in, or throws the transport's exception in. Both clients, and the tests, drive the same ones.
"""

import inspect
import random
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

import httpx

from veriward.client.payload import encode
from veriward.wire import Priority

T = TypeVar("T")

LEAST_SECONDS = 0.001  # the wire wants a deadline above zero


@dataclass(frozen=True, slots=True)
class Attempt:
    """Sleep `pause_seconds`, perform `request`, and answer with the response: open if `stream` and 200, else read."""

    request: httpx.Request
    pause_seconds: float
    stream: bool


Conversation = Generator[Attempt, httpx.Response, T]


def outcome_signature(call: Callable[..., Conversation[Any]]) -> inspect.Signature:
    """The call's signature, returning what its conversation ends in: for `help()` and editors."""
    signature = inspect.signature(call)
    return signature.replace(return_annotation=get_args(signature.return_annotation)[-1])


Body = Callable[[float], bytes]
"""A request's body, given the seconds that are left: the deadline travels with the work."""


def always(content: bytes) -> Body:
    return lambda _left: content


def with_deadline(start: bytes, priority: Priority, fixed_seconds: float | None = None) -> Body:
    """The JSON object that begins with `start`, with the seconds that are left at each attempt, or fixed ones."""

    def body(left: float) -> bytes:
        seconds = round(max(left, LEAST_SECONDS), 3) if fixed_seconds is None else fixed_seconds
        return start + b"," + encode({"deadline_seconds": seconds, "priority": priority})[1:]

    return body


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent word for word again if a connection breaks: the key makes the server run it once."""

    content: bytes | None
    key: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; without an `idempotency_key` every letter gets its own."""

    method: str
    path: str
    body: Body | None = None
    idempotency_key: str | None = None
    stream: bool = False
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def letter(self, left_seconds: float) -> Letter:
        if self.body is None:
            return Letter(None, "")
        return Letter(self.body(left_seconds), self.idempotency_key or uuid.uuid4().hex)

    def request(self, letter: Letter, url: httpx.URL, api_key: str | None) -> httpx.Request:
        headers = {"Accept": "application/x-ndjson" if self.stream else "application/json"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        if letter.content is not None:
            headers["Content-Type"] = "application/json"
            headers["Idempotency-Key"] = letter.key
        headers.update(self.headers)
        return httpx.Request(self.method, url, headers=headers, content=letter.content)


@dataclass(frozen=True, slots=True)
class Chance:
    """Time and luck, as the retries see them; tests give their own."""

    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random  # uniform in [0, 1)
