"""What of a response goes to the grader: its text, or its messages, in bounds.

What is wrong with a response is the model's doing: `Unjudgeable`, which becomes `unparsed`.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_core import to_json

from veriward.verifiers.judging import text_of
from veriward.wire import FieldError

_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False).encode


class Unjudgeable(Exception):
    """The response is outside the bounds, or no answer of the model at all."""


def response_bytes(response: Any, as_messages: bool, max_chars: int) -> bytes:
    """The UTF-8 text to judge, or the JSON of the messages for a task that is judged by them. Raises `Unjudgeable`."""
    text = response if type(response) is str else text_of(response)
    if text is None:
        raise Unjudgeable("no assistant message")
    if as_messages:
        messages = response if isinstance(response, list) else [{"role": "assistant", "content": response}]
        try:
            text = _write(messages)
        except ValueError:
            raise Unjudgeable("a message holds a number that is not finite") from None
    if len(text) > max_chars:
        raise Unjudgeable(f"the response has {len(text):,} characters, more than {max_chars:,}")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Unjudgeable("the response holds a lone surrogate") from None


def responses_json(responses: Sequence[bytes], as_messages: bool) -> bytes:
    """A JSON array of what `response_bytes` gave."""
    if as_messages:
        return b"[%b]" % b",".join(responses)
    return to_json([response.decode() for response in responses])


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
