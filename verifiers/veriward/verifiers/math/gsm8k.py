"""GSM8K's strict published rule: the number after the last `####` near the end, compared as text.

Kept to reproduce published figures; for training, `math` is the better judge.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict, correct, unparsed, wrong

READ_CHARS = 300
MAX_ANSWER_CHARS = 100

_MARKED_NUMBER = re.compile(r"#### (-?[0-9.,]+)")


def _number(answer: str) -> str:
    """The gold number as the data set's preparation leaves it: bare, its thousands joined."""
    number = answer.strip().replace(",", "")
    if not re.fullmatch(r"-?[0-9.]*[0-9][0-9.]*", number):
        raise ValueError("not a number, so no response could ever match it")
    return number


class Gsm8kTask(Task):
    answer: Annotated[str, Field(max_length=MAX_ANSWER_CHARS), AfterValidator(_number)]


@verifier("math.gsm8k", version=1, task=Gsm8kTask)
def gsm8k(response: str, task: Gsm8kTask, sandbox: Sandbox, /) -> Verdict:
    """Take `#### 1,072` in the last 300 characters; the number must equal the gold answer as text.

    Rule: GSM8K (Cobbe et al. 2021, arXiv:2110.14168), as verl's `gsm8k.compute_score(method="strict")` applies it: the
    last match of `#### (-?[0-9.,]+)`, commas dropped, string equality, 1 or 0.

    Known holes, kept: `42.`, `42.0`, `$42` and `####42` fail for `42`; what stands inside an unclosed `<think>`
    counts; a later correction without `####` is not seen.
    """
    marked = _MARKED_NUMBER.findall(response[-READ_CHARS:])
    if not marked:
        return unparsed("no `#### number` in the last 300 characters")
    number = marked[-1].replace(",", "")
    return correct(number) if number == task.answer else wrong(number)
