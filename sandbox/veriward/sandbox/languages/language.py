"""What a language is to the sandbox, and how its file is read: strictly, or not at all.

A faulty file is our fault or the operator's, and raises `ValueError` with its name and the key.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from veriward.sandbox.execution import MAX_LIMITS, MIB, Limits

MAX_FILE_BYTES = 16 << 10
MAX_THREADS = 64
MAX_PROGRAM_BYTES = 32 * MIB  # lies in the box beside an execution's files
_NAME = re.compile(r"[a-z][a-z0-9+#.-]{0,29}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_COMPILE_LIMITS = Limits(cpu_seconds=10.0, memory_bytes=1024 * MIB, output_bytes=16 * MIB, processes=16)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Compile:
    """Run once per execution; of all it leaves, only the file `makes` goes on to the runs."""

    command: tuple[str, ...]
    makes: str
    limits: Limits
    """Its own; `output_bytes` bounds the file it makes."""


@dataclass(frozen=True, slots=True)
class Language:
    """How programs of one language are run, in a box whose only other files are the execution's."""

    name: str
    tags: tuple[str, ...]
    """The words, in lower case, that open a fenced block in it."""
    source: str
    version: tuple[str, ...]
    """A command that succeeds where the language is installed; its first line of output is shown."""
    run: tuple[str, ...]
    compile: Compile | None = None
    environment: Mapping[str, str] | None = None
    threads: int = 0
    """What the interpreter itself starts, allowed beside the `processes` of the limits."""
    reserves_memory: bool = False
    """It maps far more address space than it uses: its data is bounded in place of that."""
    memory_error: str = ""
    """What it writes to stderr when it fails for want of memory."""

    @property
    def own_files(self) -> tuple[str, ...]:
        """The names in the box that an execution's files may not have."""
        return (self.source, self.compile.makes) if self.compile else (self.source,)


def read(name: str, text: str) -> Language:
    """The language `name` from its file's text. Raises `ValueError`."""
    try:
        if not _NAME.fullmatch(name):
            raise ValueError("the name must be lower case letters, digits and + # . -")
        return _language(name, _Table(tomllib.loads(text)))
    except ValueError as fault:
        raise ValueError(f"language file {name}.toml: {fault}") from None


def _language(name: str, table: "_Table") -> Language:
    with table:
        run, compiling = table.table("run"), table.table("compile")
        with run:
            return Language(
                name=name,
                tags=tuple(tag.lower() for tag in table.words("tags")),
                source=table.file("source"),
                version=table.words("version"),
                compile=_compile(compiling) if compiling.fields else None,
                run=run.words("command"),
                environment=run.strings("environment"),
                threads=_within("threads", run.take("threads", int, 0), MAX_THREADS),
                reserves_memory=run.take("reserves_memory", bool, False),
                memory_error=run.take("memory_error", str, ""),
            )


def _compile(table: "_Table") -> Compile:
    with table:
        limits = {name: getattr(_COMPILE_LIMITS, name) for name in Limits.__dataclass_fields__}
        most = replace(MAX_LIMITS, output_bytes=MAX_PROGRAM_BYTES)
        given = table.table("limits")
        with given:
            for name, usual in limits.items():
                limits[name] = _within(name, given.take(name, type(usual), usual), getattr(most, name))
        return Compile(table.words("command"), table.file("makes"), Limits(**limits))


def _within(key: str, value: Any, most: Any) -> Any:
    if not 0 <= value <= most:
        raise ValueError(f"{key} = {value} is not within 0 and {most}")
    return value


class _Table:
    """Keys taken one by one; as a context, whatever was left over is a fault."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    def __enter__(self) -> "_Table":
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

    def words(self, key: str) -> tuple[str, ...]:
        words = self.take(key, list)
        if not words or not all(isinstance(word, str) and word for word in words):
            raise ValueError(f"{key} must be a list of strings, not empty")
        return tuple(words)

    def strings(self, key: str) -> dict[str, str]:
        strings = self.take(key, dict, {})
        if not all(isinstance(value, str) for value in strings.values()):
            raise ValueError(f"{key} must map names to strings")
        return strings

    def table(self, key: str) -> "_Table":
        return _Table(self.take(key, dict, {}))

    def file(self, key: str) -> str:
        name = self.take(key, str)
        if not _FILE.fullmatch(name):
            raise ValueError(f"{key} = {name!r} is not a plain file name")
        return name
