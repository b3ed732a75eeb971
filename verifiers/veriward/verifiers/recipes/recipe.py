"""A recipe: a published reward by its name, as a task with places for what a user's own task must give.

In the task of a recipe, a text that is `{answer}` and no more is the place of the field `answer`; `{question?}` is one
that may be left out, and goes with its key. Fields of `defaults` may be left out too. Any other field is refused by
name, so that a published reward is never changed by a slip.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from veriward.verifiers.verdict import InvalidTask, Unavailable

_PLACE = re.compile(r"\{([a-z][a-z0-9_]{0,39})(\??)\}")


@dataclass(frozen=True, slots=True)
class Trial:
    """What a response to the example must earn: `reward`, or no more than `at_most`; `replies` are those of a judge."""

    kind: str
    response: Any
    reward: float | None = None
    at_most: float | None = None
    replies: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A recipe filled in: the whole task, and at which of its paths each of the given fields stands."""

    recipe: str
    task: Mapping[str, Any]
    places: Mapping[str, str]

    @property
    def verifier(self) -> str:
        return str(self.task["verifier"])

    def told(self, fault: InvalidTask) -> InvalidTask:
        """The same fault, told of the field that was given, and of the recipe."""
        if isinstance(fault, Unavailable):
            return fault
        within = max((path for path in self.places if _leads_to(path, fault.field)), key=len, default=None)
        if within is None:
            return InvalidTask(fault.field, f"{fault.message} (in the recipe {self.recipe!r})")
        named = self.places[within] + fault.field[len(within) :]
        where = "" if within == self.places[within] else f", as {within}"
        return InvalidTask(named, f"{fault.message} (in the recipe {self.recipe!r}{where})")


@dataclass(frozen=True, slots=True)
class Recipe:
    """`source` is where the reward was published, `systems` whose it is, `notes` what of it is ours.

    `about` says of each field what it is; `example` are the fields that `trials` answer. `group_shaping` is what the
    item gets that asks for the recipe.
    """

    name: str
    family: str
    summary: str
    source: str
    task: Mapping[str, Any]
    systems: tuple[str, ...] = ()
    notes: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    example: Mapping[str, Any] = field(default_factory=dict)
    group_shaping: tuple[Mapping[str, Any], ...] = ()
    trials: tuple[Trial, ...] = ()

    @property
    def verifier(self) -> str:
        return str(self.task["verifier"])

    @property
    def fields(self) -> dict[str, bool]:
        """The fields that a task may give, in the order of the template; whether it must."""
        return {name: not optional and name not in self.defaults for name, optional in _places(self.task)}

    def made(self, given: Mapping[str, Any]) -> Made:
        """The task for these fields. Raises `InvalidTask` for one that is missing or that it does not take."""
        known = self.fields
        for name in given:
            if name not in known:
                raise InvalidTask(
                    str(name)[:100], f"the recipe {self.name!r} does not take it; it takes {_list(known)}"
                )
        for name, needed in known.items():
            if needed and given.get(name) is None:
                raise InvalidTask(name, f"the recipe {self.name!r} needs it: {self.about.get(name, 'see its task')}")
        values = {**self.defaults, **{name: value for name, value in given.items() if value is not None}}
        places: dict[str, str] = {}
        task = _filled(self.task, values, "", places)
        return Made(self.name, task, places)


def _places(value: Any) -> dict[tuple[str, bool], None]:
    """(name, whether it may be left out) of every place in a template; one of a name that may not, decides."""
    found: dict[str, bool] = {}
    _collect(value, found)
    return dict.fromkeys(found.items())


def _collect(value: Any, found: dict[str, bool]) -> None:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            _collect(each, found)
    elif isinstance(value, str) and (place := _PLACE.fullmatch(value)):
        found[place[1]] = found.get(place[1], True) and bool(place[2])


def _filled(value: Any, values: Mapping[str, Any], path: str, places: dict[str, str]) -> Any:
    if isinstance(value, Mapping):
        below = {name: f"{path}.{name}" if path else name for name in value}
        return {
            name: _filled(each, values, below[name], places)
            for name, each in value.items()
            if not _absent(each, values)
        }
    if isinstance(value, list):
        kept = [each for each in value if not _absent(each, values)]
        return [_filled(each, values, f"{path}[{at}]", places) for at, each in enumerate(kept)]
    if isinstance(value, str) and (place := _PLACE.fullmatch(value)):
        places[path] = place[1]
        return values[place[1]]
    return value


def _absent(value: Any, values: Mapping[str, Any]) -> bool:
    place = _PLACE.fullmatch(value) if isinstance(value, str) else None
    return place is not None and place[1] not in values


def _leads_to(path: str, field: str) -> bool:
    """Whether `field` is `path` or lies below it: `parts[0].answer` of `parts[0]`."""
    return field == path or (field.startswith(path) and field[len(path)] in ".[")


def _list(names: Mapping[str, bool]) -> str:
    return ", ".join(names) or "none"
