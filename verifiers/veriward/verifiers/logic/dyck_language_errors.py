"""Bracket errors: at which place does a sequence of brackets go wrong first?"""

from random import Random
from typing import Annotated, Literal

from pydantic import Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, judged, last_whole_number, published, stored
from veriward.verifiers.logic.dyck_language import MAX_SEQUENCE_CHARS, PAIRS
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

VALID = -1


class DyckLanguageErrorsTask(GameTask):
    """`sequence`: brackets of the kinds ()[]{}<>."""

    sequence: Annotated[str, Field(min_length=1, max_length=MAX_SEQUENCE_CHARS, pattern=r"^[()\[\]{}<>]+$")] = (
        published("bracket_string")
    )


@verifier("logic.dyck_language_errors", version=1, task=DyckLanguageErrorsTask, golds=stored())
def dyck_language_errors(response: str, task: DyckLanguageErrorsTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last number and nothing else; it is the place of the first wrong bracket, from 1.

    It is -1 where all is right, and one more than the length where only closing brackets are missing. Published rows:
    SynLogic's `dyck_language_errors` (arXiv:2505.19641), where "invalid" counted as valid.
    """
    right = first_error(task.sequence)
    return judged(
        lambda: last_whole_number(response), lambda told: None if told == right else "it goes wrong elsewhere"
    )


def first_error(sequence: str) -> int:
    """The place of the first bracket that closes what is not open; the length plus 1 where some stay open; or -1."""
    open_ones: list[str] = []
    for at, one in enumerate(sequence, 1):
        if one in PAIRS:
            open_ones.append(PAIRS[one])
        elif not open_ones or open_ones.pop() != one:
            return at
    return len(sequence) + 1 if open_ones else VALID


class DyckLanguageErrorsParameters(Parameters):
    """`length`: brackets of the sequence; `kinds` of brackets; `valid_share`: of the sequences, are right."""

    length: int = dial(10, 100, ge=4, le=400)
    kinds: int = dial(2, 4, ge=2, le=4)
    valid_share: float = dial(0.1, 0.1, ge=0.0, le=1.0)
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """In this sequence of brackets, every bracket should be closed by one of its kind, in the right order:

{sequence}

At which place, counted from 1, stands the first bracket that closes nothing or the wrong kind? If there is none but \
brackets stay open at the end, the place is the length of the sequence plus 1. If all is right, it is -1.

Give only the number at the end, in \\boxed{{}}.""",
    "zh": """下面的括号序列中，每个括号都应按正确顺序由同类括号闭合：

{sequence}

第一个错误的括号（无可闭合或类型不匹配）在第几个位置（从 1 开始）？如果没有这样的括号，但末尾有未闭合的括号，\
则位置为序列长度加 1。如果完全正确，则为 -1。

请在最后的 \\boxed{{}} 中只给出数字。""",
}


@generator("logic.dyck_language_errors", version=1, parameters=DyckLanguageErrorsParameters, unique=True)
def generate(rng: Random, parameters: DyckLanguageErrorsParameters, /) -> Generated:
    """A random right sequence in which one bracket is changed or one pair is not closed, or nothing is."""
    kinds = rng.sample(sorted(PAIRS), parameters.kinds)
    sequence = balanced(rng, kinds, parameters.length // 2)
    if rng.random() >= parameters.valid_share:
        at = rng.randrange(len(sequence))
        others = [one for kind in kinds for one in (kind, PAIRS[kind]) if one != sequence[at]]
        sequence = sequence[:at] + rng.choice(others) + sequence[at + 1 :]
    answer = first_error(sequence)
    return Generated(
        prompt=PROMPTS[parameters.language].format(sequence=sequence),
        task=DyckLanguageErrorsTask(sequence=sequence),
        reference=f"\\boxed{{{answer}}}",
    )


def balanced(rng: Random, kinds: list[str], pairs: int) -> str:
    """A random sequence of so many pairs, all of them closed."""
    sequence = ""
    open_ones: list[str] = []
    while pairs or open_ones:
        if pairs and (not open_ones or rng.random() < 0.5):
            sequence += rng.choice(kinds)
            open_ones.append(PAIRS[sequence[-1]])
            pairs -= 1
        else:
            sequence += open_ones.pop()
    return sequence
