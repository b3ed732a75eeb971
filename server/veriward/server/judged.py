"""What of a response goes to the grader: its text, or its messages, in bounds.

What is wrong with a response is the model's doing: it is refused, which the grader judges as `unparsed`.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_core import to_json

from veriward.verifiers.judging import text_of
from veriward.wire import FieldError

_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False).encode


_REFUSED = b"\xff"  # begins no UTF-8 text
"""Before the reason why a response is not shown to a verifier."""


class _Unjudgeable(Exception):
    """The response is outside the bounds, or no answer of the model at all."""


def response_bytes(response: Any, as_messages: bool, max_chars: int) -> bytes:
    """The UTF-8 text to judge, or the JSON of the messages for a task that is judged by them, or why it is refused."""
    try:
        return _judged_bytes(response, as_messages, max_chars)
    except _Unjudgeable as fault:
        return _REFUSED + str(fault).encode()


def _judged_bytes(response: Any, as_messages: bool, max_chars: int) -> bytes:
    text = response if type(response) is str else text_of(response)
    if text is None:
        raise _Unjudgeable("no assistant message")
    if as_messages:
        messages = response if isinstance(response, list) else [{"role": "assistant", "content": response}]
        try:
            text = _write(messages)
        except ValueError:
            raise _Unjudgeable("a message holds a number that is not finite") from None
    if len(text) > max_chars:
        raise _Unjudgeable(f"the response has {len(text):,} characters, more than {max_chars:,}")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _Unjudgeable("the response holds a lone surrogate") from None


def responses_json(responses: Sequence[bytes], as_messages: bool) -> bytes:
    """A JSON array of what `response_bytes` gave; a refused one is `{"refused": reason}`."""
    if as_messages:
        return b"[%b]" % b",".join(to_json(_refusal(raw)) if raw[:1] == _REFUSED else raw for raw in responses)
    return to_json([_refusal(raw) if raw[:1] == _REFUSED else raw.decode() for raw in responses])


def _refusal(raw: bytes) -> dict[str, str]:
    return {"refused": raw[1:].decode()}


def response_errors(response: Any, field: str) -> Iterator[FieldError]:
    """What keeps a value that is not a string from being a `wire.Response`: a list of messages."""
    if not isinstance(response, list):
        yield FieldError(field=field, message="must be a string or a list of chat messages")
        return
    for at, message in enumerate(response):
        if (fault := _message_fault(message)) is not None:
            yield FieldError(field=f"{field}[{at}]", message=fault)


def _message_fault(message: Any) -> str | None:
    if not isinstance(message, dict):
        return "a chat message is an object with `role` and `content`"
    if not isinstance(message.get("role"), str):
        return "`role` must be a string"
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    if not isinstance(content, str | list | None) or not all(isinstance(part, dict) for part in parts):
        return "`content` must be a string, a list of parts, or null"
    return None
