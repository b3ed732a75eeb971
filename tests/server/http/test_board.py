"""Every panel of Grafana's board asks for metrics that `/metrics` tells of, by labels that they have."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]

DEPLOY = Path(__file__).parents[3] / "deploy"
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
OF_PROMETHEUS = {"job", "instance"}


@pytest.fixture(scope="session")
def board() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((DEPLOY / "grafana/board.json").read_text())
    return made


def expressions(board: dict[str, Any]) -> Iterator[str]:
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


async def test_every_query_names_metrics_that_there_are(client: httpx.AsyncClient, board: dict[str, Any]) -> None:
    text = (await client.get("/metrics")).text
    types = re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)
    known = {f"{name}{suffix}" for name, kind in types for suffix in SUFFIXES.get(kind, ("",))}
    rule = (DEPLOY / "kubernetes/adapter-rule.yaml").read_text()
    asked = {name for text in (*expressions(board), rule) for name in re.findall(r"\b(?:veriward|process)_\w+", text)}
    assert len(asked) > 20
    assert asked - known == set()


async def test_every_query_groups_by_labels_that_there_are(client: httpx.AsyncClient, board: dict[str, Any]) -> None:
    item = {"task": {"verifier": "math", "answer": "72"}, "responses": [r"\boxed{72}"], "source": "gsm8k"}
    assert (await client.post("/v1/grade", json={"items": [item]})).status_code == 200
    text = (await client.get("/metrics")).text
    labels: dict[str, set[str]] = {}
    for name, told in re.findall(r"^(\w+)\{([^}]*)\}", text, re.MULTILINE):
        labels.setdefault(name, set(OF_PROMETHEUS)).update(re.findall(r'(\w+)="', told))
    for expression in expressions(board):
        metrics = [labels[name] for name in re.findall(r"\bveriward_\w+", expression) if name in labels]
        wanted = {one for group in re.findall(r"by \(([^)]*)\)", expression) for one in group.split(", ")}
        assert not wanted or metrics, expression
        assert all(wanted <= one for one in metrics), expression


def test_panels_do_not_lie_upon_each_other(board: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in board["panels"]]
    assert all(one["x"] >= 0 and one["x"] + one["w"] <= 24 for one in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


def test_panels_have_names_of_their_own(board: dict[str, Any]) -> None:
    for names in ([panel["id"] for panel in board["panels"]], [panel["title"] for panel in board["panels"]]):
        assert len(names) == len(set(names))


def test_every_panel_asks_the_source_that_is_provisioned(board: dict[str, Any]) -> None:
    (source,) = yaml.safe_load((DEPLOY / "grafana/datasources.yml").read_text())["datasources"]
    for panel in board["panels"]:
        for one in (panel, *panel["targets"]):
            assert one["datasource"] == {"type": source["type"], "uid": source["uid"]}
