"""What the sandbox is asked to run, and what it says of each run.

An `Execution` is one program with one or more inputs. In `reuse="per_submission"` one confined child serves all of
them, each with fresh globals and its own stdin; an input is handed over only after the previous run has ended, and a
run that ends the child (exit, signal, limit) ends only itself: the next goes on in a fresh child.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

MIB = 1 << 20
MAX_CODE_BYTES = 1 * MIB
MAX_INPUT_BYTES = 16 * MIB
MAX_INPUTS = 1_000
MAX_FILES = 64
MAX_FILES_BYTES = 16 * MIB
MAX_TOTAL_CPU_SECONDS = 3_600.0
BUDGET_RUNS = 60  # of an execution's inputs may use all their time, unless it asks for more or less
MAX_STDERR_BYTES = 64 << 10
MAX_RESULT_BYTES = 8 * MIB


class RunStatus(StrEnum):
    """How one run ended, from the program's point of view. Our own faults are exceptions (`errors.py`)."""

    FINISHED = "finished"
    RUNTIME_ERROR = "runtime_error"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    COMPILE_ERROR = "compile_error"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of each run. `wall_seconds` 0 means max(2 s, 2 x `cpu_seconds`): the wall limit is for sleepers."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 5.0
    memory_bytes: int = 512 * MIB
    output_bytes: int = 1 * MIB
    processes: int = 16

    @property
    def wall(self) -> float:
        return self.wall_seconds or max(2.0, 2 * self.cpu_seconds)


MAX_LIMITS = Limits(wall_seconds=120, cpu_seconds=60, memory_bytes=4096 * MIB, output_bytes=64 * MIB, processes=64)

Mode = Literal["stdin", "call", "judged"]


@dataclass(frozen=True, slots=True)
class Execution:
    """A program, its inputs and its limits.

    mode `stdin`   `code` runs as `__main__` once per input, which is its stdin; stdout is the answer.
    mode `call`    `code` is executed, then `entry` (a function, or `Solution.method`, or a bare method name of
                   `class Solution`) is called; each input is the positional arguments in the plain encoding
                   (`plain.py`); the answer is the value returned, in `Run.result`, in the same encoding.
    mode `judged`  `code` is the candidate in one child; each input is a *trusted test script* (UTF-8 Python), run in a
                   second child in which the names of `stubs` call into the candidate by plain data only. The run is
                   FINISHED iff the script ran to its end without an exception.
    """

    code: str
    mode: Mode = "stdin"
    inputs: tuple[bytes, ...] = (b"",)
    entry: str = ""
    stubs: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    limits: Limits = Limits()
    profile: str = "std"
    language: str = "python"
    reuse: Literal["per_submission", "per_test"] = "per_submission"
    total_cpu_seconds: float = 0.0
    """Of all inputs together; 0 means 60 times that of one. Those that are left when it is used up are not run."""

    @property
    def budget_cpu_seconds(self) -> float:
        return self.total_cpu_seconds or BUDGET_RUNS * self.limits.cpu_seconds


@dataclass(frozen=True, slots=True)
class Isolation:
    """The level (L0 … L4) and the layers that a live probe saw working."""

    level: str
    layers: tuple[str, ...]
    backend: str = "embedded"


@dataclass(frozen=True, slots=True)
class Usage:
    """Measured from outside the child: seconds and bytes."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """The outcome of one input. `reason` is a sub-reason: wall, cpu, total, oom_cgroup, memory_error, early_exit,
    protocol, unserialisable, missing_entry, exception, exit_code, a signal's name … `result` is None except in mode
    `call`.
    """

    index: int
    status: RunStatus
    reason: str = ""
    stdout: bytes = b""
    stderr: bytes = b""
    result: bytes | None = None
    exit_code: int | None = None
    signal: str | None = None
    usage: Usage = Usage()
    isolation: Isolation = Isolation("L0", ())


class Sandbox(Protocol):
    """Runs untrusted programs. Blocking; one execution at a time per handle."""

    def run(self, execution: Execution, stop: Callable[[Run], bool] | None = None) -> list[Run]:
        """Run every input in order and return one `Run` each.

        `stop(run)` is asked after each run; True ends the execution, and the list then ends with that run.
        Raises `SandboxError` for faults that are not the program's.
        """
        ...
