"""The registry of checks: how one is declared under its published id, and how its arguments are read.

A check is a function of the text and of keyword arguments with their published names:

    @check("length_constraints:number_words")
    def number_words(text: str, *, num_words: Count, relation: Relation) -> bool: ...

The text is never blank. A check is linear in its length, whatever the text.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, create_model

MAX_PHRASE_CHARS = 20_000
MAX_KEYWORDS = 100

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

Function = TypeVar("Function", bound=Callable[..., bool])


def whole(value: Any) -> Any:
    """The published rows hold counts as floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, BeforeValidator(whole), Field(ge=0, le=1_000_000)]
Position = Annotated[int, BeforeValidator(whole), Field(ge=1, le=1_000_000)]
Percentage = Annotated[float, Field(ge=0, le=100)]
Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_PHRASE_CHARS)]
Verbatim = Annotated[str, StringConstraints(min_length=1, max_length=MAX_PHRASE_CHARS)]
Phrases = Annotated[list[Phrase], Field(min_length=1, max_length=MAX_KEYWORDS)]
Relation = Literal["less than", "at least"]


class BadArguments(Exception):
    """An instruction's arguments are not what its check takes; `name` is the argument, or empty."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class Check:
    """A declared check: its function, and the model of its arguments."""

    function: Callable[..., bool]
    arguments: type[BaseModel]

    @property
    def repeats_the_prompt(self) -> bool:
        return "prompt_to_repeat" in self.arguments.model_fields

    def bound(self, arguments: Mapping[str, Any]) -> Callable[[str], bool]:
        """The check with its arguments, those of None left out. Raises `BadArguments`."""
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            read = self.arguments.model_validate(given)
        except ValidationError as invalid:
            first = invalid.errors(include_url=False, include_input=False)[0]
            raise BadArguments(".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")) from None
        return partial(self.function, **{name: getattr(read, name) for name in self.arguments.model_fields})


CHECKS: dict[str, Check] = {}


def check(*ids: str) -> Callable[[Function], Function]:
    """Declare a function as the check of one or more published ids."""

    def declare(function: Function) -> Function:
        fields: dict[str, Any] = {
            parameter.name: (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
            for parameter in inspect.signature(function, eval_str=True).parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY
        }
        arguments = create_model(function.__name__, __config__=_STRICT, **fields)
        for one in ids:
            if one in CHECKS:
                raise ValueError(f"{one!r} is declared twice")
            CHECKS[one] = Check(function, arguments)
        return function

    return declare


def compares(number: int, relation: Relation, threshold: int) -> bool:
    return number >= threshold if relation == "at least" else number < threshold
