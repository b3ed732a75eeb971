"""Sends lines to a server in batches, several at a time, and hands the results on in the order of the input.

What is held in memory is bounded by the batches in flight and by the results that wait for their turn, never by the
length of the file.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

from veriward.cli.rollout_lines import Line

MAX_BATCH_BYTES = 8 << 20
MAX_WAITING = 256  # batches sent and not yet written: a slow one holds back the writing of so many, not their grading

Results = list[dict[str, Any]]
Send = Callable[[list[dict[str, Any]]], Awaitable[list[Results]]]
"""Grades the items of one request; gives the results of each. Raises `Refused` where the server won't have them."""


class Refused(Exception):
    """The server refuses a request for what is in it; sending it again is no use."""


def batches(lines: Iterable[Line], rollouts: int) -> Iterator[list[Line]]:
    """Lines in groups of at most `rollouts` responses and `MAX_BATCH_BYTES`; a larger line goes alone."""
    batch: list[Line] = []
    held, size_bytes = 0, 0
    for line in lines:
        if batch and (held + line.rollouts > rollouts or size_bytes + line.size_bytes > MAX_BATCH_BYTES):
            yield batch
            batch, held, size_bytes = [], 0, 0
        batch.append(line)
        held += line.rollouts
        size_bytes += line.size_bytes
    if batch:
        yield batch


async def grade_in_order(
    pending: Iterable[list[Line]],
    send: Send,
    deliver: Callable[[Line, Results | Refused], None],
    *,
    in_flight: int,
) -> None:
    """Send every batch, at most `in_flight` at once, and deliver each line once, in order.

    When it is cancelled, or a request fails for good, what has already been graded is still delivered.
    """
    slots = asyncio.Semaphore(in_flight)
    sent: deque[asyncio.Task[list[tuple[Line, Results | Refused]]]] = deque()

    async def grade(batch: list[Line]) -> list[tuple[Line, Results | Refused]]:
        try:
            return await _graded(batch, send)
        finally:
            slots.release()

    async def deliver_first() -> None:
        graded = await sent[0]
        sent.popleft()
        for line, results in graded:
            deliver(line, results)

    try:
        for batch in pending:
            await slots.acquire()
            sent.append(asyncio.create_task(grade(batch)))
            while sent[0].done() or len(sent) > MAX_WAITING:
                await deliver_first()
                if not sent:
                    break
        while sent:
            await deliver_first()
    finally:
        for task in sent:
            task.cancel()
        for outcome in await asyncio.gather(*sent, return_exceptions=True):
            if not isinstance(outcome, BaseException):
                for line, results in outcome:
                    deliver(line, results)


async def _graded(batch: list[Line], send: Send) -> list[tuple[Line, Results | Refused]]:
    """Where the server refuses a batch, its lines go one by one, so that only the faulty ones are refused."""
    try:
        results = await send([line.item for line in batch])
    except Refused as refused:
        if len(batch) == 1:
            return [(batch[0], refused)]
        return [graded for line in batch for graded in await _graded([line], send)]
    for line in batch:
        line.item["responses"].clear()  # the text of what waits for its turn is not needed any more
    return list(zip(batch, results, strict=True))
