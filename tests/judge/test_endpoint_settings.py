"""Endpoints in the settings: what they may say, where their keys are, and that nobody shows them."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from veriward.server.endpoints import Endpoint, KeyedEndpoint, keyed
from veriward.server.settings import Settings

FINE: dict[str, Any] = {"url": "https://judge.example/v1/", "model": "m"}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a file": ({**FINE, "url": "file:///etc/passwd"}, "url"),
    "no host": ({**FINE, "url": "http:///v1"}, "url"),
    "a password in the address": ({**FINE, "url": "https://u:p@judge.example/v1"}, "url"),
    "an unknown kind": ({**FINE, "kind": "oracle"}, "kind"),
    "no model": ({"url": FINE["url"]}, "model: must be named"),
    "two places for the key": ({**FINE, "key_env": "K", "key_file": "/k"}, "either key_env or key_file"),
    "a key in the open": ({**FINE, "key": "sk-1"}, "key"),
    "nobody at once": ({**FINE, "max_concurrency": 0}, "max_concurrency"),
    "a price below 0": ({**FINE, "input_price": -1}, "input_price"),
}


@pytest.mark.parametrize(("fields", "named"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Endpoint.model_validate(fields)


@pytest.mark.parametrize("name", ["", "http://x", "a b", "-x", "x" * 65])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ValidationError, match="endpoints"):
        Settings(endpoints={name: FINE})  # type: ignore[dict-item]


def test_they_come_from_toml_and_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml = tmp_path / "veriward.toml"
    toml.write_text('[endpoints.judge]\nurl = "http://127.0.0.1:1/v1"\nmodel = "m"\n')
    assert Settings.load(toml).endpoints["judge"].url == "http://127.0.0.1:1/v1"
    monkeypatch.setenv("VERIWARD_ENDPOINTS", '{"other": {"url": "http://127.0.0.1:1/v1/", "model": "m"}}')
    assert Settings.load().endpoints["other"].url == "http://127.0.0.1:1/v1"


def test_the_key_is_read_when_a_worker_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from_file, from_env = {**FINE, "key_file": str(tmp_path / "key")}, {**FINE, "key_env": "JUDGE_KEY"}
    with pytest.raises(ValidationError, match="it: key_file"):
        Settings(endpoints={"it": from_file})  # type: ignore[dict-item]
    with pytest.raises(ValidationError, match="the environment has no JUDGE_KEY"):
        Settings(endpoints={"it": from_env})  # type: ignore[dict-item]
    assert Settings(endpoints={"it": from_env}, workers=0).endpoints  # type: ignore[dict-item]
    (tmp_path / "key").write_text(" sk-1\n")
    monkeypatch.setenv("JUDGE_KEY", "sk-2")
    both = Settings(endpoints={"a": from_file, "b": from_env}).endpoints  # type: ignore[dict-item]
    assert [each.key.get_secret_value() for each in keyed(both).values()] == ["sk-1", "sk-2"]


def test_nobody_shows_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "sk-2")
    endpoint = Endpoint(**FINE, key_env="JUDGE_KEY").keyed()
    assert "sk-2" not in f"{endpoint!r} {endpoint} {endpoint.model_dump_json()}"
    assert KeyedEndpoint.model_validate(endpoint.told()) == endpoint


def test_workers_share_the_limits() -> None:
    one = Endpoint(**FINE, max_concurrency=10, requests_per_minute=100, tokens_per_minute=1).keyed(workers=4)
    assert (one.max_concurrency, one.requests_per_minute, one.tokens_per_minute) == (2, 25, 1)
    assert Endpoint(**FINE).keyed(workers=4).requests_per_minute == 0
