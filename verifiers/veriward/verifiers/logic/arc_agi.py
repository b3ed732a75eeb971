"""ARC-AGI in the form of SynLogic's rows: a grid of colours, every cell of it."""

from typing import Annotated

from pydantic import AfterValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.arc import MAX_SIDE, ArcTask, Row, arc
from veriward.verifiers.logic import GameTask
from veriward.verifiers.logic.grids import require_rectangle
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict


class ArcAgiTask(GameTask):
    """`answer`: the output grid, rows of colours 0 to 9, at most 30 by 30."""

    answer: Annotated[list[Row], Field(min_length=1, max_length=MAX_SIDE), AfterValidator(require_rectangle)]


@verifier("logic.arc_agi", version=1, task=ArcAgiTask)
def arc_agi(response: str, task: ArcAgiTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid, as `arc` does; every cell must be right.

    Published rows: SynLogic's `arc_agi` (arXiv:2505.19641), whose answers were evaluated as code.
    """
    return arc(response, ArcTask(gold=task.answer), sandbox)
