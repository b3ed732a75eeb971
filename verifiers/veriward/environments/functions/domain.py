"""A domain as data: a state, a policy, and tools that look at the state and change it. Read and checked once.

    [tools.cancel_order]
    description = "Cancel an order that was not sent yet."
    arguments.order_id = {type = "string"}
    let = {order = "orders.{order_id}"}
    checks = [{that = "{order.status}", in = ["pending"], else = "only pending orders can be cancelled"}]
    set = {"orders.{order_id}.status" = "cancelled"}
    add = {"customers.{order.customer}.credit" = "{order.total}"}
    returns = "orders.{order_id}"

A path names a place in the state, step by step. `{name}` in a text stands for an argument, `{name.field}` for a field
of what `let` found; a text that is one `{…}` alone is that value, whatever its type.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from veriward.environments.tools import Tool

MAX_TOOLS = 64
MAX_RULES = 32  # of one tool, of each kind
MAX_PATH_CHARS = 200
MAX_STATE_CHARS = 500_000
MAX_POLICY_CHARS = 50_000

Path = Annotated[str, Field(min_length=1, max_length=MAX_PATH_CHARS)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")]


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class Argument(_Declared):
    """One argument of a tool. `choices`: the values that it may have."""

    type: Literal["string", "integer", "number", "boolean"] = "string"
    about: str = Field(default="", max_length=1_000)
    choices: tuple[str, ...] = ()
    optional: bool = False


class Check(_Declared):
    """What must hold before a tool does anything: `that` is one of `in`, or none of `not_in`, or at least a number."""

    that: Path
    among: Annotated[tuple[Any, ...] | None, Field(alias="in")] = None
    not_in: tuple[Any, ...] | None = None
    at_least: str | float | None = None
    otherwise: str = Field(alias="else", max_length=500)


class Find(_Declared):
    """All entries of a table whose fields hold what `where` says: texts in part, others whole."""

    table: Path
    where: Annotated[dict[str, Any], Field(max_length=MAX_RULES)] = {}
    most: int = Field(default=10, ge=1, le=100)


class Function(_Declared):
    """One tool of a domain; `let` and `checks` come first, in their order, then the changes, then what it returns."""

    description: str = Field(min_length=1, max_length=2_000)
    arguments: Annotated[dict[Name, Argument], Field(max_length=MAX_RULES)] = {}
    let: Annotated[dict[Name, Path], Field(max_length=MAX_RULES)] = {}
    checks: Annotated[tuple[Check, ...], Field(max_length=MAX_RULES)] = ()
    set: Annotated[dict[Path, Any], Field(max_length=MAX_RULES)] = {}
    add: Annotated[dict[Path, Any], Field(max_length=MAX_RULES)] = {}
    append: Annotated[dict[Path, Any], Field(max_length=MAX_RULES)] = {}
    remove: Annotated[tuple[Path, ...], Field(max_length=MAX_RULES)] = ()
    find: Find | None = None
    returns: str = Field(default="", max_length=1_000)


class Domain(_Declared):
    """`policy` is told to the model; `state` is what every episode begins with."""

    name: Name
    policy: str = Field(max_length=MAX_POLICY_CHARS)
    state: dict[str, Any]
    tools: Annotated[dict[Name, Function], Field(min_length=1, max_length=MAX_TOOLS)]

    def declared(self) -> Mapping[str, Tool]:
        return {name: Tool(name, one.description, _arguments(name, one.arguments)) for name, one in self.tools.items()}


@cache
def domains() -> dict[str, Domain]:
    """Those that come with Veriward, by name."""
    folder = files("veriward.environments.functions") / "domains"
    read = [
        Domain.model_validate(tomllib.loads(one.read_text("utf-8"))) for one in folder.iterdir() if _is_toml(one.name)
    ]
    return {one.name: one for one in sorted(read, key=lambda one: one.name)}


def _is_toml(name: str) -> bool:
    return name.endswith(".toml")


_TYPES: Mapping[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool}


def _arguments(name: str, arguments: Mapping[str, Argument]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for key, one in arguments.items():
        kind: Any = Literal[one.choices] if one.choices else _TYPES[one.type]
        about = one.about or None
        fields[key] = (
            (kind | None, Field(None, description=about)) if one.optional else (kind, Field(description=about))
        )
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    return create_model(f"{name}_arguments", __config__=config, **fields)
