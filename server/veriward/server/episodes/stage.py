"""Turns as jobs: those that are asked for at the same time travel together, and each is played in a grader."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from pydantic_core import to_json

from veriward.server.jobs import Job, Priority, RolloutResult
from veriward.server.queue import Queue
from veriward.server.worker.plan import PLAY, TURNS_PER_TRIP

_Asked = tuple[dict[str, Any], "asyncio.Future[RolloutResult]", float]


class Stage:
    """`queue` gives the queue once it runs."""

    def __init__(self, queue: Callable[[], Queue]) -> None:
        self._queue = queue
        self._gathered: dict[tuple[str, bytes], list[_Asked]] = {}

    async def play(self, environment: str, asked: dict[str, Any], deadline: float, caller: bytes) -> RolloutResult:
        """A result of `worker/player.py`, or one of another `status`. `deadline` in `time.monotonic()` seconds.

        Raises `QueueFull`, `QueueDown`, `Refusal`.
        """
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[RolloutResult] = loop.create_future()
        together = self._gathered.setdefault((environment, caller), [])
        together.append((asked, answered, deadline))
        if len(together) == 1:
            loop.call_soon(self._go, environment, caller)
        return await answered

    def _go(self, environment: str, caller: bytes) -> None:
        gathered = self._gathered.pop((environment, caller))
        for at in range(0, len(gathered), TURNS_PER_TRIP):
            self._submit(environment, caller, gathered[at : at + TURNS_PER_TRIP])

    def _submit(self, environment: str, caller: bytes, together: list[_Asked]) -> None:
        def deliver(_: Job, index: int, result: RolloutResult) -> None:
            answered = together[index][1]
            if not answered.done():
                answered.set_result(result)

        finish_by = max(deadline for _, _, deadline in together)
        job = Job(
            kind="play",
            verifier=PLAY + environment,
            payload=to_json({"plays": [asked for asked, _, _ in together]}),
            rollouts=len(together),
            priority=Priority.NORMAL,
            start_by=max(finish_by, time.monotonic()),
            finish_by=finish_by,
            caller=caller,
        )
        try:
            self._queue().submit([job], deliver)
        except Exception as fault:  # noqa: BLE001 - handed on to everyone who waits
            for _, answered, _ in together:
                if not answered.done():
                    answered.set_exception(fault)
