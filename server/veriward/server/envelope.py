"""Holds a parsed body against its wire model: 422 names every field at fault by its path, `items[3].foo`."""

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from veriward.server.problems import Refusal, invalid_fields
from veriward.wire import ErrorCode, FieldError

MAX_FIELDS = 100  # of one object; pydantic builds an error for every unknown one
Model = TypeVar("Model", bound=BaseModel)


def check(model: type[Model], body: Any, list_name: str, *within: str) -> Model:
    """The body as `model`. Raises `Refusal`.

    Before anything is built, the objects in the list `list_name`, and those in their fields `within`, are bounded.
    """
    if not isinstance(body, dict):
        raise Refusal(ErrorCode.INVALID_REQUEST, f"the body must be an object, not {_kind(body)}")
    _bound(body, "the body")
    members = body.get(list_name)
    for at, member in enumerate(members if isinstance(members, list) else ()):
        if isinstance(member, dict):
            _bound(member, f"{list_name}[{at}]")
            for name in within:
                _bound(member.get(name), f"{list_name}[{at}].{name}")
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


def _bound(fields: Any, where: str) -> None:
    if isinstance(fields, dict) and len(fields) > MAX_FIELDS:
        raise Refusal(ErrorCode.INVALID_REQUEST, f"{where} has {len(fields):,} fields, more than {MAX_FIELDS}")


def _kind(value: Any) -> str:
    return {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}.get(type(value), "a number")
