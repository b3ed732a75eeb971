"""What docs/model_judge.md shows: its settings are read, and its request gets the answer shown, from a real judge."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest

from veriward.cli.server_process import server_process
from veriward.server.endpoints import Endpoint
from veriward.server.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "model_judge.md").read_text()


def shown(language: str) -> list[str]:
    return [str(block) for block in re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.S | re.M)]


def holds(part: Any, whole: Any) -> bool:
    """Whether all that is shown was told; the page leaves fields out."""
    if isinstance(part, dict):
        return all(key in whole and holds(value, whole[key]) for key, value in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(holds, part, whole))
    return bool(part == whole)


def test_every_setting_of_an_endpoint_stands_in_the_table() -> None:
    named = {name for row in re.findall(r"^\| (`.*?) \|", PAGE, re.M) for name in re.findall(r"`(\w+)`", row)}
    assert set(Endpoint.model_fields) <= named


def test_its_settings_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "sk-1")
    assert set(Settings(**tomllib.loads(*shown("toml"))).endpoints) == {"judge", "preference"}


@pytest.mark.fleet
def test_its_request_is_answered_as_shown(judge: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "sk-1")
    config = tmp_path / "veriward.toml"
    config.write_text(shown("toml")[0].replace("https://judge.example/v1", judge.url()))
    body, answer = map(json.loads, shown("json"))
    with server_process("--log-level", "warning", config=config) as process:
        headers = {"Authorization": f"Bearer {process.api_key}"}
        told = httpx.post(f"{process.url}/v1/grade", json=body, headers=headers, timeout=100).json()
    assert holds(answer, told), told
