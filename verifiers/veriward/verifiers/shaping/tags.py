"""The shaping kind `tags`: a response in the tags that its prompt asks for, whatever they are."""

from typing import Annotated, Literal

from pydantic import Field

from veriward.verifiers.shaping.term import Seen, Term

MAX_TAGS = 16

Tag = Annotated[str, Field(pattern=r"^[A-Za-z_][\w-]{0,39}$")]


class TagsTerm(Term):
    """`tags`: names in their order. `score` `all`: nothing but `<tag>…</tag>`, each once, in order, none empty but
    those of `may_be_empty`; `share`: how many of the opening and closing tags stand exactly once, of all.

    Sources: many papers add tags of their own to DeepSeek-R1's two ("observe", "rethink", …) and pay the form as R1
    does; `share` is the format score of V-Triune (arXiv:2505.18129), a quarter for each of four tags.
    """

    kind: Literal["tags"] = "tags"
    tags: Annotated[tuple[Tag, ...], Field(min_length=1, max_length=MAX_TAGS, strict=False)] = ("think", "answer")
    may_be_empty: Annotated[tuple[Tag, ...], Field(max_length=MAX_TAGS, strict=False)] = ()
    score: Literal["all", "share"] = "all"

    def quality(self, seen: Seen) -> float:
        pairs = [(f"<{tag}>", f"</{tag}>") for tag in self.tags]
        if self.score == "share":
            marks = [mark for pair in pairs for mark in pair]
            return sum(seen.text.count(mark) == 1 for mark in marks) / len(marks)
        return float(_is_all(seen.text.strip(), pairs, {f"<{tag}>" for tag in self.may_be_empty}))


def _is_all(text: str, pairs: list[tuple[str, str]], may_be_empty: set[str]) -> bool:
    if any(text.count(mark) != 1 for pair in pairs for mark in pair):
        return False
    for opening, closing in pairs:
        if not text.startswith(opening):
            return False
        content, closed, rest = text.removeprefix(opening).partition(closing)
        if not closed or not (content.strip() or opening in may_be_empty):
            return False
        text = rest.strip()
    return not text
