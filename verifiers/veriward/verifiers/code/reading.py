"""What the Python tests of a task come to: plain calls, or scripts with names that are left to the program.

Read once per task, not once per response. Raises `InvalidTask` for tests that can't judge any program.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from veriward.verifiers.code.program import joined
from veriward.verifiers.code.scripts import (
    check,
    defined_names,
    forgotten_imports,
    free_names,
    plain_call,
    without_definition,
)
from veriward.verifiers.verdict import InvalidTask

MAX_STUBS = 100
READINGS_KEPT = 16


@dataclass(frozen=True, slots=True)
class Calls:
    """One function's: the encoded arguments of each test, and what judges the value."""

    entry: str
    arguments: tuple[bytes, ...]
    holds: tuple[Callable[[Any], bool], ...]


@dataclass(frozen=True, slots=True)
class Scripts:
    """`fields` names where in the task each script stands."""

    sources: tuple[bytes, ...]
    stubs: tuple[str, ...]
    fields: tuple[str, ...]


@lru_cache(maxsize=READINGS_KEPT)
def read_asserts(tests: tuple[str, ...], setup: str) -> Calls | Scripts:
    """`Calls` if every test is a plain call of one and the same function."""
    check(setup, "setup")
    for index, test in enumerate(tests):
        check(test, f"tests[{index}]")
    return _calls(tests, setup) or scripts_of(
        {f"tests[{index}]": joined(setup, test) for index, test in enumerate(tests)}
    )


@lru_cache(maxsize=READINGS_KEPT)
def read_check(test_code: str, entry_point: str, prefix: str) -> Scripts:
    """The script of a `check(candidate)`; what `prefix` defines beside the function belongs to it."""
    name = entry_point.partition(".")[0].removesuffix("()")
    helpers = without_definition(prefix, name)
    check(helpers, "prefix")
    check(test_code, "test_code")
    read = scripts_of({"test_code": joined(helpers, f"{test_code}\ncheck({entry_point})\n")})
    if name not in read.stubs:
        raise InvalidTask("test_code", f"defines {name!r} itself, so every program would pass it")
    if len(read.stubs) > 1:
        raise InvalidTask(
            "test_code", f"uses undefined names: {', '.join(stub for stub in read.stubs if stub != name)[:200]}"
        )
    return read


def _calls(tests: tuple[str, ...], setup: str) -> Calls | None:
    calls = []
    for test in tests:
        call = plain_call(test)
        if call is None:
            return None
        calls.append(call)
    entries = {call.entry for call in calls}
    if len(entries) > 1 or entries & defined_names(setup):
        return None
    return Calls(entries.pop(), tuple(call.arguments for call in calls), tuple(call.holds for call in calls))


def scripts_of(scripts: dict[str, str]) -> Scripts:
    """The scripts, by the field that each stands in, with the names that they leave to the program."""
    stubs: set[str] = set()
    sources = []
    for field, script in scripts.items():
        imports = forgotten_imports(script)
        names = free_names(script) - imports
        if not names:
            raise InvalidTask(field, "leaves nothing to the program, so every program would pass it")
        stubs |= names
        source = joined("".join(f"import {name}\n" for name in sorted(imports)), script)
        sources.append(source.encode("utf-8", "surrogatepass"))
    if len(stubs) > MAX_STUBS:
        raise InvalidTask("tests", f"{len(stubs)} names are left to the program, more than {MAX_STUBS}")
    return Scripts(tuple(sources), tuple(sorted(stubs)), tuple(scripts))
