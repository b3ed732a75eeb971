"""Published rewards by name, as the server tells of them."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class _Answer(BaseModel):
    """Fields are only ever added within v1, so an older client ignores what it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class RecipeField(_Answer):
    """A field that a task which asks for the recipe must or may give; `default` where it has one."""

    name: str
    required: bool
    about: str
    default: Any = None


class RecipeInfo(_Answer):
    """A recipe: what it pays, where that was published, whose it is.

    Asked for by name it comes with what of it is not as published (`notes`), its `fields`, the task that it stands for,
    in which `{name}` is the place of a field, and the `example` of a task that asks for it.
    """

    name: str
    family: str
    summary: str
    source: str
    verifier: str
    systems: list[str] = []
    notes: str | None = None
    fields: list[RecipeField] | None = None
    task: dict[str, Any] | None = None
    group_shaping: list[dict[str, Any]] | None = None
    example: dict[str, Any] | None = None


class RecipeList(_Answer):
    recipes: list[RecipeInfo]
