"""Tasks whose answer is one whole number."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from veriward.verifiers.logic.game import GameTask, judged
from veriward.verifiers.logic.reading import MAX_DIGITS, last_whole_number
from veriward.verifiers.verdict import Verdict


def _as_number(answer: Any) -> Any:
    """A published number in a text."""
    if isinstance(answer, str) and len(answer) <= MAX_DIGITS and answer.strip().removeprefix("-").isdecimal():
        return int(answer)
    return answer


class NumberTask(GameTask):
    """`answer`: the number; or as published, a text of it."""

    answer: Annotated[int, BeforeValidator(_as_number)]


def judged_number(response: str, task: NumberTask) -> Verdict:
    """The last number, with nothing beside it in its container or its line, is the answer."""
    return judged(
        lambda: last_whole_number(response), lambda told: None if told == task.answer else "it is another number"
    )
