"""Turns a task and a program into what the sandbox is to run and how each run is judged, here in the grader.

Expected values never go into an `Execution`: `stdin` and `call` send inputs alone; the scripts of `assert` and `check`
run in a child that the program has no part in. An `assert` that is one call compared with a literal is taken apart into
such a call, which is cheaper.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from veriward.sandbox.execution import Execution, Limits, Run, RunStatus
from veriward.sandbox.plain import Unserialisable, decode, encode
from veriward.verifiers.code.checkers import same_output
from veriward.verifiers.code.program import joined, undented
from veriward.verifiers.code.pytest_files import read_pytest
from veriward.verifiers.code.reading import Scripts, read_asserts, read_check
from veriward.verifiers.code.scripts import shared_part
from veriward.verifiers.code.task import AssertTask, CallTask, CheckTask, PytestTask, StdinTask
from veriward.verifiers.code.values import same_value
from veriward.verifiers.verdict import InvalidTask

MAX_PREVIEW_CHARS = 100


@dataclass(frozen=True, slots=True)
class Suite:
    """`failure(run)` says how a run failed its test, or None if it passed. It never tells what was expected.

    `fields` names where each script stands in the task, if the inputs are scripts.
    """

    execution: Execution
    failure: Callable[[Run], str | None]
    fields: tuple[str, ...] = ()


def suite_of(task: StdinTask | CallTask | AssertTask | CheckTask | PytestTask, program: str) -> Suite:
    """Raises `InvalidTask` for tests that cannot judge any program."""
    suite = _suite(task, program)
    total_cpu_seconds = task.limits.total_cpu_seconds or 0.0
    execution = replace(suite.execution, profile=task.profile, total_cpu_seconds=total_cpu_seconds)
    return replace(suite, execution=execution)


def _suite(task: StdinTask | CallTask | AssertTask | CheckTask | PytestTask, program: str) -> Suite:
    if isinstance(task, CheckTask):
        return _check_suite(task, program)
    program = undented(program)
    if isinstance(task, StdinTask):
        return _stdin_suite(task, program)
    if isinstance(task, PytestTask):
        return _of_scripts(program, read_pytest(tuple(task.files.items())), task.limits.for_sandbox())
    return _call_suite(task, program) if isinstance(task, CallTask) else _assert_suite(task, program)


def _stdin_suite(task: StdinTask, program: str) -> Suite:
    def failure(run: Run) -> str | None:
        if same_output(task.tests[run.index].output, run.stdout, task.checker):
            return None
        return f"wrong output: {_preview(run.stdout)}"

    inputs = tuple(test.input.encode("utf-8", "surrogatepass") for test in task.tests)
    execution = Execution(program, "stdin", inputs, limits=task.limits.for_sandbox(), language=task.language)
    return Suite(execution, _unless_broken(failure))


def _call_suite(task: CallTask, program: str) -> Suite:
    def holds(index: int, value: object) -> bool:
        return same_value(task.calls[index][1], value)

    try:
        inputs = tuple(encode(arguments) for arguments, _ in task.calls)
    except Unserialisable as error:
        raise InvalidTask("inputs", str(error)) from None
    return _of_calls(Execution(program, "call", inputs, task.fn_name, limits=task.limits.for_sandbox()), holds)


def _assert_suite(task: AssertTask, program: str) -> Suite:
    read = read_asserts(tuple(task.tests), task.setup)
    code = joined(shared_part(task.setup), program)
    limits = task.limits.for_sandbox()
    if isinstance(read, Scripts):
        return _of_scripts(code, read, limits)
    execution = Execution(code, "call", read.arguments, read.entry, limits=limits)
    return _of_calls(execution, lambda index, value: read.holds[index](value))


def _check_suite(task: CheckTask, program: str) -> Suite:
    read = read_check(task.test_code, task.entry_point, task.prefix)
    return _of_scripts(joined(task.prefix, program), read, task.limits.for_sandbox())


def _of_calls(execution: Execution, holds: Callable[[int, object], bool]) -> Suite:
    def failure(run: Run) -> str | None:
        try:
            value = decode(run.result or b"")
        except ValueError:
            return "no value came back"
        return None if holds(run.index, value) else f"wrong value: {_preview(run.result or b'')}"

    return Suite(execution, _unless_broken(failure))


def _of_scripts(code: str, scripts: Scripts, limits: Limits) -> Suite:
    def failure(run: Run) -> str | None:
        # Its stderr quotes the script, and so what is expected.
        return None if run.status is RunStatus.FINISHED else f"{run.status} ({run.reason})"

    execution = Execution(code, "judged", scripts.sources, stubs=scripts.stubs, limits=limits)
    return Suite(execution, failure, scripts.fields)


def _unless_broken(failure: Callable[[Run], str | None]) -> Callable[[Run], str | None]:
    def with_status(run: Run) -> str | None:
        if run.status is RunStatus.FINISHED and not run.exit_code:
            return failure(run)
        why = f"{run.status} ({run.reason})"
        last_words = run.stderr.rstrip().rpartition(b"\n")[2]
        return f"{why}: {_preview(last_words)}" if last_words else why

    return with_status


def _preview(data: bytes) -> str:
    text = ascii(data[:MAX_PREVIEW_CHARS].decode("utf-8", "replace"))
    return text if len(data) <= MAX_PREVIEW_CHARS else f"{text} …"
