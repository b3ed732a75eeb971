"""Finds recipes: the TOML files beside this module, one for a family, and a table in it for each recipe.

    [rlcr]
    summary = "…"                               # one line
    source = "arXiv:2507.16806, section 3"
    systems = ["RLCR (Beyond Binary Rewards)"]  # whose reward it is
    notes = "…"                                 # what of it is ours
    task = {verifier = "calibration", gold = "{gold}"}
    defaults = {}                               # fields that a task may leave out
    example = {gold = "Paris"}
    right = {response = "…", reward = 2.0}      # what is earned; a `wrong` and a `gaming` one likewise, or `at_most`

`[fields]` of a file says what the fields of its recipes are.
"""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from veriward.verifiers.recipes.recipe import Made, Recipe, Trial
from veriward.verifiers.verdict import InvalidTask

FOLDER = Path(__file__).parent
TRIALS = ("right", "wrong", "gaming")
MAX_NAME_CHARS = 100
NEAREST = 5

_KEYS = {"summary", "source", "systems", "notes", "task", "defaults", "example", "group_shaping", *TRIALS}


class BadRecipes(Exception):
    """A file of recipes breaks the format; says which file, which recipe and why."""


@cache
def recipes() -> dict[str, Recipe]:
    """All recipes by name. Raises `BadRecipes`."""
    found: dict[str, Recipe] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        try:
            tables = tomllib.loads(path.read_text("utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise BadRecipes(f"{path}: {error}") from None
        about = tables.pop("fields", {})
        for name, table in tables.items():
            if name in found:
                raise BadRecipes(f"{path}: {name!r} is a recipe of {found[name].family!r} too")
            try:
                found[name] = _recipe(name, path.stem, table, about)
            except (KeyError, TypeError, ValueError) as error:
                raise BadRecipes(f"{path}: {name!r}: {error!r}") from error
    return dict(sorted(found.items()))


def made_of(task: Mapping[str, Any]) -> Made:
    """The recipe that `task` names, filled in with its other fields.

    Raises `InvalidTask` for a recipe that is not known, and for a field: one that is missing, one that the recipe does
    not take, and a `verifier` that is not the recipe's.
    """
    name = task["recipe"]
    if not isinstance(name, str):
        raise InvalidTask("recipe", "must name a recipe")
    recipe = recipes().get(name)
    if recipe is None:
        raise InvalidTask("recipe", f"{name[:MAX_NAME_CHARS]!r} is no recipe; {nearest(name)}")
    verifier = task.get("verifier", recipe.verifier)
    if verifier != recipe.verifier:
        raise InvalidTask("verifier", f"the recipe {name!r} is graded by {recipe.verifier!r}: leave it out")
    return recipe.made({field: value for field, value in task.items() if field not in ("recipe", "verifier")})


def nearest(name: str) -> str:
    """What a wrong name may have meant."""
    close = get_close_matches(name[:MAX_NAME_CHARS], recipes(), n=NEAREST, cutoff=0.6)
    return f"the nearest are {', '.join(map(repr, close))}" if close else "GET /v1/recipes lists them"


def _recipe(name: str, family: str, table: Mapping[str, Any], about: Mapping[str, str]) -> Recipe:
    if unknown := table.keys() - _KEYS:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    recipe = Recipe(
        name=name,
        family=family,
        summary=table["summary"],
        source=table["source"],
        task=table["task"],
        systems=tuple(table.get("systems", ())),
        notes=" ".join(table.get("notes", "").split()),
        defaults=table.get("defaults", {}),
        about=about,
        example=table["example"],
        group_shaping=tuple(table.get("group_shaping", ())),
        trials=tuple(_trial(kind, table[kind]) for kind in TRIALS),
    )
    if unsaid := recipe.fields.keys() - about.keys():
        raise ValueError(f"[fields] does not say what {sorted(unsaid)} are")
    if unused := table.get("defaults", {}).keys() - recipe.fields.keys():
        raise ValueError(f"defaults of no field: {sorted(unused)}")
    return recipe


def _trial(kind: str, told: Mapping[str, Any]) -> Trial:
    if ("reward" in told) == ("at_most" in told):
        raise ValueError(f"{kind}: say either reward or at_most")
    return Trial(kind, told["response"], told.get("reward"), told.get("at_most"), tuple(told.get("replies", ())))
