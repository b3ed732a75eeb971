"""Runs one cell in a session: its limits, how it is interrupted, and what is left of the session after it."""

import asyncio
import contextlib
import os
import signal
import time

from veriward.sandbox import memfds, outcomes, session_given
from veriward.sandbox.conversation import Message, ProtocolFault
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.execution import MAX_STDERR_BYTES, Isolation, Limits, RunStatus, Usage
from veriward.sandbox.outcomes import Outcome
from veriward.sandbox.session import Cell, CellResult, Loss
from veriward.sandbox.session_given import Given
from veriward.sandbox.session_resident import Resident

GRACE_SECONDS = 1.0  # for a cell that was interrupted to end by itself
_SETTLE_SECONDS = 0.5  # for processes that were killed to be gone
_LOOK_SECONDS = 0.001
INTERRUPTED = Outcome(RunStatus.RUNTIME_ERROR, "interrupted")
_OVER = {"wall": Outcome(RunStatus.TIME_LIMIT, "wall"), "cpu": outcomes.OVER_CPU, "cancelled": INTERRUPTED}


class CellRun:
    """One cell in one process. `limits` are those that hold for it."""

    def __init__(self, resident: Resident, index: int, cell: Cell, limits: Limits) -> None:
        self._resident = resident
        self._index = index
        self._cell = cell
        self._limits = limits
        self._is_cancelled = False
        self._cpu_since = self._cpu_seen = 0.0

    def interrupt(self) -> None:
        """Nobody waits for it any longer."""
        self._is_cancelled = True
        self._resident.nudge()

    async def run(self, isolation: Isolation) -> CellResult:
        child = self._resident.child
        self._began = time.monotonic()
        self._cpu_since = self._cpu_seconds()
        self._oom_before = child.out_of_memory()
        with contextlib.ExitStack() as files:
            stdout, stderr, result = (_held(files, memfds.blank(name)) for name in ("stdout", "stderr", "result"))
            outcome, lost = await self._outcome([stdout, stderr, result], files)
            if not lost:
                lost = await self._settled()
            cpu_seconds, memory_bytes = self._cpu_seconds(), child.memory_bytes()
            outcome = outcomes.overruled(
                outcome,
                over_cpu=cpu_seconds > self._limits.cpu_seconds,
                out_of_memory=child.out_of_memory() and not self._oom_before,
                over_output=memfds.size_bytes(stdout) > self._limits.output_bytes,
            )
            given = (None if lost else session_given.read(result, self._cell.fetch)) or Given()
            errors = memfds.read(stderr, MAX_STDERR_BYTES)
            return CellResult(
                index=self._index,
                status=outcome.status,
                reason=outcome.reason,
                stdout=memfds.read(stdout, self._limits.output_bytes),
                stderr=errors + given.notes.encode() if given.notes else errors,
                value=given.value,
                error=given.error,
                traceback=given.traceback,
                figures=given.figures,
                files=given.files,
                refused=given.refused,
                lost=lost,
                usage=Usage(time.monotonic() - self._began, cpu_seconds, memory_bytes),
                isolation=isolation,
            )

    async def _outcome(self, outputs: list[int], files: contextlib.ExitStack) -> tuple[Outcome, str]:
        """How it ended, and why the session did not outlive it."""
        cell, resident = self._cell, self._resident
        given = [_held(files, memfds.sealed("code", cell.code.encode("utf-8", "surrogatepass"))), *outputs]
        if cell.files:
            given.append(_held(files, memfds.sealed("files", b"".join(cell.files.values()))))
        order = {
            "index": self._index,
            "files": [(name, len(content)) for name, content in cell.files.items()],
            "fetch": cell.fetch,
        }
        over = ""
        try:
            resident.go_on()
            resident.child.say(b"C", order, given)
            word, over = await self._word()
        except ProtocolFault:
            return outcomes.PROTOCOL, Loss.ENDED
        if isinstance(word, Message):
            claim = self._claim(word)
            if claim is outcomes.PROTOCOL:
                return claim, Loss.ENDED
            return _OVER.get(over, claim), ""
        if over:
            return _OVER[over], Loss.TIME
        if resident.child.out_of_memory():
            return Outcome(RunStatus.MEMORY_LIMIT, "oom_cgroup"), Loss.MEMORY
        return Outcome(RunStatus.RUNTIME_ERROR, "early_exit"), Loss.ENDED

    async def _word(self) -> tuple[Message | None, str]:
        """Its last word, None if it ended or would not; and what it was interrupted for."""
        while True:
            wall_left = self._limits.wall - (time.monotonic() - self._began)
            cpu_left = self._limits.cpu_seconds - self._cpu_seconds()
            over = "cancelled" if self._is_cancelled else "wall" if wall_left <= 0 else "cpu" if cpu_left <= 0 else ""
            if over:
                self._resident.child.signal(signal.SIGINT)
                try:
                    return await self._resident.word(GRACE_SECONDS), over
                except TimeoutError:
                    return None, over
            with contextlib.suppress(TimeoutError):
                return await self._resident.word(min(wall_left, cpu_left)), ""

    def _claim(self, word: Message) -> Outcome:
        if word.kind != b"D" or word.descriptors:
            word.close()
            return outcomes.PROTOCOL
        return outcomes.claimed(word.body, self._index)

    def _cpu_seconds(self) -> float:
        with contextlib.suppress(SandboxError):  # it has ended: what was seen last stands
            self._cpu_seen = self._resident.child.cpu_seconds()
        return self._cpu_seen - self._cpu_since

    async def _settled(self) -> str:
        """Stop what threads it left until the next cell; why the session must end if it left processes."""
        resident, child = self._resident, self._resident.child
        if child.is_alone():
            return ""
        resident.stop()
        deadline = time.monotonic() + _SETTLE_SECONDS
        while child.has_company():
            if resident.has_ended:
                return Loss.ENDED
            if time.monotonic() > deadline:
                return Loss.PROCESSES
            await asyncio.sleep(_LOOK_SECONDS)
        if child.is_alone():  # they were only on their way out
            resident.go_on()
        return ""


def _held(files: contextlib.ExitStack, descriptor: int) -> int:
    files.callback(os.close, descriptor)
    return descriptor
