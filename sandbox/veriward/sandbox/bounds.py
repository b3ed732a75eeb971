"""What an execution may ask for. Everything is checked here, once, before any of it is used."""

from collections.abc import Sequence

from veriward.sandbox.errors import ExecutionRefused
from veriward.sandbox.execution import (
    MAX_CODE_BYTES,
    MAX_FILES,
    MAX_FILES_BYTES,
    MAX_INPUT_BYTES,
    MAX_INPUTS,
    MAX_LIMITS,
    MAX_TOTAL_CPU_SECONDS,
    MIB,
    Execution,
    Limits,
)
from veriward.sandbox.profiles import STD
from veriward.sandbox.profiles import known as known_profiles

MODES = ("stdin", "call", "judged")
PYTHON = "python"
REUSES = ("per_submission", "per_test")
MAX_NAME_CHARS = 200
MAX_DIRECTORIES = 500  # of the box's thousand inodes
MAX_PART_BYTES = 255  # NAME_MAX
MAX_STUBS = 64
MAX_STUB_CHARS = 200
MIN_MEMORY_BYTES = 32 * MIB
MIN_SECONDS = 0.01


def check(execution: Execution) -> None:
    """Raises `ExecutionRefused` naming the first field that is out of bounds."""
    _one_of("mode", execution.mode, MODES)
    if execution.profile != STD:
        _check_profile(execution)
    if execution.language != PYTHON:
        _check_language(execution)
    _one_of("reuse", execution.reuse, REUSES)
    _at_most("code", len(execution.code.encode("utf-8", "surrogatepass")), MAX_CODE_BYTES, "bytes")
    _at_most("inputs", len(execution.inputs), MAX_INPUTS, "inputs")
    for index, content in enumerate(execution.inputs):
        _at_most(f"inputs[{index}]", len(content), MAX_INPUT_BYTES, "bytes")
    _at_most("entry", len(execution.entry), MAX_NAME_CHARS, "characters")
    if execution.mode == "call" and not execution.entry:
        raise ExecutionRefused("entry", "mode call needs the name of what to call")
    if any("\0" in name for name in (execution.entry, *execution.stubs)):
        raise ExecutionRefused("entry" if "\0" in execution.entry else "stubs", "a name holds a NUL")
    _at_most("stubs", len(execution.stubs), MAX_STUBS, "names")
    for index, stub in enumerate(execution.stubs):
        _at_most(f"stubs[{index}]", len(stub), MAX_STUB_CHARS, "characters")
    if not 0 <= execution.total_cpu_seconds <= MAX_TOTAL_CPU_SECONDS:  # also NaN
        raise ExecutionRefused(
            "total_cpu_seconds", f"{execution.total_cpu_seconds} is not within 0 and {MAX_TOTAL_CPU_SECONDS}"
        )
    _check_files(execution.files)
    _check_limits(execution.limits)


def _check_language(execution: Execution) -> None:
    from veriward.sandbox.languages import known  # what few executions need

    _one_of("language", execution.language, (PYTHON, *known()))
    if execution.mode != "stdin":
        raise ExecutionRefused("mode", f"{execution.mode!r} takes programs in {PYTHON} alone, not {execution.language}")


def _check_profile(execution: Execution) -> None:
    _one_of("profile", execution.profile, tuple(known_profiles()))
    if execution.language != PYTHON:
        raise ExecutionRefused("profile", f"{execution.profile!r} is for {PYTHON}, not for {execution.language}")


def _check_files(files: dict[str, bytes]) -> None:
    _at_most("files", len(files), MAX_FILES, "files")
    _at_most("files", sum(map(len, files.values())), MAX_FILES_BYTES, "bytes")
    _at_most("files", max(map(len, files), default=0), MAX_NAME_CHARS, "characters in a name")
    directories = {name[:at] for name in files for at, letter in enumerate(name) if letter == "/"}
    _at_most("files", len(directories), MAX_DIRECTORIES, "directories")
    for name in files:
        if name in directories:
            raise ExecutionRefused("files", f"{name!r} is a file and a directory")
        parts = name.split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts) or not name.isprintable():
            raise ExecutionRefused("files", f"{name!r} is not a plain relative path")
        _at_most("files", max(len(part.encode()) for part in parts), MAX_PART_BYTES, "bytes between slashes")


def _check_limits(limits: Limits) -> None:
    for field in ("wall_seconds", "cpu_seconds", "memory_bytes", "output_bytes", "processes"):
        value, most = getattr(limits, field), getattr(MAX_LIMITS, field)
        if not value <= most:  # also NaN
            raise ExecutionRefused(f"limits.{field}", f"{value} is over {most}")
    least = {
        "cpu_seconds": MIN_SECONDS,
        "wall_seconds": MIN_SECONDS if limits.wall_seconds else 0,
        "memory_bytes": MIN_MEMORY_BYTES,
        "output_bytes": 0,
        "processes": 1,
    }
    for field, value in least.items():
        if getattr(limits, field) < value:
            raise ExecutionRefused(f"limits.{field}", f"{getattr(limits, field)} is under {value}")


def _one_of(field: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ExecutionRefused(field, f"{value!r} is not one of {', '.join(known)}")


def _at_most(field: str, count: int, most: int, unit: str) -> None:
    if count > most:
        raise ExecutionRefused(field, f"{count} {unit} are over {most}")
