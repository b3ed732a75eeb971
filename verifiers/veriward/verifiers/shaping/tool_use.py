"""The shaping kind `tool_use`: few calls of tools."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from veriward.verifiers.shaping.term import Apply, Seen, Term

MAX_TAGS = 16

Tag = Annotated[str, Field(pattern=r"^\w{1,40}$")]


class ToolUseTerm(Term):
    """m: the calls of tools in the assistant's messages, or where a text came, the tags `<tag>` in it.

    Quality = cos(m π / (2 m + smoothing)): 1 without a call, falling towards 0. Multiplied, so that a wrong answer
    gains nothing by calling less.

    Source: OTC-PPO (Wang et al. 2025, arXiv:2504.14870, section 3); the default `smoothing` of 4 is ours. More than the
    least number of calls that a task needs is what it discourages, and tasks that need none of them are its risk.
    """

    kind: Literal["tool_use"] = "tool_use"
    smoothing: Annotated[float, Field(gt=0, le=1_000)] = 4.0
    tags: Annotated[tuple[Tag, ...], Field(min_length=1, max_length=MAX_TAGS, strict=False)] = ("tool_call",)

    @property
    def usual(self) -> Apply:
        return "multiply"

    def quality(self, seen: Seen) -> float:
        calls = sum(_calls(message) for message in seen.messages)
        texts = [seen.text] if not seen.messages else [_text(message) for message in seen.messages]
        calls += sum(text.count(f"<{tag}>") for text in texts for tag in self.tags)
        return math.cos(calls * math.pi / (2 * calls + self.smoothing))


def _calls(message: Mapping[str, Any]) -> int:
    """`tool_calls` as OpenAI's messages have them, and parts of type `tool_use` as Anthropic's do."""
    if message.get("role") != "assistant":
        return 0
    listed, content = message.get("tool_calls"), message.get("content")
    parts = content if isinstance(content, list) else []
    used = len([part for part in parts if isinstance(part, dict) and part.get("type") == "tool_use"])
    return used + (len(listed) if isinstance(listed, list) else 0)


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if message.get("role") == "assistant" and isinstance(content, str) else ""
