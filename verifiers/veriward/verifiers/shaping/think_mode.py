"""The shaping kind `think_mode`: thinking where it is asked for, none where it is not."""

from typing import Literal

from veriward.verifiers.shaping.term import Apply, Seen, Term


class ThinkModeTerm(Term):
    """`mode` `think`: something stands before `</think>`, and something after it. `no_think`: nothing is thought; an
    empty `<think></think>` is nothing.

    Quality is 1 or 0. Source: the two modes of Qwen3 (arXiv:2505.09388, section 4.3), whose no-think form keeps the
    empty tags.
    """

    kind: Literal["think_mode"] = "think_mode"
    mode: Literal["think", "no_think"] = "think"

    @property
    def usual(self) -> Apply:
        return "gate"

    def quality(self, seen: Seen) -> float:
        before, closed, after = seen.text.rpartition("</think>")
        thought = before.replace("<think>", "").replace("</think>", "").strip() if closed else ""
        if self.mode == "think":
            return float(bool(closed and thought and after.strip()) and "<think>" not in after)
        return float(not thought and "<think>" not in after and bool(after.strip()))
