"""The verifier `lean`: a formal proof is right when Lean accepts it, of the task's own statement, from known axioms."""

from functools import lru_cache
from typing import Annotated

from pydantic import Field, field_validator

from veriward.sandbox.errors import ExecutionRefused
from veriward.sandbox.execution import MAX_LIMITS, MIB, Execution, Limits, Run, RunStatus, Sandbox
from veriward.verifiers.answers import answer_region, last_fence
from veriward.verifiers.lean.checking import claim_alone, question, read_answer
from veriward.verifiers.lean.forbidden import adds_assumptions, forbidden_in, imports_of, without_imports
from veriward.verifiers.lean.source import code_of, declares, read_statement
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import InvalidTask, Unavailable, Verdict, correct, unparsed, wrong

LANGUAGE = "lean"
FENCES = ("lean", "lean4", "")
MAX_PROOF_CHARS = 200_000
MAX_STATEMENT_CHARS = 50_000
MAX_AXIOMS = 20
KNOWN_AXIOMS = ("propext", "Classical.choice", "Quot.sound")
"""Those of Lean's own library; `sorryAx`, `Lean.ofReduceBool` and one's own are not among them."""


class LeanLimits(Task):
    """Of one run of Lean; importing a large library takes seconds and gigabytes by itself."""

    wall_seconds: float = Field(default=120.0, gt=0, le=MAX_LIMITS.wall_seconds)
    cpu_seconds: float = Field(default=60.0, gt=0, le=MAX_LIMITS.cpu_seconds)
    memory_bytes: int = Field(default=4096 * MIB, gt=0, le=MAX_LIMITS.memory_bytes)


class LeanTask(Task):
    """`statement`: `theorem name … : …`, a trailing `:= by sorry` forgiven. `header`: imports, `open`s, definitions.

    `axioms`: those that a proof may rest on.
    """

    statement: Annotated[str, Field(min_length=1, max_length=MAX_STATEMENT_CHARS)]
    header: Annotated[str, Field(max_length=MAX_STATEMENT_CHARS)] = ""
    axioms: Annotated[tuple[str, ...], Field(max_length=MAX_AXIOMS, strict=False)] = KNOWN_AXIOMS
    limits: LeanLimits = LeanLimits()

    @field_validator("statement")
    @classmethod
    def _is_one(cls, text: str) -> str:
        read_statement(text)  # `NoStatement` is a ValueError, whose words go with the field
        return text

    @field_validator("header")
    @classmethod
    def _adds_no_assumptions(cls, header: str) -> str:
        if adds_assumptions(code_of(header)):
            raise ValueError("declares variables; write what is assumed into the statement")
        return header


@verifier(
    "lean",
    version=1,
    task=LeanTask,
    cpu_seconds=5.0,
    wall_seconds=60.0,
    batch=1,
    runs_programs=True,
    golds=lambda fields: [],
)
def lean(response: str, task: LeanTask, sandbox: Sandbox, /) -> Verdict:
    """Run Lean 4 on the last `lean` block after the thinking: a proof of the task's statement, under its own name.

    The claim is written down before the proof, and Lean's kernel checks that the theorem of that name proves it, so a
    changed or weakened statement proves nothing; the axioms that it rests on are printed and must be `axioms`. Lemmas
    and definitions may stand beside it. Refused, unread by Lean: `sorry`, `axiom`, `native_decide`, `unsafe`, imports
    of one's own, `open … in`, `variable`, notation, macros, strings, attributes and options beyond the usual, `#`
    commands, and all that runs code while a file is read.

    A proof that reaches a limit is wrong. Needs a Lean that the sandbox can start (`docs/languages.md`); without one
    every task is invalid, which says nothing of the response. What `lean` imports depends on that installation.
    """
    _require(sandbox)  # type: ignore[arg-type]
    statement = read_statement(task.statement)
    region = answer_region(response)
    proof = None if region is None else last_fence(region, FENCES)
    if proof is None:
        return unparsed("no ```lean block")
    if len(proof) > MAX_PROOF_CHARS:
        return unparsed(f"the proof is longer than {MAX_PROOF_CHARS:,} characters")
    code = code_of(proof)
    if not declares(code, statement.name):
        return unparsed(f"no theorem is named {statement.name!r}", proof)
    refused = forbidden_in(code, imports_of(code_of(task.header)))
    if refused is not None:
        return wrong(proof, f"refused: {refused}")
    asked = question(task.header, statement, without_imports(proof))
    run = _run(sandbox, asked.text, task.limits)
    answer = read_answer(_said(run), asked.result)
    if run.status is RunStatus.FINISHED and answer.axioms is not None and not answer.error:
        beyond = [axiom for axiom in answer.axioms if axiom not in task.axioms]
        verdict = wrong(proof, f"rests on {', '.join(beyond)}") if beyond else correct(proof)
    else:
        _check_claim(sandbox, task)
        verdict = wrong(proof, f"not accepted: {_why(run, answer.error)}")
    isolation = run.isolation
    return Verdict(
        verdict.outcome,
        verdict.reward,
        verdict.parts,
        verdict.extracted,
        verdict.reason,
        {"cpu_seconds": run.usage.cpu_seconds},
        isolation=(isolation.level, isolation.layers, isolation.backend),
    )


def _run(sandbox: Sandbox, text: str, limits: LeanLimits) -> Run:
    asked = Limits(wall_seconds=limits.wall_seconds, cpu_seconds=limits.cpu_seconds, memory_bytes=limits.memory_bytes)
    (run,) = sandbox.run(Execution(text, language=LANGUAGE, limits=asked))
    return run


@lru_cache(maxsize=1)
def _require(sandbox: Sandbox) -> None:
    """Raises `Unavailable` where the sandbox has no Lean: before a response is looked at, so that none is judged."""
    try:
        sandbox.run(Execution("", language=LANGUAGE))
    except ExecutionRefused as refused:
        if refused.field != "language":
            raise
        raise Unavailable("no Lean 4 that the sandbox can start; docs/languages.md says how to give it one") from None


@lru_cache(maxsize=16)
def _error_of_claim(sandbox: Sandbox, text: str, limits: LeanLimits) -> str | None:
    """What Lean has against the claim alone, None where it accepts it."""
    run = _run(sandbox, text, limits)
    return None if run.status is RunStatus.FINISHED else _why(run, read_answer(_said(run), "none").error)


def _check_claim(sandbox: Sandbox, task: LeanTask) -> None:
    """Raises `InvalidTask` where it is the task that Lean does not accept."""
    alone = claim_alone(task.header, read_statement(task.statement))
    error = _error_of_claim(sandbox, alone, task.limits)  # type: ignore[arg-type]
    if error is not None:
        raise InvalidTask("statement", f"Lean does not accept it: {error}")


def _said(run: Run) -> str:
    return (run.stdout + b"\n" + run.stderr).decode(errors="replace")


def _why(run: Run, error: str) -> str:
    if run.status in (RunStatus.FINISHED, RunStatus.RUNTIME_ERROR):
        return error or run.reason or "Lean printed no axioms"
    return f"Lean reached its {run.status.value.replace('_', ' ')}"
