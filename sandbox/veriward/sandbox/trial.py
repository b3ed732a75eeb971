"""One test handed to one child: its files, its clocks, and what comes back.

What a program writes goes to memory files that a role's tests share, one after the other. They are emptied when a test
begins; of what held them before only the child itself may live on, whose program could fool no judge but its own.
"""

import os
import time
from dataclasses import dataclass

from veriward.sandbox import memfds, outcomes
from veriward.sandbox.conversation import Child, Message, ProtocolFault
from veriward.sandbox.execution import MAX_STDERR_BYTES, Limits, RunStatus
from veriward.sandbox.orders import told_clean
from veriward.sandbox.outcomes import Outcome
from veriward.sandbox.watch import Watch

_STDOUT, _STDERR, _RESULT = range(3)
OVER_WALL = Outcome(RunStatus.TIME_LIMIT, "wall")


@dataclass(frozen=True, slots=True)
class Allowance:
    """When a run began and what it may use; shared by the two children of a judged run."""

    limits: Limits
    began: float

    @classmethod
    def now(cls, limits: Limits) -> "Allowance":
        return cls(limits, time.monotonic())

    def wall_seconds(self) -> float:
        return time.monotonic() - self.began


class Papers:
    """The memory files that a program writes to: stdout, stderr and, where it gives one, its result. Close them."""

    def __init__(self, *, gives_result: bool) -> None:
        self.descriptors = [memfds.blank(name) for name in ("stdout", "stderr", "result")[: 3 if gives_result else 2]]
        self._sizes_bytes = [0] * len(self.descriptors)

    def look(self) -> None:
        """How much is in each: to be asked when nobody writes any more, or it does not matter."""
        self._sizes_bytes = [memfds.size_bytes(descriptor) for descriptor in self.descriptors]

    @property
    def stdout_bytes(self) -> int:
        return self._sizes_bytes[0]

    def content(self, number: int, most_bytes: int) -> bytes:
        """What was in it at the last look, at most so much of it."""
        size = min(self._sizes_bytes[number], most_bytes)
        return memfds.read_exactly(self.descriptors[number], size) if size else b""

    def clear(self) -> None:
        """Empty them as of the last look, and have the next to write begin at the beginning."""
        for descriptor, size in zip(self.descriptors, self._sizes_bytes, strict=True):
            if size:
                os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


class Trial:
    """`index` marks the child's answer as one to this test; CPU counts from `cpu_since` of its clock, or from now."""

    def __init__(
        self,
        child: Child,
        papers: Papers,
        index: int,
        content: bytes,
        *,
        fresh: bool,
        allowance: Allowance,
        cpu_since: float | None = None,
    ) -> None:
        self.child = child
        self._papers = papers
        self._index = index
        self._allowance = allowance
        self._has_all_its_time = cpu_since is None
        self._cpu_since = child.seen_cpu_seconds() if cpu_since is None else cpu_since
        papers.clear()
        given = memfds.sealed("input", content)
        try:
            child.order(index, fresh, [given, *papers.descriptors])
        except ProtocolFault:
            self._spoilt = True
        else:
            self._spoilt = False
        finally:
            os.close(given)

    def listen(self, watch: Watch) -> Message | Outcome | None:
        """The child's next word; or the outcome, if that is decided (a limit, a fault); or None when it has ended."""
        limits = self._allowance.limits
        while not self._spoilt:
            if self._has_all_its_time:  # a clock costs as much as half the rest of this
                wall_left, cpu_left = limits.wall, limits.cpu_seconds
                self._has_all_its_time = False
            else:
                wall_left = limits.wall - self._allowance.wall_seconds()
                cpu_left = limits.cpu_seconds - self.cpu_seconds()
                if wall_left <= 0:
                    return OVER_WALL
                if cpu_left <= 0:
                    return outcomes.OVER_CPU
            has_ended = watch.wait(self.child, min(wall_left, cpu_left))
            try:
                message = self.child.hear()
            except ProtocolFault:
                break
            if message is not None:
                return message
            if has_ended:
                return None
        return outcomes.PROTOCOL

    def claim(self, message: Message) -> Outcome:
        """What the child's last word says of the test."""
        if message.descriptors:
            message.close()
            return outcomes.PROTOCOL
        if message.text == told_clean(self._index):
            return outcomes.CLEAN
        return outcomes.claimed(message.body, self._index) if message.kind == b"D" else outcomes.PROTOCOL

    def measured(self, outcome: Outcome) -> Outcome:
        """The outcome after what was measured has had its say."""
        limits = self._allowance.limits
        self._papers.look()
        return outcomes.overruled(
            outcome,
            over_cpu=self.cpu_seconds() > limits.cpu_seconds,
            out_of_memory=self.child.out_of_memory(),
            over_output=self._papers.stdout_bytes > limits.output_bytes,
        )

    def cpu_seconds(self) -> float:
        return self.child.cpu_seconds() - self._cpu_since

    def seen_cpu_seconds(self) -> float:
        """As of the last look, in `measured` or `listen`."""
        return self.child.seen_cpu_seconds() - self._cpu_since

    def stdout(self) -> bytes:
        return self._papers.content(_STDOUT, self._allowance.limits.output_bytes)

    def stderr(self) -> bytes:
        return self._papers.content(_STDERR, MAX_STDERR_BYTES)

    def result(self, most_bytes: int) -> bytes | None:
        """What was written as result; None if that is more than `most_bytes`."""
        content = self._papers.content(_RESULT, most_bytes + 1)
        return content if len(content) <= most_bytes else None
