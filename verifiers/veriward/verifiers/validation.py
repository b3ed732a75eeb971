"""Reads a model from JSON fields; the first fault is an `InvalidTask` that names it by its path."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from veriward.verifiers.verdict import WHOLE_TASK, InvalidTask

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], fields: Mapping[str, Any], context: object = None) -> Model:
    """The fields as `model`. Raises `InvalidTask`. `context` reaches the validators of the model."""
    try:
        return model.model_validate(dict(fields), context=context)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        raise InvalidTask(_path(first["loc"]) or WHOLE_TASK, first["msg"].removeprefix("Value error, ")) from None


def _path(location: tuple[int | str, ...]) -> str:
    """`("tests", 3, "output")` as `tests[3].output`."""
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path
