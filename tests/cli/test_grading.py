"""The order, the bounds and the ends of sending lines in batches."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from veriward.cli.grading import MAX_BATCH_BYTES, Refused, Results, batches, grade_in_order
from veriward.cli.rollout_lines import Line


def line(number: int, rollouts: int = 1, size_bytes: int = 100) -> Line:
    return Line(number, "0" * 16, {"id": str(number), "responses": ["x"] * rollouts}, {}, 0, size_bytes, rollouts)


GROUPED = {
    "so many responses at once": ([line(n) for n in range(5)], 2, [2, 2, 1]),
    "a line is never cut": ([line(0, 3), line(1, 3)], 4, [1, 1]),
    "a line that is larger than a request goes alone": ([line(0), line(1, 9), line(2)], 4, [1, 1, 1]),
    "no more bytes than the bound": ([line(n, 1, MAX_BATCH_BYTES // 2) for n in range(3)], 64, [2, 1]),
    "one byte past the bound": ([line(0, 1, MAX_BATCH_BYTES), line(1, 1, 1)], 64, [1, 1]),
    "nothing": ([], 64, []),
}


@pytest.mark.parametrize(("lines", "rollouts", "sizes"), GROUPED.values(), ids=GROUPED.keys())
def test_lines_are_grouped(lines: list[Line], rollouts: int, sizes: list[int]) -> None:
    assert [len(batch) for batch in batches(lines, rollouts)] == sizes


class Gate:
    """A server whose every answer waits until it is let go; `sent` are the ids under way or answered."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.refused: set[str] = set()
        self.broken: set[str] = set()
        self._open: dict[str, asyncio.Event] = {}

    async def send(self, items: list[dict[str, Any]]) -> list[Results]:
        names = [item["id"] for item in items]
        self.sent += names
        if self.refused & set(names):
            raise Refused("not these")
        await self._gate(names[0]).wait()
        if self.broken & set(names):
            raise ConnectionError(names[0])
        return [[{"id": name}] for name in names]

    def let_go(self, *numbers: int) -> None:
        for number in numbers:
            self._gate(str(number)).set()

    def _gate(self, name: str) -> asyncio.Event:
        return self._open.setdefault(name, asyncio.Event())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class Run:
    """`grade_in_order` under way over lines of one rollout each, `in_flight` at once."""

    def __init__(self, gate: Gate, count: int, in_flight: int) -> None:
        self.read = 0
        self.delivered: list[int] = []
        self.refused: list[int] = []
        self.task = asyncio.create_task(
            grade_in_order(self._batches(count), gate.send, self._deliver, in_flight=in_flight)
        )

    def _batches(self, count: int) -> Iterator[list[Line]]:
        for number in range(count):
            self.read += 1
            yield [line(number)]

    def _deliver(self, graded: Line, results: Results | Refused) -> None:
        (self.refused if isinstance(results, Refused) else self.delivered).append(graded.number)


async def test_what_is_ready_early_waits_for_its_turn() -> None:
    gate = Gate()
    run = Run(gate, 4, in_flight=4)
    gate.let_go(1, 2, 3)
    await settle()
    assert run.delivered == []
    gate.let_go(0)
    await run.task
    assert run.delivered == [0, 1, 2, 3]


async def test_no_more_is_read_than_may_be_in_flight() -> None:
    gate = Gate()
    run = Run(gate, 100, in_flight=3)
    await settle()
    assert gate.sent == ["0", "1", "2"]
    assert run.read <= 4
    gate.let_go(*range(100))
    await run.task
    assert run.delivered == list(range(100))


async def test_a_slow_batch_does_not_keep_others_from_being_graded() -> None:
    gate = Gate()
    run = Run(gate, 50, in_flight=2)
    gate.let_go(*range(1, 50))
    for _ in range(50):
        await settle()
    assert len(gate.sent) == 50
    gate.let_go(0)
    await run.task
    assert run.delivered == list(range(50))


async def test_when_cancelled_what_is_graded_is_delivered() -> None:
    gate = Gate()
    run = Run(gate, 10, in_flight=4)
    gate.let_go(1, 3)
    await settle()
    run.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run.task
    assert run.delivered == [1, 3]


async def test_when_a_request_fails_for_good_what_is_graded_is_delivered() -> None:
    gate = Gate()
    gate.broken = {"1"}
    run = Run(gate, 10, in_flight=4)
    gate.let_go(0, 1, 2)
    with pytest.raises(ConnectionError):
        await run.task
    assert run.delivered == [0, 2]


async def test_of_a_refused_request_only_the_faulty_lines_are_refused() -> None:
    gate = Gate()
    gate.refused = {"1"}
    gate.let_go(0, 1, 2)
    delivered: list[int] = []
    refused: list[int] = []

    def deliver(graded: Line, results: Results | Refused) -> None:
        (refused if isinstance(results, Refused) else delivered).append(graded.number)

    await grade_in_order([[line(0), line(1), line(2)]], gate.send, deliver, in_flight=1)
    assert (delivered, refused) == ([0, 2], [1])
