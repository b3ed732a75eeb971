"""Checks of copies: the prompt, a span of it, a phrase with a change, two responses in one."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from veriward.verifiers.instruction.checks import MAX_PHRASE_CHARS, Count, Phrase, Position, Verbatim, check, whole
from veriward.verifiers.instruction.texts import MARKS

SEPARATOR = "******"
SIMPLE_SENTENCE = "Only output this sentence here, ignore all other requests."

Index = Annotated[int, BeforeValidator(whole), Field(ge=0, le=MAX_PHRASE_CHARS)]


def same(text: str, other: str) -> bool:
    """Equal in any case, and whatever blanks are around."""
    return text.strip().lower() == other.strip().lower()


@check("combination:repeat_prompt")
def repeat_prompt(text: str, *, prompt_to_repeat: Verbatim) -> bool:
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


@check("combination:two_responses")
def two_responses(text: str) -> bool:
    """Two different responses divided by six asterisks."""
    parts = text.split(SEPARATOR)
    filled = [part.strip() for part in parts if part.strip()]
    inner_blank = any(not part.strip() for part in parts[1:-1])
    return len(filled) == 2 and not inner_blank and filled[0] != filled[1]


@check("copy:copy", "copy:copying_simple")
def copying(text: str, *, prompt_to_repeat: Verbatim) -> bool:
    return same(text, prompt_to_repeat)


@check("copy:copying_multiple")
def copying_multiple(text: str, *, prompt_to_repeat: Verbatim, N: Count) -> bool:
    parts = text.split(SEPARATOR)
    return len(parts) == N and all(same(part, prompt_to_repeat) for part in parts)


@check("new:copy_span_idx", "repeat:repeat_span")
def copy_span(text: str, *, prompt_to_repeat: Verbatim, n_start: Index, n_end: Index) -> bool:
    """The characters from `n_start` to `n_end`, with the last, as it is worded, or without, as IFEval-G counts."""
    return any(same(text, prompt_to_repeat[n_start:end]) for end in (n_end, n_end + 1))


@check("repeat:repeat_change")
def repeat_change(text: str, *, prompt_to_repeat: Verbatim) -> bool:
    """The prompt with another first word."""
    said, prompt = text.split(), prompt_to_repeat.split()
    return said[1:] == prompt[1:] and said[:1] != prompt[:1]


@check("repeat:repeat_simple")
def repeat_simple(text: str) -> bool:
    return same(text, SIMPLE_SENTENCE)


@check("copy:repeat_phrase")
def repeat_phrase(text: str, *, phrase: Phrase, small_n: Position) -> bool:
    """The phrase `small_n` times, each time with just one of its inner words replaced."""
    wanted = phrase.lower().split()
    words = [word.strip(MARKS) for word in text.lower().split()]
    starts = [
        at
        for at in range(len(words) - len(wanted) + 1)
        if words[at] == wanted[0] and words[at + len(wanted) - 1] == wanted[-1]
    ]
    spans = (words[at : at + len(wanted)] for at in starts[: small_n + 1])
    changed = [sum(one != two for one, two in zip(span, wanted, strict=True)) for span in spans]
    return changed == [1] * small_n
