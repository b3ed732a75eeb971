"""Version 1 of the wire cannot drift by accident: every public model's JSON Schema is frozen in `schemas/`.

After a change on purpose: `VERIWARD_FREEZE=1 pytest tests/wire/test_schemas.py` writes them anew, and fails where the
change takes something away: within v1, fields and words are only added, and nothing that was optional is demanded.
"""

import inspect
import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import veriward.wire as wire

SCHEMAS = Path(__file__).parent / "schemas"
MODELS = {
    name: model
    for name in wire.__all__
    if inspect.isclass(model := getattr(wire, name)) and issubclass(model, BaseModel)
}


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Without titles and descriptions: prose may change."""
    bare = without_prose(model.model_json_schema())
    assert isinstance(bare, dict)
    return bare


def without_prose(node: Any, names_are_fields: bool = False) -> Any:
    if isinstance(node, dict):
        return {
            name: without_prose(value, names_are_fields=name in ("properties", "$defs"))
            for name, value in node.items()
            if names_are_fields or name not in ("title", "description")
        }
    return [without_prose(value) for value in node] if isinstance(node, list) else node


def taken_away(old: Any, new: Any, where: str = "") -> list[str]:
    """What `new` no longer has, or newly demands."""
    if isinstance(old, dict) and isinstance(new, dict):
        lost = [f"{where}/{name}" for name in old.keys() - new.keys() if name != "default"]
        for name in old.keys() & new.keys():
            lost += taken_away(old[name], new[name], f"{where}/{name}")
        return lost
    if isinstance(old, list) and isinstance(new, list):
        if where.endswith("/required"):
            return [] if sorted(old) == sorted(new) else [f"{where}: {old} became {new}"]
        return [f"{where}: {value}" for value in old if value not in new]
    return [] if old == new else [f"{where}: {old!r} became {new!r}"]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_schema_is_the_frozen_one(name: str) -> None:
    file = SCHEMAS / f"{name}.json"
    schema = schema_of(MODELS[name])
    if os.environ.get("VERIWARD_FREEZE"):
        lost = taken_away(json.loads(file.read_text()), schema) if file.exists() else []
        assert not lost, f"v1 only adds; this takes away: {lost}"
        file.write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n")
    assert file.exists(), "a new model: freeze it, as the head of this file says"
    assert json.loads(file.read_text()) == schema, "changed on purpose? then freeze it, as the head of this file says"


def test_no_frozen_model_is_gone() -> None:
    assert {file.stem for file in SCHEMAS.glob("*.json")} == MODELS.keys()


OBJECT: dict[str, Any] = {"properties": {"a": {"type": "string"}, "b": {"enum": ["x"]}}, "required": ["a"]}


CHANGES = {
    "a new optional field": ({"properties": {**OBJECT["properties"], "c": {}}}, True),
    "a new word of an enum": ({"properties": {**OBJECT["properties"], "b": {"enum": ["x", "y"]}}}, True),
    "a field gone": ({"properties": {"a": {"type": "string"}}}, False),
    "a word gone": ({"properties": {**OBJECT["properties"], "b": {"enum": []}}}, False),
    "another type": ({"properties": {**OBJECT["properties"], "a": {"type": "integer"}}}, False),
    "an optional field now demanded": ({"required": ["a", "b"]}, False),
    "a demanded field now optional": ({"required": []}, False),
}


@pytest.mark.parametrize(("change", "allowed"), CHANGES.values(), ids=CHANGES)
def test_freezing_refuses_to_take_away(change: dict[str, Any], allowed: bool) -> None:
    assert (not taken_away(OBJECT, {**OBJECT, **change})) == allowed
