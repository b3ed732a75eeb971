"""Settings: defaults, then the environment, then a TOML file, then flags; mistakes are named."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from veriward.server.settings import MAX_KEYS_FILE_BYTES, Settings, UnreadableSettings

SOURCES: dict[str, tuple[dict[str, str], str | None, dict[str, Any], int]] = {
    "the default": ({}, None, {}, 8000),
    "the environment beats the default": ({"VERIWARD_PORT": "1"}, None, {}, 1),
    "the file beats the environment": ({"VERIWARD_PORT": "1"}, "port = 2", {}, 2),
    "a file without the key leaves the environment": ({"VERIWARD_PORT": "1"}, "host = '::1'", {}, 1),
    "a flag beats the file": ({"VERIWARD_PORT": "1"}, "port = 2", {"port": 3}, 3),
    "a flag that is not given leaves the file": ({"VERIWARD_PORT": "1"}, "port = 2", {"port": None}, 2),
    "what is the client's is passed over": ({"VERIWARD_URL": "http://x"}, None, {}, 8000),
}


@pytest.mark.parametrize("case", SOURCES.values(), ids=SOURCES)
def test_the_stronger_source_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, case: tuple[dict[str, str], str | None, dict[str, Any], int]
) -> None:
    environment, text, flags, port = case
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings.load(write(tmp_path, text), **flags).port == port


KEYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "none": ("", ()),
    "one": ("a", ("a",)),
    "several, by commas": ("a, b:tasks:read ,,c", ("a", "b:tasks:read", "c")),
}


@pytest.mark.parametrize("case", KEYS.values(), ids=KEYS)
def test_keys_in_the_environment_are_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch, case: tuple[str, tuple[str, ...]]
) -> None:
    text, keys = case
    monkeypatch.setenv("VERIWARD_API_KEYS", text)
    settings = Settings.load()
    assert tuple(key.get_secret_value() for key in settings.api_keys) == keys
    assert not keys or "'a'" not in repr(settings)


def test_keys_in_a_file_are_a_list(tmp_path: Path) -> None:
    settings = Settings.load(write(tmp_path, 'api_keys = ["a", "b"]'))
    assert [key.get_secret_value() for key in settings.api_keys] == ["a", "b"]


def test_keys_of_a_secret_join_those_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIWARD_API_KEYS", "a")
    monkeypatch.setenv("VERIWARD_API_KEYS_FILE", str(tmp_path / "keys"))
    (tmp_path / "keys").write_text("b\n\n c:tasks:read \na\n")
    settings = Settings.load()
    assert [key.get_secret_value() for key in settings.api_keys] == ["a", "b", "c:tasks:read"]


KEY_FILES: dict[str, tuple[bytes | None, str]] = {
    "that is not there": (None, "No such file"),
    "that is empty": (b"\n", "holds no key"),
    "that is too long": (b"k" * (MAX_KEYS_FILE_BYTES + 1), "longer than 65536 bytes"),
    "that is no text": (b"\xff\xfe", "decode"),
}


@pytest.mark.parametrize("case", KEY_FILES.values(), ids=KEY_FILES)
def test_a_file_of_keys_is_refused(case: tuple[bytes | None, str], tmp_path: Path) -> None:
    content, text = case
    if content is not None:
        (tmp_path / "keys").write_bytes(content)
    with pytest.raises(ValidationError, match=text):
        Settings.load(api_keys_file=tmp_path / "keys")


FILES: dict[str, tuple[str | None, str]] = {
    "every unknown key, with the nearest known": ("prot = 1\nzzz = 2", "unknown 'prot' .did you mean 'port'.., 'zzz'$"),
    "what is not TOML": ("port = ", "Invalid value"),
    "a file that is not there": (None, "No such file"),
}


@pytest.mark.parametrize("case", FILES.values(), ids=FILES)
def test_an_unreadable_file_is_named(tmp_path: Path, case: tuple[str | None, str]) -> None:
    text, message = case
    with pytest.raises(UnreadableSettings, match=message):
        Settings.load(write(tmp_path, text) or tmp_path / "absent.toml")


VALUES: dict[str, dict[str, Any]] = {
    "a port past the last": {"port": 65536},
    "a level that there is none of": {"min_isolation": "L5"},
    "a body of nothing": {"max_body_bytes": 0},
    "an unknown flag": {"prot": 1},
}


@pytest.mark.parametrize("flags", VALUES.values(), ids=VALUES)
def test_a_bad_value_is_refused(flags: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(flags))):
        Settings.load(**flags)


def write(folder: Path, text: str | None) -> Path | None:
    if text is None:
        return None
    path = folder / "veriward.toml"
    path.write_text(text)
    return path
