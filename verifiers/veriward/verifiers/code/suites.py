"""Turns a task and a program into what the sandbox is to run and how each run is judged, here in the grader.

Expected values never go into an `Execution`: `stdin` and `call` send inputs alone; the scripts of `assert` and `check`
run in a child that the program has no part in. An `assert` that is one call compared with a literal is taken apart into
such a call, which is cheaper.
"""

from collections.abc import Callable
from dataclasses import dataclass

from veriward.sandbox.execution import Execution, Limits, Run, RunStatus
from veriward.sandbox.plain import Unserialisable, decode, encode
from veriward.verifiers.code.checkers import same_output
from veriward.verifiers.code.program import joined, undented
from veriward.verifiers.code.scripts import (
    PlainCall,
    check,
    forgotten_imports,
    free_names,
    plain_call,
    shared_part,
    without_definition,
)
from veriward.verifiers.code.task import AssertTask, CallTask, CheckTask, StdinTask
from veriward.verifiers.code.values import same_value
from veriward.verifiers.verdict import InvalidTask

MAX_PREVIEW_CHARS = 100
MAX_STUBS = 100


@dataclass(frozen=True, slots=True)
class Suite:
    """`failure(run)` says how a run failed its test, or None if it passed. It never tells what was expected.

    `fields` names where each script stands in the task, if the inputs are scripts.
    """

    execution: Execution
    failure: Callable[[Run], str | None]
    fields: tuple[str, ...] = ()


def suite_of(task: StdinTask | CallTask | AssertTask | CheckTask, program: str) -> Suite:
    """Raises `InvalidTask` for tests that cannot judge any program."""
    if isinstance(task, CheckTask):
        return _check_suite(task, program)
    program = undented(program)
    if isinstance(task, StdinTask):
        return _stdin_suite(task, program)
    return _call_suite(task, program) if isinstance(task, CallTask) else _assert_suite(task, program)


def _stdin_suite(task: StdinTask, program: str) -> Suite:
    def failure(run: Run) -> str | None:
        if same_output(task.tests[run.index].output, run.stdout, task.checker):
            return None
        return f"wrong output: {_preview(run.stdout)}"

    inputs = tuple(test.input.encode("utf-8", "surrogatepass") for test in task.tests)
    return Suite(Execution(program, "stdin", inputs, limits=task.limits.for_sandbox()), _unless_broken(failure))


def _call_suite(task: CallTask, program: str) -> Suite:
    def holds(index: int, value: object) -> bool:
        return same_value(task.calls[index][1], value)

    try:
        inputs = tuple(encode(arguments) for arguments, _ in task.calls)
    except Unserialisable as error:
        raise InvalidTask("inputs", str(error)) from None
    return _of_calls(Execution(program, "call", inputs, task.fn_name, limits=task.limits.for_sandbox()), holds)


def _assert_suite(task: AssertTask, program: str) -> Suite:
    check(task.setup, "setup")
    scripts: dict[str, str] = {}
    names: set[str] = set()
    calls: list[PlainCall | None] = []
    for index, test in enumerate(task.tests):
        field = f"tests[{index}]"
        check(test, field)
        script = f"{task.setup}\n{test}\n" if task.setup else test
        imports = forgotten_imports(script)
        stubs = free_names(script) - imports
        if not stubs:
            raise InvalidTask(field, "uses nothing of the program, so every program would pass it")
        scripts[field] = _with_imports(imports, script)
        names |= stubs
        call = plain_call(test)
        calls.append(call if call is not None and stubs == {call.entry} else None)
    code = joined(shared_part(task.setup), program)
    limits = task.limits.for_sandbox()
    plain = [call for call in calls if call is not None]
    if len(plain) == len(task.tests) and len({call.entry for call in plain}) == 1:
        execution = Execution(code, "call", tuple(call.arguments for call in plain), plain[0].entry, limits=limits)
        return _of_calls(execution, lambda index, value: plain[index].holds(value))
    return _of_scripts(code, scripts, names, limits)


def _check_suite(task: CheckTask, program: str) -> Suite:
    entry = task.entry_point.partition(".")[0].removesuffix("()")
    helpers = without_definition(task.prefix, entry)
    check(helpers, "prefix")
    check(task.test_code, "test_code")
    script = f"{helpers}\n{task.test_code}\ncheck({task.entry_point})\n"
    imports = forgotten_imports(script) - {entry}
    names = free_names(script) - imports
    if entry not in names:
        raise InvalidTask("test_code", f"defines {entry!r} itself, so every program would pass it")
    if names != {entry}:
        raise InvalidTask("test_code", f"uses undefined names: {', '.join(sorted(names - {entry}))[:200]}")
    limits = task.limits.for_sandbox()
    return _of_scripts(joined(task.prefix, program), {"test_code": _with_imports(imports, script)}, {entry}, limits)


def _of_calls(execution: Execution, holds: Callable[[int, object], bool]) -> Suite:
    def failure(run: Run) -> str | None:
        try:
            value = decode(run.result or b"")
        except ValueError:
            return "no value came back"
        return None if holds(run.index, value) else f"wrong value: {_preview(run.result or b'')}"

    return Suite(execution, _unless_broken(failure))


def _of_scripts(code: str, scripts: dict[str, str], stubs: set[str], limits: Limits) -> Suite:
    if len(stubs) > MAX_STUBS:
        raise InvalidTask("tests", f"{len(stubs)} names are left to the program, more than {MAX_STUBS}")
    inputs = tuple(script.encode("utf-8", "surrogatepass") for script in scripts.values())
    execution = Execution(code, "judged", inputs, stubs=tuple(sorted(stubs)), limits=limits)

    def failure(run: Run) -> str | None:
        # Its stderr quotes the script, and so what is expected.
        return None if run.status is RunStatus.FINISHED else f"{run.status} ({run.reason})"

    return Suite(execution, failure, tuple(scripts))


def _with_imports(names: set[str], script: str) -> str:
    return "".join(f"import {name}\n" for name in sorted(names)) + script


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
