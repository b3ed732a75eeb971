"""What a run's status is made of: measurements first, the child's word last."""

from typing import Any

import pytest

from veriward.sandbox import outcomes
from veriward.sandbox.execution import RunStatus
from veriward.sandbox.outcomes import Outcome

GOOD = {"index": 3, "status": "finished", "reason": "", "exit_code": 0}
CLAIMS: dict[str, tuple[dict[str, Any], RunStatus, str]] = {
    "finished": (GOOD, RunStatus.FINISHED, ""),
    "an exception": ({**GOOD, "status": "runtime_error", "reason": "exception"}, RunStatus.RUNTIME_ERROR, "exception"),
    "no memory": (
        {**GOOD, "status": "runtime_error", "reason": "memory_error"},
        RunStatus.MEMORY_LIMIT,
        "memory_error",
    ),
    "no exit code": ({**GOOD, "exit_code": None}, RunStatus.FINISHED, ""),
    "another test": ({**GOOD, "index": 4}, RunStatus.RUNTIME_ERROR, "protocol"),
    "a test that is a bool": ({**GOOD, "index": True}, RunStatus.RUNTIME_ERROR, "protocol"),
    "no test": ({"status": "finished", "reason": "", "exit_code": 0}, RunStatus.RUNTIME_ERROR, "protocol"),
    "a status of ours": ({**GOOD, "status": "time_limit"}, RunStatus.RUNTIME_ERROR, "protocol"),
    "a status that is a list": ({**GOOD, "status": []}, RunStatus.RUNTIME_ERROR, "protocol"),
    "a reason one character too long": ({**GOOD, "reason": "x" * 41}, RunStatus.RUNTIME_ERROR, "protocol"),
    "a reason with a newline": ({**GOOD, "reason": "x\n"}, RunStatus.RUNTIME_ERROR, "protocol"),
    "an exit code one too large": ({**GOOD, "exit_code": 256}, RunStatus.RUNTIME_ERROR, "protocol"),
    "an exit code that is a bool": ({**GOOD, "exit_code": True}, RunStatus.RUNTIME_ERROR, "protocol"),
}


@pytest.mark.parametrize("row", CLAIMS.values(), ids=CLAIMS)
def test_claims(row: tuple[dict[str, Any], RunStatus, str]) -> None:
    body, status, reason = row
    outcome = outcomes.claimed(body, 3)
    assert (outcome.status, outcome.reason) == (status, reason)


EXITS = {
    "a process that ends well": (0, True, RunStatus.FINISHED, ""),
    "a process that ends badly": (3, True, RunStatus.RUNTIME_ERROR, "exit_code"),
    "a function that ends its process": (0, False, RunStatus.RUNTIME_ERROR, "early_exit"),
    "a signal": (-11, True, RunStatus.RUNTIME_ERROR, "SIGSEGV"),
    "a real-time signal": (-40, True, RunStatus.RUNTIME_ERROR, "SIG40"),
}


@pytest.mark.parametrize("row", EXITS.values(), ids=EXITS)
def test_exits(row: tuple[int, bool, RunStatus, str]) -> None:
    exit_code, is_process, status, reason = row
    outcome = outcomes.of_exit(exit_code, is_process=is_process)
    assert (outcome.status, outcome.reason) == (status, reason)


FINISHED, FAILED = Outcome(RunStatus.FINISHED), Outcome(RunStatus.RUNTIME_ERROR, "exception")
WALL, NO_MEMORY = Outcome(RunStatus.TIME_LIMIT, "wall"), Outcome(RunStatus.MEMORY_LIMIT, "memory_error")
PRECEDENCE = {
    "nothing measured": (FAILED, (False, False, False), "exception"),
    "time over memory and output": (FAILED, (True, True, True), "cpu"),
    "the wall limit stays": (WALL, (True, True, True), "wall"),
    "memory over output": (FINISHED, (False, True, True), "oom_cgroup"),
    "the kernel's word on memory over the child's": (NO_MEMORY, (False, True, False), "oom_cgroup"),
    "the child's word on memory over output": (NO_MEMORY, (False, False, True), "memory_error"),
    "output over an exception": (FAILED, (False, False, True), "output"),
    "output over a good end": (FINISHED, (False, False, True), "output"),
}


@pytest.mark.parametrize("row", PRECEDENCE.values(), ids=PRECEDENCE)
def test_precedence(row: tuple[Outcome, tuple[bool, bool, bool], str]) -> None:
    outcome, (over_cpu, out_of_memory, over_output), reason = row
    final = outcomes.overruled(outcome, over_cpu=over_cpu, out_of_memory=out_of_memory, over_output=over_output)
    assert final.reason == reason
