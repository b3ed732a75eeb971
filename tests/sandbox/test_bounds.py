"""Every bound of an execution, with a row one step past it; and executions that are just within."""

from typing import Any

import pytest

from veriward.sandbox import bounds
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

WITHIN: dict[str, dict[str, Any]] = {
    "the largest code": {"code": "é" * (MAX_CODE_BYTES // 2)},
    "the most inputs": {"inputs": (b"",) * MAX_INPUTS},
    "no input": {"inputs": ()},
    "the largest input": {"inputs": (bytes(MAX_INPUT_BYTES),)},
    "the most files": {"files": {f"d/{number}.txt": b"" for number in range(MAX_FILES)}},
    "the largest limits": {"limits": MAX_LIMITS},
    "the smallest limits": {"limits": Limits(0.01, 0.01, 32 * MIB, 0, 1)},
    "a lone surrogate": {"code": "\ud800"},
    "the largest budget": {"total_cpu_seconds": MAX_TOTAL_CPU_SECONDS},
    "the longest entry": {"mode": "call", "entry": "x" * 200},
}
OVER: dict[str, tuple[str, dict[str, Any]]] = {
    "code one character over": ("code", {"code": "é" * (MAX_CODE_BYTES // 2) + "x"}),
    "one input too many": ("inputs", {"inputs": (b"",) * (MAX_INPUTS + 1)}),
    "an input one byte over": ("inputs[1]", {"inputs": (b"", bytes(MAX_INPUT_BYTES + 1))}),
    "one file too many": ("files", {"files": {str(number): b"" for number in range(MAX_FILES + 1)}}),
    "files one byte over": ("files", {"files": {"a": bytes(MAX_FILES_BYTES), "b": b"x"}}),
    "a file outside the box": ("files", {"files": {"../x": b""}}),
    "a file deep outside the box": ("files", {"files": {"a/../../x": b""}}),
    "an absolute file": ("files", {"files": {"/x": b""}}),
    "a file without a name": ("files", {"files": {"": b""}}),
    "a file with a NUL": ("files", {"files": {"a\0b": b""}}),
    "a file with a surrogate": ("files", {"files": {"\ud800": b""}}),
    "a file name one character over": ("files", {"files": {"x" * 201: b""}}),
    "a file that is a directory": ("files", {"files": {"a": b"", "a/b": b""}}),
    "a part one byte over": ("files", {"files": {"é" * 128: b""}}),
    "one directory too many": ("files", {"files": {"/".join("d" * 99) + f"/{n}/{n}": b"" for n in range(403)}}),
    "an unknown mode": ("mode", {"mode": "eval"}),
    "an unknown profile": ("profile", {"profile": "root"}),
    "an unknown language": ("language", {"language": "brainfuck"}),
    "an unknown reuse": ("reuse", {"reuse": "always"}),
    "a call without a name": ("entry", {"mode": "call"}),
    "a name one character over": ("entry", {"entry": "x" * 201}),
    "one stub too many": ("stubs", {"stubs": ("f",) * 65}),
    "a stub one character over": ("stubs[0]", {"stubs": ("x" * 201,)}),
    "more CPU": ("limits.cpu_seconds", {"limits": Limits(cpu_seconds=60.1)}),
    "no CPU": ("limits.cpu_seconds", {"limits": Limits(cpu_seconds=0)}),
    "CPU that is no number": ("limits.cpu_seconds", {"limits": Limits(cpu_seconds=float("nan"))}),
    "more time": ("limits.wall_seconds", {"limits": Limits(wall_seconds=120.1)}),
    "negative time": ("limits.wall_seconds", {"limits": Limits(wall_seconds=-1)}),
    "more memory": ("limits.memory_bytes", {"limits": Limits(memory_bytes=MAX_LIMITS.memory_bytes + 1)}),
    "too little memory": ("limits.memory_bytes", {"limits": Limits(memory_bytes=32 * MIB - 1)}),
    "more output": ("limits.output_bytes", {"limits": Limits(output_bytes=MAX_LIMITS.output_bytes + 1)}),
    "negative output": ("limits.output_bytes", {"limits": Limits(output_bytes=-1)}),
    "more processes": ("limits.processes", {"limits": Limits(processes=MAX_LIMITS.processes + 1)}),
    "a larger budget": ("total_cpu_seconds", {"total_cpu_seconds": MAX_TOTAL_CPU_SECONDS + 1}),
    "a negative budget": ("total_cpu_seconds", {"total_cpu_seconds": -1.0}),
    "a budget that is no number": ("total_cpu_seconds", {"total_cpu_seconds": float("nan")}),
    "a NUL in the entry": ("entry", {"entry": "a\0b"}),
    "a NUL in a stub": ("stubs", {"stubs": ("f", "\0")}),
    "no process": ("limits.processes", {"limits": Limits(processes=0)}),
}


@pytest.mark.parametrize("fields", WITHIN.values(), ids=WITHIN)
def test_within(fields: dict[str, Any]) -> None:
    bounds.check(Execution(**{"code": "", **fields}))


@pytest.mark.parametrize("row", OVER.values(), ids=OVER)
def test_over(row: tuple[str, dict[str, Any]]) -> None:
    field, fields = row
    with pytest.raises(ExecutionRefused) as refused:
        bounds.check(Execution(**{"code": "", **fields}))
    assert refused.value.field == field
    assert str(refused.value).startswith(field)
