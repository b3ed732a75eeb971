"""From what was measured and what the child claimed to the status of a run: the one place that decides it.

Precedence: time, memory, output, then the program's own end. A child's claim decides only where no measurement speaks,
and can only say what it could also have brought about: that its program ended, well or not.
"""

import re
import signal
from dataclasses import dataclass
from typing import Any

from veriward.sandbox.execution import RunStatus

_REASON = re.compile(r"[A-Za-z_0-9]{0,40}")
_CLAIMS = (RunStatus.FINISHED, RunStatus.RUNTIME_ERROR, RunStatus.COMPILE_ERROR)


@dataclass(frozen=True, slots=True)
class Outcome:
    status: RunStatus
    reason: str = ""
    exit_code: int | None = None
    signal: str | None = None


CLEAN = Outcome(RunStatus.FINISHED, "", 0)
PROTOCOL = Outcome(RunStatus.RUNTIME_ERROR, "protocol")
OVER_CPU = Outcome(RunStatus.TIME_LIMIT, "cpu")
OVER_BUDGET = Outcome(RunStatus.TIME_LIMIT, "total")
OVER_RESULT = Outcome(RunStatus.OUTPUT_LIMIT, "result")


def claimed(body: dict[str, Any], index: int) -> Outcome:
    """The outcome that a `D` of test `index` claims; `PROTOCOL` if it is not one that a runner sends."""
    status, reason, exit_code = body.get("status"), body.get("reason"), body.get("exit_code")
    if (
        status not in _CLAIMS
        or body.get("index") != index
        or not isinstance(reason, str)
        or not _REASON.fullmatch(reason)
        or not (exit_code is None or (type(exit_code) is int and 0 <= exit_code <= 255))
    ):
        return PROTOCOL
    if reason == "memory_error":
        return Outcome(RunStatus.MEMORY_LIMIT, reason, exit_code)
    return Outcome(RunStatus(status), reason, exit_code)


def of_exit(exit_code: int, *, is_process: bool) -> Outcome:
    """The outcome of a child that ended without a `D`, by `exit_code` (negative: a signal).

    Where the program stands for a process of its own (`stdin`), ending it is its right. A call has no right to.
    """
    if exit_code < 0:
        name = signal.Signals(-exit_code).name if -exit_code in list(signal.Signals) else f"SIG{-exit_code}"
        return Outcome(RunStatus.RUNTIME_ERROR, name, signal=name)
    if not is_process:
        return Outcome(RunStatus.RUNTIME_ERROR, "early_exit", exit_code)
    if exit_code:
        return Outcome(RunStatus.RUNTIME_ERROR, "exit_code", exit_code)
    return Outcome(RunStatus.FINISHED, "", 0)


def overruled(outcome: Outcome, *, over_cpu: bool, out_of_memory: bool, over_output: bool) -> Outcome:
    """What the measurements make of it."""
    if outcome.status is RunStatus.TIME_LIMIT:
        return outcome
    if over_cpu:
        return OVER_CPU
    if out_of_memory:
        return Outcome(RunStatus.MEMORY_LIMIT, "oom_cgroup")
    if outcome.status is RunStatus.MEMORY_LIMIT:
        return outcome
    if over_output:
        return Outcome(RunStatus.OUTPUT_LIMIT, "output")
    return outcome
