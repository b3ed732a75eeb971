"""The shaping kind `format`: thinking and answer between their tags."""

from typing import Literal

from veriward.verifiers.answers import answer_region, last_answer_tag, last_boxed
from veriward.verifiers.shaping.term import Seen, Term

_TAGS = ("<think>", "</think>", "<answer>", "</answer>")


class FormatTerm(Term):
    """`form`: `think_answer`: nothing but `<think>…</think>` and `<answer>…</answer>`, each once, in order, not empty;
    `think`: thinking that ends, and text after it; `answer`, `boxed`: that container, closed and not empty, after the
    thinking. `opened_by_prompt`: `<think>` stands in the prompt, not in the response.

    Source: the template and the format reward of DeepSeek-R1-Zero (arXiv:2501.12948, sections 2.2.2 and 2.2.3), which
    adds 1 for the form `think_answer` whatever the answer.
    """

    kind: Literal["format"] = "format"
    form: Literal["think_answer", "think", "answer", "boxed"] = "think_answer"
    opened_by_prompt: bool = False

    def quality(self, seen: Seen) -> float:
        text = f"<think>{seen.text}" if self.opened_by_prompt else seen.text
        if self.form == "think_answer":
            return float(_is_think_answer(text.strip()))
        if self.form == "think":
            thinking, closed, rest = text.strip().removeprefix("<think>").partition("</think>")
            opened = text.lstrip().startswith("<think>") and "<think>" not in thinking
            return float(bool(closed and opened and thinking.strip() and rest.strip()) and "think>" not in rest)
        region = answer_region(text) or ""
        content = last_answer_tag(region) if self.form == "answer" else last_boxed(region)
        return float(bool(content and content.strip()))


def _is_think_answer(text: str) -> bool:
    if any(text.count(tag) != 1 for tag in _TAGS):
        return False
    opens, ends, answers, closes = (text.index(tag) for tag in _TAGS)
    if not opens < ends < answers < closes:
        return False
    thinking, between = text[len("<think>") : ends], text[ends + len("</think>") : answers]
    answer = text[answers + len("<answer>") : closes]
    return (
        opens == 0 and text.endswith("</answer>") and not between.strip() and bool(thinking.strip() and answer.strip())
    )
