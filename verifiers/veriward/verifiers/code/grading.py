"""The verifier `code`: a program is right when it passes the task's tests, run in the sandbox, judged outside it."""

from veriward.sandbox.execution import MAX_CODE_BYTES, Run, Sandbox
from veriward.sandbox.languages import PYTHON, known
from veriward.sandbox.remote import UNPLAIN_ARGUMENT
from veriward.verifiers.code.program import NoProgram, completion_of, program_of
from veriward.verifiers.code.suites import Suite, suite_of
from veriward.verifiers.code.task import AssertTask, CallTask, CheckTask, CodeTask, PytestTask, StdinTask
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import MAX_EXTRACTED_CHARS, InvalidTask, Verdict
from veriward.wire.outcomes import Outcome


@verifier("code", version=1, task=CodeTask, cpu_seconds=20.0, wall_seconds=60.0, batch=1, runs_programs=True)
def code(response: str, task: CodeTask, sandbox: Sandbox, /) -> Verdict:
    """Run the last Python block of the response against the task's tests; what is expected never meets the program.

    `kind` says what a test is. `stdin`: the output for an input, compared as `checker` says; with a `language`, it is
    that language's last block. `call`: the value of a function for some arguments, as JSON. `assert` (MBPP), `check`
    (HumanEval) and `pytest` (KodCode: files that import from `solution`): Python that calls the program; it is taken
    apart into calls where it is plain enough, and else runs in a process that the program is not in, and gets plain
    data alone from it. A test that hands the program a function can't be judged so, nor one that needs a fixture or an
    exception of the program's own: the task is invalid.

    `score` `all` (default) gives 1 for passing every test, `fraction` the share passed. `early_stop` ends at the first
    failure (default: for `all`). `limits` hold for each test. Metrics: `tests_passed`, `tests_total`, `tests_run`,
    `cpu_seconds` of the program. Formats: LiveCodeBench (arXiv:2403.07974), MBPP (arXiv:2108.07732), HumanEval
    (arXiv:2107.03374).
    """
    tests = task.root
    try:
        program = _program(response, tests)
    except NoProgram as none:
        return _unparsed(str(none))
    suite = suite_of(tests, program)
    if len(suite.execution.code.encode()) > MAX_CODE_BYTES:
        return _unparsed(f"the program is longer than {MAX_CODE_BYTES:,} bytes", program)
    failures: list[str | None] = []

    def stop(run: Run) -> bool:
        failures.append(suite.failure(run))
        return tests.stops_early and failures[-1] is not None

    runs = sandbox.run(suite.execution, stop)
    _check_judgeable(suite, runs)
    return _verdict(suite, runs, failures, program, tests.score == "all")


def _program(response: str, tests: StdinTask | CallTask | AssertTask | CheckTask | PytestTask) -> str:
    if isinstance(tests, CheckTask) and tests.prefix:
        return completion_of(response)
    if tests.language == PYTHON:
        return program_of(response)
    return program_of(response, known()[tests.language].tags, tests.language)


def _verdict(suite: Suite, runs: list[Run], failures: list[str | None], program: str, all_or_nothing: bool) -> Verdict:
    total, passed = len(suite.execution.inputs), failures.count(None)
    share = float(passed == total) if all_or_nothing else passed / total
    outcome = Outcome.CORRECT if passed == total else Outcome.PARTIAL if share else Outcome.WRONG
    named = ((run.index, failure) for run, failure in zip(runs, failures, strict=True) if failure is not None)
    isolation = runs[-1].isolation
    return Verdict(
        outcome,
        share,
        {"tests": share},
        program[:MAX_EXTRACTED_CHARS],
        next((f"test {index + 1} of {total}: {failure}" for index, failure in named), ""),
        {
            "tests_passed": float(passed),
            "tests_total": float(total),
            "tests_run": float(len(runs)),
            "cpu_seconds": sum(run.usage.cpu_seconds for run in runs),
        },
        isolation=(isolation.level, isolation.layers, isolation.backend),
    )


def _unparsed(reason: str, extracted: str | None = None) -> Verdict:
    return Verdict(Outcome.UNPARSED, 0.0, {"tests": 0.0}, extracted and extracted[:MAX_EXTRACTED_CHARS], reason)


def _check_judgeable(suite: Suite, runs: list[Run]) -> None:
    """Raises `InvalidTask` if a script handed the program what cannot leave the script's process."""
    for run in runs:
        if suite.fields and run.reason == UNPLAIN_ARGUMENT:
            raise InvalidTask(suite.fields[run.index], "hands the program what is not plain data, a function say")
