"""Performs an execution in a language that has a command: compiled once, then run afresh for every input."""

import json
from dataclasses import replace

from veriward.sandbox.conversation import Child, Message
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.execution import Execution, Isolation, Run, RunStatus, Usage
from veriward.sandbox.languages import Language
from veriward.sandbox.nursery import Nursery
from veriward.sandbox.outcomes import Outcome
from veriward.sandbox.performance import Performance, Role
from veriward.sandbox.trial import Allowance, Trial
from veriward.sandbox.watch import Watch

_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
}
_MAX_CPU_SECONDS = 1e6


class FreshPerformance(Performance):
    """The compiler has a child of its own, with its own limits; the box of the runs gets nothing of it but the program.

    Compiling is charged to no run. If it fails, every run is a `COMPILE_ERROR`: what the compiler said is its stderr,
    and its reason is `compile_error`, or the limit of the compiler's that was reached.
    """

    def __init__(
        self, execution: Execution, language: Language, nursery: Nursery, watch: Watch, isolation: Isolation
    ) -> None:
        super().__init__(execution, nursery, watch, isolation)
        self._language = language
        self._source = {language.source: execution.code.encode("utf-8", "surrogatepass")}
        self._program = self._source if language.compile is None else {}
        self._not_compiled: Run | None = None

    def _alone(self, index: int, content: bytes) -> Run:
        if not self._program and self._not_compiled is None:
            self._compile()
        if self._not_compiled is not None:
            return replace(self._not_compiled, index=index)
        return self._explained(super()._alone(index, content))

    def _compile(self) -> None:
        compiler = self._language.compile
        assert compiler is not None
        child = self._child("compile")
        allowance = Allowance.now(compiler.limits)
        trial = Trial(child, self._papers_of("compile"), 0, b"", fresh=True, allowance=allowance)
        outcome = self._conclude(trial, trial.listen(self._watch), is_process=True)
        self._end_children()
        made = trial.result(compiler.limits.output_bytes)
        if outcome.status is RunStatus.FINISHED and made:
            self._program = {compiler.makes: made}
            return
        if outcome.status in (RunStatus.FINISHED, RunStatus.RUNTIME_ERROR):
            reason = "compile_error" if made is not None else "output"
            outcome = Outcome(RunStatus.COMPILE_ERROR, reason, outcome.exit_code)
        usage = Usage(allowance.wall_seconds(), trial.cpu_seconds(), child.memory_bytes())
        run = self._run(0, outcome, trial, usage)
        self._not_compiled = replace(run, status=RunStatus.COMPILE_ERROR, stdout=b"", stderr=run.stderr or run.stdout)

    def _conclude(self, trial: Trial, word: Message | Outcome | None, *, is_process: bool) -> Outcome:
        """As for the built-in Python; but a launcher ends only when it is killed, and its word on CPU time counts."""
        if isinstance(word, Message):
            told = word.body.get("cpu_seconds")
            if isinstance(told, float) and 0 <= told <= _MAX_CPU_SECONDS:
                trial.child.told_cpu_seconds += told
        outcome = super()._conclude(trial, word, is_process=is_process)
        if word is None and outcome.status is RunStatus.FINISHED:
            raise SandboxError("a launcher ended of itself")
        return outcome

    def _explained(self, run: Run) -> Run:
        """With what a launcher's word leaves unsaid: that a reason is a signal, or is in what was written to stderr."""
        if run.status is not RunStatus.RUNTIME_ERROR:
            return run
        sign = self._language.memory_error.encode()
        if sign and sign in run.stderr:
            return replace(run, status=RunStatus.MEMORY_LIMIT, reason="memory_error")
        return replace(run, signal=run.reason) if run.reason.startswith("SIG") else run

    def _child(self, role: Role) -> Child:
        if role not in self._children:
            language, compiler = self._language, self._language.compile
            command, limits, makes, program = language.run, self._execution.limits, "", self._program
            if role == "compile" and compiler is not None:
                command, limits, makes, program = compiler.command, compiler.limits, compiler.makes, self._source
            runs = 1 if role == "compile" else self._left
            child = self._nursery.take(limits, runs, {**self._execution.files, **program}, language)
            self._children[role] = child
            plan = {
                "command": command,
                "environment": {**_ENVIRONMENT, **(language.environment or {})},
                "cpu_seconds": limits.cpu_seconds,
                "output_bytes": limits.output_bytes,
                "makes": makes,
                "made": compiler.makes if compiler is not None and role != "compile" else "",
            }
            child.give(b"P" + json.dumps(plan).encode(), [])
        return self._children[role]
