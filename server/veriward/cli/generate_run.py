"""Makes the planned tasks, many at once, and writes them in their order; a file is there whole or not at all."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from veriward.cli.exits import Exit, Stop
from veriward.cli.generate_plan import Plan, Planned
from veriward.cli.picture_files import PictureFolder
from veriward.cli.progress import FileProgress
from veriward.cli.task_files import TaskFile
from veriward.server.generation import SampleFailed, Samplers
from veriward.server.generation.pool import Sample
from veriward.verifiers import InvalidTask
from veriward.verifiers.generators import generators

MEMORY_BYTES = 4 << 30  # of a process that makes tasks
IN_FLIGHT = 16  # requests to a server
AHEAD = 256  # tasks made before an earlier one is there

Make = Callable[[Planned], Awaitable[dict[str, Any]]]


class GenerateRun:
    def __init__(self, plan: Plan, output: Path, processes: int | None, pictures: PictureFolder | None = None) -> None:
        self._plan = plan
        self._output = output
        self._pictures = pictures
        self._processes = processes or len(os.sched_getaffinity(0))

    def run(self, server: str | None, hide_answers: bool) -> None:
        """Raises `Stop` and `OSError`."""
        asyncio.run(self._here() if server is None else self._there(server, hide_answers))

    async def _here(self) -> None:
        samplers = Samplers(self._processes, MEMORY_BYTES)
        known = generators()

        async def make(planned: Planned) -> dict[str, Any]:
            asked = Sample(
                known[planned.name], self._plan.seed, planned.index, 1, planned.difficulty, self._plan.parameters
            )
            (made,) = await samplers.slice(asked)
            told: dict[str, Any] = json.loads(made)
            return told

        try:
            await self._write(make, 2 * self._processes)
        finally:
            samplers.close()

    async def _there(self, server: str, hide_answers: bool) -> None:
        from veriward.client import AsyncClient, ConnectionFailed, VeriwardError

        async with AsyncClient(server) as client:

            async def make(planned: Planned) -> dict[str, Any]:
                try:
                    (made,) = await client.generate(
                        planned.name,
                        seed=self._plan.seed,
                        start=planned.index,
                        difficulty=planned.difficulty,
                        parameters=self._plan.parameters,
                        hide_answers=hide_answers,
                    )
                except ConnectionFailed as failed:
                    raise Stop(str(failed), Exit.UNAVAILABLE) from None
                except VeriwardError as error:
                    raise Stop(str(error), Exit.USAGE) from None
                return made.model_dump(exclude_none=True)

            await self._write(make, IN_FLIGHT)

    async def _write(self, make: Make, workers: int) -> None:
        """Write what `make` makes, `workers` at once, in the order of the plan."""
        plan = iter(enumerate(self._plan))
        made: dict[int, dict[str, Any]] = {}
        window = asyncio.Semaphore(AHEAD)
        written = 0
        with TaskFile(self._output) as file, FileProgress(self._plan.count, "making", "tasks", "them") as progress:

            async def work() -> None:
                nonlocal written
                while True:
                    await window.acquire()
                    at, planned = next(plan, (-1, None))
                    if planned is None:
                        return
                    made[at] = _row(planned, await _made(make, planned))
                    for row in _in_order(made, written):
                        file.write(row)
                        if self._pictures is not None:
                            self._pictures.draw(row)
                        written += 1
                        window.release()
                        progress.advance(written, 1)

            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(workers):
                        group.create_task(work())
            except BaseExceptionGroup as faults:
                raise faults.exceptions[0] from None
            file.finish()


async def _made(make: Make, planned: Planned) -> dict[str, Any]:
    try:
        return await make(planned)
    except InvalidTask as invalid:
        raise Stop(f"{planned.name}: {invalid}", Exit.USAGE) from None
    except SampleFailed as failed:
        raise Stop(f"{planned.name}: {failed}", Exit.USAGE) from None


def _row(planned: Planned, made: dict[str, Any]) -> dict[str, Any]:
    row = {"id": made["id"], "source": planned.name, "difficulty": planned.difficulty, "prompt": made["prompt"]}
    return {**row, "task": made["task"], "reference": made.get("reference") or ""}


def _in_order(made: dict[int, dict[str, Any]], written: int) -> Iterator[dict[str, Any]]:
    while written in made:
        yield made.pop(written)
        written += 1
