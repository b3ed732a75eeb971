"""Tools: methods of an environment that a model may call, each with the JSON Schema of its arguments.

    @tool
    def move(self, direction: Literal["up", "down"]) -> str:
        \"\"\"Go one step.\"\"\"

The signature is the schema, and the docstring what the model is told. Arguments are checked before the method is
called; a method may raise `ToolError`, which is told to the model and counted.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

Method = TypeVar("Method", bound=Callable[..., Any])
_MARK = "_veriward_tool"
MAX_FAULTS = 3  # of one call's arguments that are told


class ToolError(Exception):
    """A call that was well formed and could not be done; the message is for the model."""


class BadArguments(Exception):
    """Arguments off the schema; the message is for the model."""


@dataclass(frozen=True, slots=True)
class Tool:
    """`fence`: languages whose fenced blocks are calls of it. `only`: its argument, where it has one."""

    name: str
    description: str
    arguments: type[BaseModel]
    fence: tuple[str, ...] = ()
    method: str = ""

    @property
    def only(self) -> str | None:
        names = list(self.arguments.model_fields)
        needed = [name for name, one in self.arguments.model_fields.items() if one.is_required()]
        chosen = needed if len(needed) == 1 else names
        return chosen[0] if len(chosen) == 1 else None

    @property
    def declared(self) -> dict[str, Any]:
        """As OpenAI's `tools` have it."""
        schema = {key: value for key, value in self.arguments.model_json_schema().items() if key != "title"}
        for one in schema.get("properties", {}).values():
            one.pop("title", None)
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": schema},
        }

    def read(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the method takes them. Raises `BadArguments`."""
        try:
            read = self.arguments.model_validate(arguments)
        except ValidationError as invalid:
            faults = invalid.errors(include_url=False, include_input=False)[:MAX_FAULTS]
            told = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}" for one in faults)
            raise BadArguments(told) from None
        return {name: getattr(read, name) for name in self.arguments.model_fields}


@overload
def tool(method: Method) -> Method: ...
@overload
def tool(*, name: str = "", fence: tuple[str, ...] = ()) -> Callable[[Method], Method]: ...
def tool(method: Method | None = None, *, name: str = "", fence: tuple[str, ...] = ()) -> Any:
    """Declare a method as a tool of its name, or of `name`."""

    def declare(one: Method) -> Method:
        setattr(one, _MARK, (name or one.__name__, fence))
        return one

    return declare if method is None else declare(method)


_found: dict[type, dict[str, Tool]] = {}


def tools_of(environment: type) -> dict[str, Tool]:
    """The tools that a class declares, by name, in the order in which they stand there."""
    if environment not in _found:
        _found[environment] = _tools(environment)
    return _found[environment]


def _tools(environment: type) -> dict[str, Tool]:
    found: dict[str, Tool] = {}
    members = {key: value for base in reversed(environment.__mro__) for key, value in vars(base).items()}
    for key, method in members.items():
        mark = getattr(method, _MARK, None)
        if mark is not None:
            name, fence = mark
            found[name] = Tool(name, inspect.getdoc(method) or "", _model(name, method), fence, key)
    return found


def _model(name: str, method: Callable[..., Any]) -> type[BaseModel]:
    hints = get_type_hints(method, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in list(inspect.signature(method).parameters.values())[1:]:
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    return create_model(f"{name}_arguments", __config__=config, **fields)
