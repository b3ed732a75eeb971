"""Holds a parsed body against its wire model: 422 names every field at fault by its path, `items[3].foo`."""

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from veriward.server.problems import Refusal, invalid_fields
from veriward.wire import ErrorCode, FieldError

MAX_FIELDS = 100  # of one object
MEAN_FIELDS = 10  # of the objects in a list, over all; pydantic builds an error for every unknown one
Model = TypeVar("Model", bound=BaseModel)


def check(model: type[Model], body: Any, list_name: str = "", *within: str) -> Model:
    """The body as `model`. Raises `Refusal`.

    Before anything is built, the objects in the list `list_name`, and those in their fields `within`, are bounded.
    """
    if not isinstance(body, dict):
        raise Refusal(ErrorCode.INVALID_REQUEST, f"the body must be an object, not {_kind(body)}")
    _bound(len(body), MAX_FIELDS, "the body")
    listed = body.get(list_name)
    members = [member for member in listed if isinstance(member, dict)] if isinstance(listed, list) else []
    _bound(sum(map(len, members)), MEAN_FIELDS * len(members) + MAX_FIELDS, list_name)
    for name in within:
        for member in members:
            if isinstance(fields := member.get(name), dict):
                _bound(len(fields), MAX_FIELDS, f"{list_name}[…].{name}")
    try:
        return model.model_validate(body)
    except ValidationError as invalid:
        raise invalid_fields(field_errors(invalid)) from None


def bounded_list(body: Any, name: str, most: int) -> None:
    """Raises `Refusal` where the list `name` is longer than `most`: before anything is built per member."""
    members = body.get(name) if isinstance(body, dict) else None
    if isinstance(members, list) and len(members) > most:
        raise invalid_fields([FieldError(field=name, message=f"{len(members):,} are more than {most:,}")])


def field_errors(invalid: ValidationError) -> list[FieldError]:
    """Pydantic's complaints with paths as a client writes them; an unknown field is called that."""
    return [
        FieldError(
            field=path(error["loc"]) or "body",
            message="unknown field" if error["type"] == "extra_forbidden" else error["msg"],
        )
        for error in invalid.errors(include_url=False, include_input=False, include_context=False)
    ]


def path(location: Sequence[int | str]) -> str:
    """`("items", 3, "foo")` as `items[3].foo`."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _bound(fields: int, most: int, where: str) -> None:
    if fields > most:
        raise Refusal(ErrorCode.INVALID_REQUEST, f"{where}: {fields:,} fields are more than {most:,}")


def _kind(value: Any) -> str:
    return {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}.get(type(value), "a number")
