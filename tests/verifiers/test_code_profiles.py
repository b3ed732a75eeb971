"""Tasks of `code` choose what a program can import, and what all its tests may use together."""

from typing import Any

import pytest

from veriward.sandbox.execution import MAX_TOTAL_CPU_SECONDS, Execution
from veriward.verifiers import InvalidTask, verifiers
from veriward.verifiers.code.suites import suite_of
from veriward.verifiers.code.task import CallTask
from veriward.verifiers.judging import parse_task

CALL: dict[str, Any] = {"kind": "call", "fn_name": "f", "inputs": [[1]], "outputs": [1]}
STDIN: dict[str, Any] = {"kind": "stdin", "tests": [{"input": "", "output": ""}]}

INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "a profile that there is not": ({**CALL, "profile": "best"}, "is not one of std"),
    "a profile for another language": ({**STDIN, "profile": "sci", "language": "bash"}, "is for python"),
    "a budget over the bound": (
        {**CALL, "limits": {"total_cpu_seconds": MAX_TOTAL_CPU_SECONDS + 1}},
        "total_cpu_seconds",
    ),
    "no budget": ({**CALL, "limits": {"total_cpu_seconds": 0}}, "total_cpu_seconds"),
}


@pytest.mark.parametrize("row", INVALID.values(), ids=INVALID)
def test_what_is_wrong_with_a_task_is_named(row: tuple[dict[str, Any], str]) -> None:
    task, complaint = row
    with pytest.raises(InvalidTask, match=complaint):
        parse_task(verifiers()["code"], task)


def execution_of(task: dict[str, Any]) -> Execution:
    return suite_of(CallTask.model_validate(task), "def f(x): return x").execution


def test_profile_and_budget_reach_the_sandbox() -> None:
    execution = execution_of({**CALL, "profile": "sci", "limits": {"total_cpu_seconds": 7, "cpu_seconds": 2}})
    assert (execution.profile, execution.budget_cpu_seconds, execution.limits.cpu_seconds) == ("sci", 7, 2)


def test_without_them_it_is_std_and_sixty_times_one_test() -> None:
    execution = execution_of({**CALL, "limits": {"cpu_seconds": 2}})
    assert (execution.profile, execution.budget_cpu_seconds) == ("std", 120)
