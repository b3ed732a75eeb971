"""The verifier `choice`: one letter, said once, where an answer is expected."""

import re
from functools import lru_cache
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.answers import answer_phrase_span, answer_region, answer_tag_span, boxed_span
from veriward.verifiers.choice.payload import is_letter, letter_in, mentions, option_key
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict, correct, unparsed, wrong

DEFAULT_LETTERS = "ABCDEFGHIJ"
MAX_OPTIONS = 36
MAX_OPTION_CHARS = 4_096
MAX_PHRASES_TRIED = 8
MAX_BARE_CHARS = 300

_OPTION_PHRASE = re.compile(r"\b(?:choice|option)[*_\s]{0,3}(?:is|would be|should be|:)[*_:\s]{0,3}", re.IGNORECASE)


Letter = Annotated[str, Field(pattern=r"^\w$")]
OptionText = Annotated[str, Field(max_length=MAX_OPTION_CHARS)]


class ChoiceTask(Task):
    """`letters`: those that may be answered, by default the keys of `options`, else A to J.

    `answer`: the right one of them, or the text of exactly one option.
    """

    letters: Annotated[str, Field(pattern=r"^\w+$", max_length=MAX_OPTIONS)] = ""
    options: dict[Letter, OptionText] = Field(default_factory=dict, max_length=MAX_OPTIONS)
    answer: str

    @field_validator("letters")
    @classmethod
    def _each_once(cls, letters: str) -> str:
        if len(set(letters)) != len(letters):
            raise ValueError("a letter is listed twice")
        return letters

    @field_validator("options")
    @classmethod
    def _one_per_letter(cls, options: dict[str, str], known: ValidationInfo) -> dict[str, str]:
        letters = known.data.get("letters")
        if letters and set(letters) != options.keys():
            raise ValueError(f"its keys are {''.join(options)}, and `letters` are {letters}")
        return options

    @field_validator("answer")
    @classmethod
    def _among_letters(cls, answer: str, known: ValidationInfo) -> str:
        options: dict[str, str] = known.data.get("options") or {}
        letters = known.data.get("letters") or "".join(options) or DEFAULT_LETTERS
        if len(answer) == 1 and answer in letters:
            return answer
        worded = [letter for letter, text in options.items() if option_key(text) == option_key(answer) != ""]
        if len(worded) != 1:
            raise ValueError(f"{answer[:40]!r} is none of the letters {letters}, nor the text of one option")
        return worded[0]

    @property
    def allowed(self) -> str:
        return self.letters or "".join(self.options) or DEFAULT_LETTERS


@verifier("choice", version=1, task=ChoiceTask)
def choice(response: str, task: ChoiceTask, sandbox: Sandbox, /) -> Verdict:
    r"""Take the letter in the last `<answer>` or `\boxed{}`, else after "Answer:", "I choose" or before "is correct".

    A response that is nothing but a letter counts, and so does a last line that is. An option's exact text counts as
    its letter. The last of the best places decides: where it names two letters, denies one, or holds none, there is no
    answer, and no earlier place is asked.
    """
    region = answer_region(response)
    if region is None:
        return unparsed("the thinking never ends")
    payload = _payload(region, task)
    if payload is None:
        return unparsed("no answer is marked as such")
    letter = letter_in(payload, task.allowed, task.options)
    if letter is None:
        return unparsed("the answer commits to no single letter", payload)
    return correct(letter) if letter == task.answer else wrong(letter)


def _payload(region: str, task: ChoiceTask) -> str | None:
    """The text that must hold the letter: the best place that there is, even if nothing useful stands in it."""
    for place in (_contained, _phrased, _chosen, _called_correct, _bare):
        payload = place(region, task)
        if payload is not None:
            return payload
    return None


def _contained(region: str, task: ChoiceTask) -> str | None:
    """The last `<answer>`, or the last box where that is within it or after it."""
    tag, box = answer_tag_span(region), boxed_span(region)
    if box is not None and (tag is None or box.start > tag.start):
        return region[box.start : box.end]
    if tag is None:
        return None
    answer = region[tag.start : tag.end]
    phrased = _phrased(answer, task)
    return answer if phrased is None else phrased


def _phrased(region: str, task: ChoiceTask) -> str | None:
    """What follows the last "the answer is", "Answer:", "Option:" …; one that speaks of no option is passed over."""
    for _ in range(MAX_PHRASES_TRIED):
        start, end = max(answer_phrase_span(region) or (-1, -1), _option_phrase_span(region))
        if start < 0:
            return None
        if mentions(region[start:end], task.allowed, task.options):
            return region[start:end]
        region = region[: max(0, region.rfind("\n", 0, start))].rstrip()
    return None


def _option_phrase_span(region: str) -> tuple[int, int]:
    start = -1
    low = region.lower()
    if "option" not in low and "choice" not in low:  # a cheap test before the dear one
        return start, start
    for phrase in _OPTION_PHRASE.finditer(region):
        start = phrase.end()
    end = region.find("\n", start)
    return start, len(region) if end < 0 else end


def _chosen(region: str, task: ChoiceTask) -> str | None:
    """What is chosen in the last line: "I choose B.", "so I'd go with (B)". One that names no letter is passed over."""
    last = region.rstrip().rpartition("\n")[2][-MAX_BARE_CHARS:]
    choices = list(_choice(task.allowed).finditer(last))
    return last[choices[-1].start(1) :] if choices else None


@lru_cache(maxsize=64)
def _choice(letters: str) -> re.Pattern[str]:
    return re.compile(
        r"(?:^|[.,;:!]\s+|\b(?i:so|thus|hence|therefore|then)\s+)(?i:I|we)(?i:\s(?:would|will|must|have\sto)|['’](?:d|ll))?"
        r"\s(?i:choose|chose|pick|picked|select|selected|go\swith|opt\sfor)\s"
        rf"((?i:the\s)?(?i:answer|option|choice|letter)?\s?[(\[*]{{0,4}}[{re.escape(letters)}](?![\w'’]).*)",
    )


def _called_correct(region: str, task: ChoiceTask) -> str | None:
    claims = _claim(task.allowed).findall(region)
    return claims[-1] if claims else None


@lru_cache(maxsize=64)
def _claim(letters: str) -> re.Pattern[str]:
    return re.compile(
        r"(?<!\bif )(?<!\bor )(?<!\bnor )(?<!\band )(?<!\bwhether )(?<![\w'’])"
        rf"[(*]{{0,4}}([{re.escape(letters)}])[)*]{{0,4}}\s(?i:is\s(?:the\s)?(?:only\s)?(?:correct|right|best))\b"
    )


def _bare(region: str, task: ChoiceTask) -> str | None:
    """All of a short response, or the last line where that is a letter alone."""
    text = region.strip()
    first, _, last = text.rpartition("\n")
    if not first:
        return text if 0 < len(text) <= MAX_BARE_CHARS else None
    return last if is_letter(last, task.allowed) else None
