"""Errors of reasoning about brackets: which steps tell the wrong stack of open ones?"""

import re
from random import Random
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Unread, container, judged, last_text, stored
from veriward.verifiers.logic.dyck_language import PAIRS
from veriward.verifiers.logic.dyck_language_errors import balanced
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_STEPS = 1_000

EMPTY = {'""', "''", "“”", "「」"}
NONE = {"none", "no error", "no errors", "no mistake", "no mistakes", "无", "无错误", "没有错误"}

_BETWEEN = re.compile(r"\s*(?:[,，、;；]\s*(?:and\s+)?|\s+and\s+|和|\s+)")
_NUMBER = re.compile(r"\d{1,4}", re.ASCII)
_NAME = re.compile(r"\b(?:thoughts?|steps?)\s+", re.IGNORECASE)


def _told(answer: Any) -> Any:
    if not isinstance(answer, str):
        return answer
    try:
        return _numbers(answer) if answer.strip() else []
    except Unread as unread:
        raise ValueError(str(unread)) from None


class DyckLanguageReasoningErrorsTask(GameTask):
    """`answer`: the numbers of the wrong steps, a list, or as published: "3,10"; empty where all are right."""

    answer: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_STEPS)]], Field(max_length=MAX_STEPS), BeforeValidator(_told)
    ]

    @classmethod
    def of_row(cls, answer: Any, metadata: dict[str, Any]) -> dict[str, Any]:
        """The row's answer stands in its metadata too."""
        return {"answer": metadata["error_indices"]} if "error_indices" in metadata else {}


@verifier("logic.dyck_language_reasoning_errors", version=1, task=DyckLanguageReasoningErrorsTask, golds=stored())
def dyck_language_reasoning_errors(
    response: str, task: DyckLanguageReasoningErrorsTask, sandbox: Sandbox, /
) -> Verdict:
    """Take the last list of numbers, in any order and nothing else; they are all wrong steps, and no other.

    Where all steps are right, it is "none" or an empty text in quotes. Published rows: SynLogic's
    `dyck_language_reasoning_errors` (arXiv:2505.19641), where digits of any words were glued.
    """
    right = sorted(set(task.answer))
    return judged(lambda: _steps(response), lambda told: None if told == right else "they are other steps")


def _steps(response: str) -> list[int]:
    text, contained = container(response)
    last = text.strip() if contained else text.strip().rpartition("\n")[2].strip()
    if last in EMPTY:
        return []
    return _numbers(last_text(response))


def _numbers(text: str) -> list[int]:
    """Numbers, or a word for none. Raises `Unread`."""
    plain = text.strip("$ .。*[]\"'“”")
    if plain.lower() in NONE:
        return []
    found = [_NUMBER.fullmatch(part) for part in _BETWEEN.split(_NAME.sub("", plain))]
    told = [int(one[0]) for one in found if one]
    if len(told) < len(found):
        raise Unread("it is no list of numbers", text)
    return sorted(set(told))


class DyckLanguageReasoningErrorsParameters(Parameters):
    """`length`: brackets of the sequence; `errors`: wrong steps at most, none in some tasks; `kinds` of brackets."""

    length: int = dial(8, 50, ge=4, le=200)
    errors: int = dial(2, 6, ge=1, le=20, about="wrong steps at most")
    kinds: int = dial(2, 4, ge=2, le=4)
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """Someone reads this sequence of brackets from left to right and notes after each the stack of those that \
are open, the oldest first:

{sequence}

{steps}

Each step is judged by itself: it is wrong where the stack it notes is not the true one. Which steps are wrong?

Give their numbers at the end, apart by commas, or none, in \\boxed{{}}.""",
    "zh": """有人从左到右读下面的括号序列，并在每一步记录当前未闭合括号的栈（最早的在前）：

{sequence}

{steps}

每一步单独判断：若记录的栈与真实的栈不同，则该步错误。哪些步骤是错误的？

请在最后的 \\boxed{{}} 中给出错误步骤的编号，用逗号分隔；没有错误则写 none。""",
}
STEP = {"en": "Thought {0}: {1} ; stack: {2}", "zh": "Thought {0}: {1} ; 栈: {2}"}
NOTHING = {"en": "empty", "zh": "空"}


@generator(
    "logic.dyck_language_reasoning_errors", version=1, parameters=DyckLanguageReasoningErrorsParameters, unique=True
)
def generate(rng: Random, parameters: DyckLanguageReasoningErrorsParameters, /) -> Generated:
    """The true stacks of a random sequence, of which some are told wrongly."""
    kinds = rng.sample(sorted(PAIRS), parameters.kinds)
    sequence = balanced(rng, kinds, parameters.length // 2)
    stacks = [""]
    for one in sequence:
        stacks.append(stacks[-1] + one if one in PAIRS else stacks[-1][:-1])
    wrong = sorted(rng.sample(range(1, len(sequence) + 1), min(rng.randint(0, parameters.errors), len(sequence))))
    told = [_changed(rng, stack, kinds) if at in wrong else stack for at, stack in enumerate(stacks)]
    language = parameters.language
    steps = [
        STEP[language].format(at, one, stack or NOTHING[language])
        for at, (one, stack) in enumerate(zip(sequence, told[1:], strict=True), 1)
    ]
    answer = ", ".join(map(str, wrong)) or "none"
    return Generated(
        prompt=PROMPTS[language].format(sequence=sequence, steps="\n".join(steps)),
        task=DyckLanguageReasoningErrorsTask(answer=wrong),
        reference=f"\\boxed{{{answer}}}",
    )


def _changed(rng: Random, stack: str, kinds: list[str]) -> str:
    """Another stack: one bracket more, one less, or one of another kind."""
    kind = rng.randrange(3) if stack else 0
    at = rng.randrange(len(stack)) if stack else 0
    if kind == 0:
        return stack + rng.choice(kinds)
    if kind == 1:
        return stack[:-1]
    return stack[:at] + rng.choice([one for one in kinds if one != stack[at]]) + stack[at + 1 :]
