"""docs/systems.md is made of the recipes and of docs/systems.toml, and made anew with `scripts/systems_table`."""

import runpy
import tomllib
from pathlib import Path

import pytest

from veriward.verifiers.recipes import recipes

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "systems.md"
TOLD = tomllib.loads((ROOT / "docs" / "systems.toml").read_text("utf-8"))
SYSTEMS, PARTS = TOLD["systems"], TOLD["parts"]


def test_the_page_is_as_the_recipes_are() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "systems_table"))["page"]().splitlines()
    stands = PAGE.read_text("utf-8").splitlines()
    different = [line for line in made if line not in set(stands)] + [line for line in stands if line not in set(made)]
    assert made == stands, f"run scripts/systems_table; first difference: {different[:1] or 'the order'}"


def test_every_system_that_needs_a_verifier_has_a_recipe() -> None:
    served = {system for recipe in recipes().values() for system in recipe.systems}
    lacking = [name for name, one in SYSTEMS.items() if any(need.startswith("V-") for need in one["needs"])]
    assert [name for name in lacking if name not in served] == []


def test_a_recipe_names_systems_that_are_listed() -> None:
    assert {system for recipe in recipes().values() for system in recipe.systems} <= SYSTEMS.keys()


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_needs_parts_that_are_told(name: str) -> None:
    assert [part for part in SYSTEMS[name]["parts"] if part not in PARTS] == []


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_one_that_a_system_needs(part: str) -> None:
    assert any(part in system["parts"] for system in SYSTEMS.values())
