"""Base of tasks that come in kinds, told apart by their field `kind`."""

from collections.abc import Mapping
from typing import Any, Generic, Self, TypeVar

from pydantic import ConfigDict, RootModel, ValidationError, ValidatorFunctionWrapHandler, model_validator
from pydantic_core import InitErrorDetails

Kinds = TypeVar("Kinds")


class TaskOfKinds(RootModel[Kinds], Generic[Kinds]):
    """`Kinds` is a union of task models with `Field(discriminator="kind")`; faults name fields without the kind."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="wrap")
    @classmethod
    def _name_fields_without_the_kind(cls, fields: object, validate: ValidatorFunctionWrapHandler) -> Self:
        try:
            return validate(fields)  # type: ignore[no-any-return]
        except ValidationError as invalid:
            raise ValidationError.from_exception_data(invalid.title, list(map(_shorter, invalid.errors()))) from None


def _shorter(error: Mapping[str, Any]) -> InitErrorDetails:
    return InitErrorDetails(
        type=error["type"], loc=error["loc"][1:] or ("kind",), input=error["input"], ctx=error.get("ctx", {})
    )
