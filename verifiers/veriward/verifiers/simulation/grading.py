"""The verifier `simulation`: a predicted output, an input that gives an output, or CodeI/O's JSON."""

import ast
import re
from typing import Any

from veriward.sandbox.execution import Execution, Limits, Run, RunStatus, Sandbox
from veriward.sandbox.plain import Unserialisable, decode, encode
from veriward.verifiers.answers import answer_region, boxed_span, last_answer_tag, last_fence
from veriward.verifiers.final import NoAnswer, written_answer
from veriward.verifiers.registry import verifier
from veriward.verifiers.simulation.json_objects import last_object, same_json
from veriward.verifiers.simulation.literals import NotLiteral, arguments, call_of, literal, same, stated, value_of
from veriward.verifiers.simulation.task import KEYS, CodeIOTask, InputTask, OutputTask, SimulationTask, parameters_of
from veriward.verifiers.verdict import InvalidTask, Verdict, correct, unparsed, wrong
from veriward.wire.outcomes import Outcome

CALL_CPU_SECONDS = 3.0  # as CruxEval allows

_ASSERT_LINE = re.compile(r"^[ \t]*assert\b", re.MULTILINE)
_OPEN, _CLOSE = "[ANSWER]", "[/ANSWER]"


@verifier("simulation", version=1, task=SimulationTask, cpu_seconds=5.0, wall_seconds=20.0, batch=8, runs_programs=True)
def simulation(response: str, task: SimulationTask, sandbox: Sandbox, /) -> Verdict:
    """Compare a prediction about a program with what the program does; the model's text is parsed, never run.

    `output` (CruxEval-O, arXiv:2401.03065): the last `assert f(…) == value`, or the value alone, must be the gold
    value; a call must be the task's own. Running the model's assert, as published scorers do, pays for `assert True`
    and for a redefined `f`; here it is taken apart. Types count (a tuple is no list, True is no 1), but 1 is 1.0.
    `input` (CruxEval-I): literal arguments, in an assert, a call or alone. The task's own function is run on them in
    the sandbox and must give `gold_output`, so any input that does is right.
    `codeio` (CodeI/O, arXiv:2502.07316): the last JSON object, from the last json block if there is one; the value
    under gold's key must be equal, floats within 1e-6. A missing object or key is no answer, and never equals null.

    The last `<answer>` or `[ANSWER]` decides, else the last code block, box, assert, or line.
    """
    asked = task.root
    region = answer_region(response)
    if region is None:
        return unparsed("the thinking never ends")
    if isinstance(asked, CodeIOTask):
        return _codeio(region, asked)
    try:
        answer = _answer(region)
        return _output(answer, asked) if isinstance(asked, OutputTask) else _input(answer, asked, sandbox)
    except (NoAnswer, NotLiteral) as none:
        return unparsed(str(none))


def _answer(region: str) -> str:
    tagged = last_answer_tag(region)
    if tagged is None and _OPEN in region:
        inside, closed, _ = region.rpartition(_OPEN)[2].partition(_CLOSE)
        tagged = inside if closed else None
    text = region if tagged is None else tagged
    fenced = last_fence(text, unclosed=True)
    if fenced is not None:
        return fenced
    box = boxed_span(text)
    if box is not None:
        return text[box.start : box.end]
    if tagged is not None or _ASSERT_LINE.search(text):
        return text.strip().strip("`").strip()
    return written_answer(text)


def _output(answer: str, task: OutputTask) -> Verdict:
    told = stated(answer)
    if told.call is not None:
        if told.value is None:
            raise NotLiteral("it is a call, not what the call gives")
        if not _same_call(told.call, call_of(task.entry, task.input)):
            raise NotLiteral("it is about another call")
    assert told.value is not None
    return (correct if same(literal(task.gold), value_of(told.value)) else wrong)(ast.unparse(told.value))


def _same_call(told: ast.Call, gold: ast.Call) -> bool:
    """Whether two calls are the same, their arguments compared as values where they are literals."""
    if ast.dump(told) == ast.dump(gold):
        return True
    if ast.dump(told.func) != ast.dump(gold.func) or told.keywords or gold.keywords:
        return False
    try:
        return same(arguments(gold, []), arguments(told, []))
    except NotLiteral:
        return False


def _input(answer: str, task: InputTask, sandbox: Sandbox) -> Verdict:
    given = _given(answer, task)
    try:
        encoded = encode(given)
    except Unserialisable as error:
        raise NotLiteral(str(error)) from None
    shown = ", ".join(map(repr, given))
    (run,) = sandbox.run(
        Execution(task.code, "call", (encoded,), task.entry, limits=Limits(cpu_seconds=CALL_CPU_SECONDS))
    )
    if run.status is RunStatus.COMPILE_ERROR or run.reason == "missing_entry":
        raise InvalidTask("code", f"does not run: {run.reason}")
    right = run.status is RunStatus.FINISHED and _gives(run, literal(task.gold_output))
    reason = "" if run.status is RunStatus.FINISHED else f"{run.status} ({run.reason})"
    isolation = (run.isolation.level, run.isolation.layers, run.isolation.backend)
    outcome = Outcome.CORRECT if right else Outcome.WRONG
    return Verdict(outcome, float(right), {"answer": float(right)}, shown, reason, isolation=isolation)


def _given(answer: str, task: InputTask) -> list[Any]:
    """The arguments that the answer gives. A bare tuple is several where the function takes several."""
    parameters = parameters_of(task.code, task.entry)
    told = stated(answer)
    if told.call is not None:
        if not (isinstance(told.call.func, ast.Name) and told.call.func.id == task.entry):
            raise NotLiteral(f"it does not call {task.entry}")
        return arguments(told.call, parameters)
    assert told.value is not None
    value = value_of(told.value)
    return list(value) if isinstance(value, tuple) and len(parameters) != 1 else [value]


def _gives(run: Run, gold: Any) -> bool:
    try:
        return same(gold, decode(run.result or b""))
    except ValueError:
        return False


def _codeio(region: str, task: CodeIOTask) -> Verdict:
    tagged = last_answer_tag(region)
    told = last_object(region if tagged is None else tagged)
    key = next(key for key in KEYS if key in task.gold)
    if told is None or key not in told:
        return unparsed(f'there is no JSON object with "{key}"')
    return (correct if same_json(task.gold[key], told[key]) else wrong)(repr(told[key]))
