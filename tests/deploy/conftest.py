"""The files of deploy/, read as those that they are for would read them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
MANIFESTS = sorted((ROOT / "deploy/kubernetes").glob("*.yaml"))


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return made


@pytest.fixture(scope="session")
def board() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((ROOT / "deploy/grafana/board.json").read_text())
    return made


@pytest.fixture(scope="session")
def objects() -> dict[tuple[str, str], dict[str, Any]]:
    """What the manifests declare, by kind and name."""
    found = [one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text()) if "metadata" in one]
    made = {(one["kind"], one["metadata"]["name"]): one for one in found}
    assert len(made) == len(found)
    return made


@pytest.fixture(scope="session")
def kustomization() -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((ROOT / "deploy/kubernetes/kustomization.yaml").read_text())
    return made
