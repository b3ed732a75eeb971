"""What a language is to the sandbox, and how its file is read."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from veriward.sandbox.execution import MAX_LIMITS, MIB, Limits
from veriward.sandbox.strict_toml import Table

MAX_THREADS = 64
MAX_PROGRAM_BYTES = 32 * MIB  # lies in the box beside an execution's files
_NAME = re.compile(r"[a-z][a-z0-9+#.-]{0,29}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_COMPILE_LIMITS = Limits(cpu_seconds=10.0, memory_bytes=1024 * MIB, output_bytes=16 * MIB, processes=16)


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
        return _language(name, Table(tomllib.loads(text)))
    except ValueError as fault:
        raise ValueError(f"language file {name}.toml: {fault}") from None


def _language(name: str, table: Table) -> Language:
    with table:
        run, compiling = table.table("run"), table.table("compile")
        with run:
            return Language(
                name=name,
                tags=tuple(tag.lower() for tag in table.words("tags")),
                source=_file(table, "source"),
                version=table.words("version"),
                compile=_compile(compiling) if compiling.fields else None,
                run=run.words("command"),
                environment=run.strings("environment"),
                threads=_within("threads", run.take("threads", int, 0), MAX_THREADS),
                reserves_memory=run.take("reserves_memory", bool, False),
                memory_error=run.take("memory_error", str, ""),
            )


def _compile(table: Table) -> Compile:
    with table:
        limits = {name: getattr(_COMPILE_LIMITS, name) for name in Limits.__dataclass_fields__}
        most = replace(MAX_LIMITS, output_bytes=MAX_PROGRAM_BYTES)
        given = table.table("limits")
        with given:
            for name, usual in limits.items():
                limits[name] = _within(name, given.take(name, type(usual), usual), getattr(most, name))
        return Compile(table.words("command"), _file(table, "makes"), Limits(**limits))


def _within(key: str, value: Any, most: Any) -> Any:
    if not 0 <= value <= most:
        raise ValueError(f"{key} = {value} is not within 0 and {most}")
    return value


def _file(table: Table, key: str) -> str:
    name = table.take(key, str)
    if not _FILE.fullmatch(name):
        raise ValueError(f"{key} = {name!r} is not a plain file name")
    return name
