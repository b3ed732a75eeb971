"""Reads the small TOML files that languages and profiles are declared in: strictly, or not at all.

A faulty file is our fault or the operator's, and raises `ValueError` with its name and the key.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

MAX_FILE_BYTES = 16 << 10
_T = TypeVar("_T")


def files(built_in: Path, directories: str) -> Iterator[tuple[str, Path, str]]:
    """Name, path and text of each `NAME.toml` in `built_in`, then in the `directories`, separated by colons.

    A later file of a name is meant to replace an earlier one. Raises `ValueError`.
    """
    for directory in (built_in, *map(Path, filter(None, directories.split(":")))):
        for path in sorted(directory.glob("*.toml")):
            yield path.stem, path, _text(path)


def _text(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as fault:
        raise ValueError(f"{path}: {fault}") from None
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"{path}: more than {MAX_FILE_BYTES:,} bytes")
    return text


class Table:
    """Keys taken one by one; as a context, whatever was left over is a fault."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self.fields:
            raise ValueError(f"unknown: {', '.join(self.fields)}")

    def take(self, key: str, kind: type[_T], usual: _T | None = None) -> _T:
        value = self.fields.pop(key, usual)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise ValueError(f"{key} must be of type {kind.__name__}" if value is not None else f"{key} is missing")
        return value

    def words(self, key: str, usual: Iterable[str] | None = None) -> tuple[str, ...]:
        """A list of strings, none of them empty; the list may be so only where `usual` is given."""
        words = self.take(key, list, None if usual is None else list(usual))
        if not all(isinstance(word, str) and word for word in words) or (usual is None and not words):
            raise ValueError(f"{key} must be a list of strings, not empty")
        return tuple(words)

    def strings(self, key: str) -> dict[str, str]:
        strings = self.take(key, dict, {})
        if not all(isinstance(value, str) for value in strings.values()):
            raise ValueError(f"{key} must map names to strings")
        return strings

    def table(self, key: str) -> "Table":
        return Table(self.take(key, dict, {}))
