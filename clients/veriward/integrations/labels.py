"""What trainers keep of a task in one value, a label or ground truth, as a task."""

import json
from collections.abc import Mapping
from typing import Any

from veriward.client import Task


class NotGraded(RuntimeError):
    """The server could not grade a rollout; the trainer has no value for that, and 0 would be an invented reward."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(f"not graded, {status}: {reason}")


def task_of(label: Any, verifier: str | None = None, field: str = "answer") -> Task:
    """`label` as a task: with `verifier`, its gold answer, for `field`; else the task itself, as JSON or a mapping.

    Raises ValueError where it is neither.
    """
    if verifier is not None:
        return {"verifier": verifier, field: label}
    if isinstance(label, str):
        try:
            label = json.loads(label)
        except ValueError:
            label = None
    if not isinstance(label, Mapping):
        raise ValueError("a label must be a task, as JSON or a mapping; for gold answers name the verifier")
    return dict(label)
