"""Dyck language: close what brackets are left open."""

import re
from random import Random
from typing import Annotated, Literal

from pydantic import Field, field_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.answers import line_span
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Unread, container, judged, published
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
MAX_SEQUENCE_CHARS = 2_000

_RUN = re.compile(r"[()\[\]{}<>](?:[ \t]*[()\[\]{}<>])*")
_PHRASE = re.compile(r"(?:answer|sequence|答案|序列)[^\n()\[\]{}<>]*?(?:\bis\b|:|：|是|为)", re.IGNORECASE)


class DyckLanguageTask(GameTask):
    """`sequence`: brackets of the kinds ()[]{}<>, some of them open at its end and none closed that was not open."""

    sequence: Annotated[str, Field(min_length=1, max_length=MAX_SEQUENCE_CHARS)] = published("question_sequence")

    @field_validator("sequence")
    @classmethod
    def _left_open(cls, sequence: str) -> str:
        if not closing_of(sequence):
            raise ValueError("leaves nothing to close")
        return sequence


@verifier("logic.dyck_language", version=1, task=DyckLanguageTask)
def dyck_language(response: str, task: DyckLanguageTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last brackets; they are the whole sequence, completed with the fewest that close it.

    They stand in `<answer>`, a box or a fence, or are all that the last line holds, or what follows "the sequence is".
    Published rows: SynLogic's `dyck_language` (arXiv:2505.19641), where any word beside them was wrong.
    """
    right = task.sequence + closing_of(task.sequence)

    def fault(told: str) -> str | None:
        if told == right:
            return None
        return "it closes otherwise" if told.startswith(task.sequence) else "it does not begin with the sequence"

    return judged(lambda: _brackets(response), fault)


def closing_of(sequence: str) -> str:
    """The brackets that close what is open. Raises `ValueError` where something else, or a wrong one, stands in it."""
    open_ones: list[str] = []
    for at, one in enumerate(sequence, 1):
        if one in PAIRS:
            open_ones.append(PAIRS[one])
        elif not open_ones or open_ones.pop() != one:
            raise ValueError(f"{one!r} at place {at} closes nothing")
    return "".join(reversed(open_ones))


def _brackets(response: str) -> str:
    text, contained = container(response)
    text = text.strip()
    if not contained and text:
        phrases = list(_PHRASE.finditer(text))
        span = line_span(text, phrases[-1].end()) if phrases else None
        text = text.splitlines()[-1] if span is None else text[span.start : span.end]
        runs = _RUN.findall(text)
        if len(runs) != 1:
            raise Unread("the last line is no single sequence of brackets", text)
        text = runs[0]
    told = "".join(text.split())
    if not told or not all(one in "()[]{}<>" for one in told):
        raise Unread("there is something else than brackets" if told else "there are no brackets", told)
    return told


class DyckLanguageParameters(Parameters):
    """`length`: brackets of the whole sequence; `open`: how many of them are to be added; `kinds` of brackets."""

    length: int = dial(10, 60, ge=4, le=400)
    open: int = dial(3, 14, ge=1, le=100)
    kinds: int = dial(2, 4, ge=1, le=4)
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """Complete this sequence of brackets with as few as possible, so that every bracket is closed, in the right \
order. The kinds are {kinds}.

{sequence}

Give the whole sequence, from its first bracket on, at the end, in a fenced block:
```
the whole sequence
```""",
    "zh": """请用最少的括号补全下面的序列，使所有括号按正确顺序闭合。括号种类：{kinds}。

{sequence}

请在最后的代码块中给出从头开始的完整序列：
```
完整序列
```""",
}


@generator("logic.dyck_language", version=1, parameters=DyckLanguageParameters, unique=True)
def generate(rng: Random, parameters: DyckLanguageParameters, /) -> Generated:
    """A random walk over opening and closing brackets that ends at the depth asked for."""
    kinds = rng.sample(sorted(PAIRS), parameters.kinds)
    depth = min(parameters.open, parameters.length // 2)
    length = max(depth, parameters.length - depth)
    length -= (length - depth) % 2
    sequence = ""
    open_ones: list[str] = []
    for left in range(length, 0, -1):
        # What is left must still lead to `depth` open ones.
        may_open, may_close = (
            len(open_ones) + 1 <= depth + left - 1,
            bool(open_ones) and len(open_ones) - 1 >= depth - left + 1,
        )
        if may_open and (not may_close or rng.random() < 0.5):
            sequence += rng.choice(kinds)
            open_ones.append(PAIRS[sequence[-1]])
        else:
            sequence += open_ones.pop()
    prompt = PROMPTS[parameters.language].format(
        kinds=" ".join(one + PAIRS[one] for one in sorted(kinds)), sequence=sequence
    )
    return Generated(
        prompt=prompt, task=DyckLanguageTask(sequence=sequence), reference=f"```\n{sequence}{closing_of(sequence)}\n```"
    )
