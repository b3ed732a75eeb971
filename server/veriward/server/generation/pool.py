"""The gateway's samplers: processes that make tasks, watched and replaced; requests take turns, a slice at a time.

A generator that outlives its time per task is killed with its process, and only its own request fails.
"""

import asyncio
import json
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from veriward.server.queue import QueueFull
from veriward.server.worker.channel import Channel
from veriward.server.worker.processes import Reaper, start
from veriward.verifiers import InvalidTask
from veriward.verifiers.generators import Generator

SLICE = 16  # tasks that a request gets before others have their turn
MAX_WAITING = 64  # requests
START_SECONDS = 30.0  # of a process, its imports included
RETRY_SECONDS = 2.0


class SampleFailed(Exception):
    """No task was made: the generator found none, failed, or took too long. Says which task and why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What is asked for: `count` tasks of `seed` from `start` on."""

    known: Generator
    seed: int
    start: int
    count: int
    difficulty: float
    parameters: Mapping[str, Any]


class Samplers:
    """At most `processes` of them, started when they are first needed. Lives in one event loop."""

    def __init__(self, processes: int, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._idle: list[Sampler] = []
        self._free = asyncio.Semaphore(processes)
        self._waiting = 0
        self._reaper = Reaper()
        self.made = 0

    async def slice(self, asked: Sample) -> list[bytes]:
        """JSON of the first `SLICE` tasks asked for. Raises `QueueFull`, `InvalidTask` and `SampleFailed`.

        Where it is cancelled, what runs is killed.
        """
        if self._waiting >= MAX_WAITING:
            raise QueueFull(f"{self._waiting} requests for tasks wait and {MAX_WAITING} is the bound", RETRY_SECONDS)
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            made = await self._made(asked)
        finally:
            self._free.release()
            self._reaper.collect()
        self.made += len(made)
        return made

    async def _made(self, asked: Sample) -> list[bytes]:
        while True:
            rested = bool(self._idle)
            sampler = self._idle.pop() if rested else await Sampler.start(self._memory_bytes, self._reaper)
            try:
                made = await sampler.slice(asked)
            except (InvalidTask, _Failed) as told:
                self._idle.append(sampler)
                if isinstance(told, InvalidTask):
                    raise
                raise SampleFailed(str(told)) from None
            except _Ended as ended:
                sampler.close()
                if not rested:  # one that rested may have ended of itself meanwhile: that is not this request's doing
                    raise SampleFailed(str(ended)) from None
            except BaseException:
                sampler.close()
                raise
            else:
                self._idle.append(sampler)
                return made

    def close(self) -> None:
        """End them all. What is being made is cancelled by its own request."""
        for sampler in self._idle:
            sampler.close()
        self._idle.clear()
        self._reaper.wait()


class _Failed(Exception):
    """The generator said that it found no task; its process is well."""


class _Ended(Exception):
    """The process is gone."""


class Sampler:
    """One process and its socket."""

    def __init__(self, process: "subprocess.Popen[bytes]", reaper: Reaper) -> None:
        self._process = process
        self._reaper = reaper
        self._frames: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()
        self._channel: Channel | None = None
        self._fresh = True

    @classmethod
    async def start(cls, memory_bytes: int, reaper: Reaper) -> "Sampler":
        ours, theirs = socket.socketpair()
        sampler = cls(start("veriward.server.generation.process", theirs), reaper)
        sampler._channel = await Channel.open(
            ours, lambda kind, payload: sampler._frames.put_nowait((kind, payload)), sampler._lost
        )
        sampler._channel.send(b"S", json.dumps({"memory_bytes": memory_bytes}).encode())
        return sampler

    async def slice(self, asked: Sample) -> list[bytes]:
        """Raises `InvalidTask`, `_Failed` with the process well, `_Ended` and `SampleFailed` with it lost or late."""
        assert self._channel is not None
        count = min(SLICE, asked.count)
        told = {"generator": asked.known.name, "seed": asked.seed, "start": asked.start, "count": count}
        told |= {"difficulty": asked.difficulty, "parameters": dict(asked.parameters)}
        self._channel.send(b"J", json.dumps(told).encode())
        made: list[bytes] = []
        while True:
            kind, payload = await self._next(asked, len(made))
            if kind == b"T":
                made.append(payload)
            elif kind == b"D":
                return made
            elif kind == b"I":
                raise InvalidTask(*json.loads(payload))
            elif kind == b"F":
                raise _Failed(f"task {asked.start + len(made)}: {payload.decode('utf-8', 'replace')}")
            else:
                raise _Ended(f"task {asked.start + len(made)}: its process ended")

    async def _next(self, asked: Sample, made: int) -> tuple[bytes, bytes]:
        seconds = asked.known.wall_seconds + (START_SECONDS if self._fresh else 0.0)
        try:
            async with asyncio.timeout(seconds):
                frame = await self._frames.get()
        except TimeoutError:
            limit = f"the generator's {asked.known.wall_seconds:g} s"
            raise SampleFailed(f"task {asked.start + made}: making it took more than {limit}") from None
        self._fresh = False
        return frame

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
        self._reaper.end(self._process)

    def _lost(self) -> None:
        self._frames.put_nowait((b"", b""))
