"""Performs an execution: hands its inputs one by one to confined children and says how each run ended."""

import os
import signal
from collections.abc import Iterator
from typing import Literal

from veriward.sandbox import memfds, outcomes
from veriward.sandbox.conversation import Child, Message, ProtocolFault
from veriward.sandbox.errors import Cancelled, SandboxError
from veriward.sandbox.execution import MAX_RESULT_BYTES, Execution, Isolation, Run, RunStatus, Usage
from veriward.sandbox.nursery import Nursery, ZygoteDied
from veriward.sandbox.orders import pack_plan
from veriward.sandbox.outcomes import Outcome
from veriward.sandbox.trial import Allowance, Papers, Trial
from veriward.sandbox.watch import SupervisorGone, Watch

_ATTEMPTS = 2  # of one run, when a child or the zygote is lost through no fault of the program: runs are pure
Role = Literal["stdin", "call", "serve", "judge", "compile"]
# After these the child is as good as new for the next input.
_SURVIVED = (RunStatus.FINISHED, RunStatus.RUNTIME_ERROR, RunStatus.COMPILE_ERROR, RunStatus.OUTPUT_LIMIT)
_GIVING: tuple[Role, ...] = ("call", "serve", "compile")  # what they make is wanted, not what they print
_ANSWERED = (RunStatus.FINISHED, RunStatus.RUNTIME_ERROR, RunStatus.COMPILE_ERROR)


class Performance:
    """One execution on one nursery."""

    def __init__(self, execution: Execution, nursery: Nursery, watch: Watch, isolation: Isolation) -> None:
        self._execution = execution
        self._nursery = nursery
        self._watch = watch
        self._isolation = isolation
        self._children: dict[Role, Child] = {}
        self._papers: dict[Role, Papers] = {}
        self._left = len(execution.inputs)
        self._calls = 0

    def runs(self) -> Iterator[Run]:
        """One for each input, in order. Raises `SandboxError`; whatever happens, no child is left running."""
        once = self._judged if self._execution.mode == "judged" else self._alone
        budget_seconds = self._execution.budget_cpu_seconds
        try:
            for index, content in enumerate(self._execution.inputs):
                if budget_seconds <= 0:
                    yield Run(
                        index, outcomes.OVER_BUDGET.status, outcomes.OVER_BUDGET.reason, isolation=self._isolation
                    )
                    continue
                for attempt in range(1, _ATTEMPTS + 1):
                    try:
                        run = once(index, content)
                        break
                    except (Cancelled, SupervisorGone):
                        raise
                    except SandboxError as fault:
                        self._recover(fault)
                        if attempt == _ATTEMPTS:
                            raise
                self._left -= 1
                budget_seconds -= run.usage.cpu_seconds
                yield run
        finally:
            try:
                self._recover()
            finally:
                for papers in self._papers.values():
                    papers.close()

    def _alone(self, index: int, content: bytes) -> Run:
        role: Role = "call" if self._execution.mode == "call" else "stdin"
        child = self._child(role)
        allowance = Allowance.now(self._execution.limits)
        trial = Trial(child, self._papers_of(role), index, content, fresh=True, allowance=allowance)
        outcome = self._conclude(trial, trial.listen(self._watch), is_process=role == "stdin")
        result = None
        if role == "call" and outcome.status is RunStatus.FINISHED:
            result = trial.result(MAX_RESULT_BYTES)
            if not result:
                outcome, result = outcomes.OVER_RESULT if result is None else outcomes.PROTOCOL, None
        usage = Usage(allowance.wall_seconds(), trial.seen_cpu_seconds(), child.seen_memory_bytes)
        return self._run(index, outcome, trial, usage, result)

    def _judged(self, index: int, script: bytes) -> Run:
        judge, candidate = self._child("judge"), self._child("serve")
        allowance = Allowance.now(self._execution.limits)
        candidate_cpu_seconds = candidate.cpu_seconds()
        calls_before = self._calls
        fault = None
        trial = Trial(judge, self._papers_of("judge"), index, script, fresh=True, allowance=allowance)
        word = trial.listen(self._watch)
        while fault is None and isinstance(word, Message) and word.kind == b"Q":
            fresh = self._calls == calls_before
            fault = self._relay(word, judge, candidate, fresh, allowance, candidate_cpu_seconds)
            word = fault or trial.listen(self._watch)
        outcome = self._conclude(trial, word, is_process=False)
        cpu_seconds = trial.cpu_seconds() + candidate.cpu_seconds() - candidate_cpu_seconds
        memory_bytes = max(judge.memory_bytes(), candidate.memory_bytes())
        return self._run(index, outcome, trial, Usage(allowance.wall_seconds(), cpu_seconds, memory_bytes))

    def _relay(
        self, question: Message, judge: Child, candidate: Child, fresh: bool, allowance: Allowance, cpu_since: float
    ) -> Outcome | None:
        """Carry a judge's call to the candidate and the answer back; the run's outcome if the candidate ends it."""
        operation = question.content(MAX_RESULT_BYTES)
        if operation is None:
            return outcomes.PROTOCOL
        self._calls += 1
        papers = self._papers_of("serve")
        call = Trial(candidate, papers, self._calls, operation, fresh=fresh, allowance=allowance, cpu_since=cpu_since)
        word = call.listen(self._watch)
        if not isinstance(word, Message):
            return self._conclude(call, word, is_process=False)
        outcome = call.measured(call.claim(word))
        result = call.result(MAX_RESULT_BYTES)
        if result is None:
            return outcomes.OVER_RESULT
        if outcome.status not in _ANSWERED or outcome is outcomes.PROTOCOL:
            return outcome
        # A copy: the candidate still holds the file it wrote.
        answer = memfds.sealed("answer", result)
        try:
            judge.say(b"A", {"status": outcome.status, "reason": outcome.reason}, [answer])
        except ProtocolFault:
            return outcomes.PROTOCOL
        finally:
            os.close(answer)
        return None

    def _conclude(self, trial: Trial, word: Message | Outcome | None, *, is_process: bool) -> Outcome:
        """The outcome of a run whose child has said its last word, reached a limit or ended; ends what must end."""
        outcome = trial.claim(word) if isinstance(word, Message) else word
        lives_on = isinstance(word, Message) and outcome is not outcomes.PROTOCOL and self._left > 1
        if lives_on and outcome is not None and self._execution.reuse == "per_submission":
            alone = False not in [child.is_alone() for child in self._children.values()]
            outcome = trial.measured(outcome)
            if alone and outcome.status in _SURVIVED:
                return outcome
        self._end_children()
        if outcome is None:
            outcome = outcomes.of_exit(trial.child.exit_code or 0, is_process=is_process)
        outcome = trial.measured(outcome)
        if outcome.signal == signal.SIGKILL.name:
            raise SandboxError("a child was killed by neither the keeper nor a limit")
        return outcome

    def _child(self, role: Role) -> Child:
        if role not in self._children:
            execution = self._execution
            child = self._nursery.take(execution.limits, self._left, execution.files)
            self._children[role] = child
            code = b"" if role == "judge" else execution.code.encode("utf-8", "surrogatepass")
            child.give(pack_plan(role, execution.entry, execution.stubs), [code])
        return self._children[role]

    def _papers_of(self, role: Role) -> Papers:
        if role not in self._papers:
            self._papers[role] = Papers(gives_result=role in _GIVING)
        return self._papers[role]

    def _end_children(self) -> None:
        children, self._children = self._children, {}
        for child in children.values():
            self._nursery.end(child)

    def _recover(self, fault: SandboxError | None = None) -> None:
        """Leave no child, and a zygote that can fork the next."""
        try:
            if isinstance(fault, ZygoteDied):
                raise fault
            self._end_children()
        except ZygoteDied:
            self._children.clear()
            self._nursery.restart()

    def _run(self, index: int, outcome: Outcome, trial: Trial, usage: Usage, result: bytes | None = None) -> Run:
        return Run(
            index=index,
            status=outcome.status,
            reason=outcome.reason,
            stdout=trial.stdout(),
            stderr=trial.stderr(),
            result=result,
            exit_code=outcome.exit_code,
            signal=outcome.signal,
            usage=usage,
            isolation=self._isolation,
        )
