"""From runs to a verdict: scores, early stops, reasons that tell nothing, and faults that are not the model's."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from veriward.sandbox import SandboxError
from veriward.sandbox.execution import MAX_CODE_BYTES, Execution, Isolation, Limits, Run, RunStatus, Usage
from veriward.sandbox.plain import encode
from veriward.verifiers import InvalidTask, Verdict, verifiers
from veriward.verifiers.judging import judge, parse_task
from veriward.wire.outcomes import Outcome

SECRET = "4815162342"
STDIN = {"kind": "stdin", "tests": [{"input": str(n), "output": f"{SECRET}{n}"} for n in range(4)]}
RIGHT = [Run(n, RunStatus.FINISHED, stdout=f"{SECRET}{n}\n".encode(), exit_code=0) for n in range(4)]
RESPONSE = "```python\nprint(1)\n```"


@dataclass
class Scripted:
    """A sandbox whose runs are known beforehand."""

    runs: list[Run]
    asked: list[Execution] = field(default_factory=list)

    def run(self, execution: Execution, stop: Callable[[Run], bool] | None = None) -> list[Run]:
        self.asked.append(execution)
        done = []
        for run in self.runs:
            done.append(replace(run, usage=Usage(cpu_seconds=0.25), isolation=Isolation("L3", ("pid",))))
            if stop is not None and stop(done[-1]):
                break
        return done


class Broken:
    def run(self, execution: Execution, stop: Callable[[Run], bool] | None = None) -> list[Run]:
        raise SandboxError("the zygote is gone")


def grade(fields: dict[str, Any], runs: list[Run], response: str = RESPONSE) -> tuple[Verdict, list[Execution]]:
    sandbox = Scripted(runs)
    verifier = verifiers()["code"]
    return judge(verifier, parse_task(verifier, fields), response, sandbox), sandbox.asked


def with_run(index: int, **changes: Any) -> list[Run]:
    return [replace(run, **changes) if run.index == index else run for run in RIGHT]


def test_all_passed_is_correct() -> None:
    verdict, _ = grade(STDIN, RIGHT)
    assert verdict == Verdict(
        Outcome.CORRECT,
        1.0,
        {"tests": 1.0},
        "print(1)\n",
        "",
        {"tests_passed": 4, "tests_total": 4, "tests_run": 4, "cpu_seconds": 1.0},
        isolation=("L3", ("pid",), "embedded"),
    )


SCORES: dict[str, tuple[dict[str, Any], list[Run], Outcome, float, int]] = {
    "all: one failure is wrong, and ends": ({}, with_run(1, stdout=b""), Outcome.WRONG, 0.0, 2),
    "all, to the end": ({"early_stop": False}, with_run(1, stdout=b""), Outcome.WRONG, 0.0, 4),
    "fraction: the share, to the end": ({"score": "fraction"}, with_run(1, stdout=b""), Outcome.PARTIAL, 0.75, 4),
    "fraction, ended early": (
        {"score": "fraction", "early_stop": True},
        with_run(1, stdout=b""),
        Outcome.PARTIAL,
        0.25,
        2,
    ),
    "fraction: all": ({"score": "fraction"}, RIGHT, Outcome.CORRECT, 1.0, 4),
    "fraction: none": (
        {"score": "fraction"},
        [replace(run, stdout=b"") for run in RIGHT],
        Outcome.WRONG,
        0.0,
        4,
    ),
}


@pytest.mark.parametrize(("fields", "runs", "outcome", "reward", "ran"), SCORES.values(), ids=SCORES.keys())
def test_score(fields: dict[str, Any], runs: list[Run], outcome: Outcome, reward: float, ran: int) -> None:
    verdict, _ = grade({**STDIN, **fields}, runs)
    assert (verdict.outcome, verdict.reward, verdict.parts) == (outcome, reward, {"tests": reward})
    assert (verdict.metrics["tests_run"], verdict.metrics["tests_total"]) == (ran, 4)


REASONS: dict[str, tuple[dict[str, Any], str]] = {
    "another output": ({"stdout": b"hm\x00\xff\n"}, r"wrong output: 'hm\x00\ufffd\n'"),
    "a long output": ({"stdout": b"x" * 101}, f"wrong output: '{'x' * 100}' …"),
    "an exception": (
        {"status": RunStatus.RUNTIME_ERROR, "reason": "exception", "stderr": b"Traceback:\nKeyError: \xc3\xa9\n"},
        r"runtime_error (exception): 'KeyError: \xe9'",
    ),
    "a limit": ({"status": RunStatus.TIME_LIMIT, "reason": "wall"}, "time_limit (wall)"),
    "the right output, but an exit code": (
        {"status": RunStatus.RUNTIME_ERROR, "reason": "exit_code", "exit_code": 3},
        "runtime_error (exit_code)",
    ),
}


@pytest.mark.parametrize(("changes", "reason"), REASONS.values(), ids=REASONS.keys())
def test_the_reason_names_the_first_failure(changes: dict[str, Any], reason: str) -> None:
    runs = [*with_run(2, **changes)[:3], replace(RIGHT[3], stdout=b"")]
    assert grade({**STDIN, "early_stop": False}, runs)[0].reason == f"test 3 of 4: {reason}"


KINDS: dict[str, dict[str, Any]] = {
    "stdin": {"kind": "stdin", "tests": [{"input": "1", "output": SECRET}]},
    "call": {"kind": "call", "fn_name": "f", "inputs": [[1]], "outputs": [SECRET]},
    "call, as published": {"kind": "call", "fn_name": "f", "inputs": ["1"], "outputs": [f'"{SECRET}"']},
    "assert": {"kind": "assert", "tests": [f"assert f(1) == '{SECRET}'"]},
    "assert with a reference in its setup": {
        "kind": "assert",
        "tests": ["assert f(1) == reference(1)"],
        "setup": f"def reference(x):\n    return '{SECRET}'",
    },
    "check": {"kind": "check", "entry_point": "f", "test_code": f"def check(c):\n    assert c(1) == '{SECRET}'"},
}


@pytest.mark.parametrize("fields", KINDS.values(), ids=KINDS.keys())
def test_what_is_expected_is_neither_sent_to_the_program_nor_told(fields: dict[str, Any]) -> None:
    broken = Run(0, RunStatus.RUNTIME_ERROR, "assertion", stdout=b"?", stderr=f"assert '{SECRET}'".encode())
    judged = fields["kind"] in ("check",) or "setup" in fields
    verdict, (execution,) = grade(fields, [broken if judged else Run(0, RunStatus.FINISHED, result=b"5")])
    assert (verdict.outcome, verdict.reward) == (Outcome.WRONG, 0.0)
    assert SECRET not in verdict.reason
    assert SECRET not in execution.code
    assert execution.mode == ("judged" if judged else "stdin" if fields["kind"] == "stdin" else "call")
    if not judged:
        assert all(SECRET.encode() not in given for given in execution.inputs)


ANSWERS: dict[str, tuple[bytes | None, bool]] = {
    "the value": (encode([1, 2]), True),
    "a tuple": (encode((1, 2)), True),
    "another value": (encode([2, 1]), False),
    "nothing": (None, False),
    "no bytes": (b"", False),
    "no encoding": (b"[1,2", False),
    "two frames": (b"[1,2][1,2]", False),
    "a million brackets": (b"[" * 1_000_000, False),
}


@pytest.mark.parametrize(("answer", "right"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_of_a_call(answer: bytes | None, right: bool) -> None:
    fields = {"kind": "call", "fn_name": "f", "inputs": [[1]], "outputs": [[1, 2]]}
    verdict, _ = grade(fields, [Run(0, RunStatus.FINISHED, result=answer)])
    assert verdict.reward == float(right)


def test_limits_and_files_of_the_task_reach_the_sandbox() -> None:
    _, (execution,) = grade({**STDIN, "limits": {"cpu_seconds": 1, "processes": 2}}, RIGHT)
    assert execution.limits == Limits(cpu_seconds=1, processes=2)
    assert execution.reuse == "per_submission"
    assert execution.inputs == (b"0", b"1", b"2", b"3")


def test_asserts_of_one_function_become_calls_and_others_a_script() -> None:
    tests = ["assert f(1) == 2", "assert 3 == f(2)"]
    _, (execution,) = grade({"kind": "assert", "tests": tests}, [Run(0, RunStatus.FINISHED, result=b"2")])
    assert (execution.mode, execution.entry, execution.inputs) == ("call", "f", (b"[1]", b"[2]"))
    _, (execution,) = grade({"kind": "assert", "tests": [*tests, "assert g(f(1))"]}, [Run(0, RunStatus.FINISHED)])
    assert (execution.mode, execution.stubs, execution.inputs[0]) == ("judged", ("f", "g"), b"assert f(1) == 2")


def test_a_check_keeps_the_helpers_of_its_prefix_to_itself() -> None:
    prefix = 'def poly(x):\n    return x\n\ndef zero(x):\n    """Doc."""\n'
    test_code = "def check(candidate):\n    assert poly(candidate(1)) == 0 and math.floor(0) == 0\n"
    fields = {"kind": "check", "entry_point": "zero", "prefix": prefix, "test_code": test_code}
    _, (execution,) = grade(fields, [Run(0, RunStatus.FINISHED)])
    assert execution.stubs == ("zero",)
    assert execution.code == prefix + "print(1)\n"
    assert execution.inputs[0].startswith(b"import math\ndef poly(x):")
    assert execution.inputs[0].endswith(b"\ncheck(zero)\n")
    assert b"def zero" not in execution.inputs[0]


UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "a check that defines the function itself": (
        {"kind": "check", "entry_point": "f", "test_code": "def f(x): return 1\ndef check(c): assert c(1)"},
        "test_code",
    ),
    "an assert of a function that the setup defines": (
        {"kind": "assert", "tests": ["assert f(1) == 1"], "setup": "def f(x): return x"},
        "tests[0]",
    ),
    "a check that uses what nobody defines": (
        {"kind": "check", "entry_point": "f", "test_code": "def check(c): assert near(c(1), 1) and equal(1, 1)"},
        "test_code",
    ),
    "more names than can be left to a program": (
        {"kind": "assert", "tests": [f"assert f{n}()" for n in range(101)]},
        "tests",
    ),
    "arguments beyond the plain encoding": (
        {"kind": "call", "fn_name": "f", "inputs": [[1 << (1 << 18)]], "outputs": [1]},
        "inputs",
    ),
}


@pytest.mark.parametrize(("fields", "named"), UNFIT.values(), ids=UNFIT.keys())
def test_an_unfit_task_is_invalid(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidTask) as invalid:
        grade(fields, [])
    assert invalid.value.field == named


def test_a_program_cannot_call_a_task_unfit() -> None:
    verdict, _ = grade(STDIN, with_run(0, status=RunStatus.RUNTIME_ERROR, reason="unplain_argument"))
    assert (verdict.outcome, verdict.reward) == (Outcome.WRONG, 0.0)


def test_a_program_over_the_bound_is_unparsed() -> None:
    longest = "#" * (MAX_CODE_BYTES - 1) + "\n"
    assert grade(STDIN, RIGHT, f"```python\n{longest}```"[-999_999:])[0].outcome is Outcome.UNPARSED
    wide = f"```python\n#{'é' * (MAX_CODE_BYTES // 2)}\n```"
    verdict, asked = grade(STDIN, RIGHT, wide)
    assert (verdict.outcome, asked) == (Outcome.UNPARSED, [])
    assert "longer than" in verdict.reason


def test_a_fault_of_the_sandbox_is_no_verdict() -> None:
    verifier = verifiers()["code"]
    with pytest.raises(SandboxError):
        judge(verifier, parse_task(verifier, STDIN), RESPONSE, Broken())
