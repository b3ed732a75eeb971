"""A task that a recipe made, with what its faults are told by."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class RecipeTask(BaseModel):
    """`task` is the verifier's own, read; `made` is a `Made`."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    task: Any
    made: Any
