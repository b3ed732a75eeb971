"""A worker's presence: heartbeats, leases that are renewed with them, and what silent workers left behind."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from veriward.server.queue.redis.capabilities import Capabilities
from veriward.server.queue.redis.clock import RedisClock
from veriward.server.queue.redis.connection import Command, Link
from veriward.server.queue.redis.holdings import Holdings
from veriward.server.queue.redis.keys import GROUP, OWN_STREAM_TTL_MS, Keys
from veriward.server.queue.redis.messages import Taken, taken
from veriward.server.queue.redis.roster import BEAT_SECONDS, Roster
from veriward.server.queue.redis.troubles import RedisTrouble

CLAIM_AT_A_TIME = 32

Beat = Mapping[str, Any]
AddClasses = Callable[[Iterable[str]], None]
Cancel = Callable[[list[int]], None]


class Attendance:
    """`tell` hears of trouble, and (None) of heartbeats that went well."""

    def __init__(
        self,
        link: Callable[[], Link],
        keys: Keys,
        worker: str,
        capabilities: Capabilities,
        silent_seconds: float,
        clock: RedisClock,
        holdings: Holdings,
        tell: Callable[[RedisTrouble | None], None],
    ) -> None:
        self._beating = link()
        self._reclaiming = link()
        self._keys = keys
        self._worker = worker
        self._capabilities = capabilities
        self._does = capabilities.digest()
        self._silent_seconds = silent_seconds
        self._clock = clock
        self._holdings = holdings
        self._tell = tell
        self._gateways = Roster(silent_seconds)
        self._beats = 0

    async def keep_beating(self, beat: Callable[[], Beat], add: AddClasses, cancel: Cancel) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self.beat(beat(), add, cancel)
                self._tell(None)
            except RedisTrouble as trouble:
                self._gateways.pass_over(time.monotonic())
                self._tell(trouble)

    async def beat(self, beat: Beat, add: AddClasses, cancel: Cancel) -> None:
        """Say that this worker lives, renew its leases, and look around. Raises `RedisTrouble`.

        `add` gets classes of work that only some can do, this worker among them; `cancel` what a dead gateway asked.
        """
        keys, now = self._keys, time.monotonic()
        self._beats += 1
        told = {**beat, "at": self._clock.to_redis(now), "beats": self._beats, "does": self._does}
        commands: list[Command] = [
            ("TIME",),
            ("HSET", keys.workers, self._worker, json.dumps(told)),
            ("HSETNX", keys.capabilities, self._does, self._capabilities.pack()),
            ("HGETALL", keys.gateways),
            ("SMEMBERS", keys.classes),
            ("PEXPIRE", keys.worker_control(self._worker), OWN_STREAM_TTL_MS),
        ]
        replies = await self._beating.pipe([*commands, *self._holdings.renewals(self._worker)])
        met = next((one for one in replies[: len(commands)] if isinstance(one, RedisTrouble)), None)
        if met is not None:
            raise met
        redis_time, _, _, gateways, classes, kept = replies[: len(commands)]
        redis_now = self._clock.sample(now, redis_time)
        self._gateways.look(dict(zip(gateways[::2], gateways[1::2], strict=True)), redis_now, time.monotonic())
        if not kept:  # Redis lost it
            await self._beating.call("XGROUP", "CREATE", keys.worker_control(self._worker), GROUP, "0", "MKSTREAM")
        names = [name.decode() for name in classes]
        add(name for name in names if self._capabilities.meets(name.partition("@")[2]))
        self._forsake(cancel)

    async def leave(self) -> None:
        """Raises `RedisTrouble`."""
        keys = self._keys
        await self._beating.pipe([("HDEL", keys.workers, self._worker), ("DEL", keys.worker_control(self._worker))])

    async def reclaim(self, streams: Callable[[], list[bytes]], give: Callable[[Taken], None]) -> None:
        """Find chunks whose worker fell silent, until cancelled."""
        while True:
            # Workers take turns by chance.
            await asyncio.sleep(self._silent_seconds / 2 * (0.75 + secrets.randbelow(500) / 1000))
            read = streams()
            options = (int(self._silent_seconds * 1000), "0-0", "COUNT", CLAIM_AT_A_TIME)
            claims: list[Command] = [("XAUTOCLAIM", stream, GROUP, self._worker, *options) for stream in read]
            try:
                replies = await self._reclaiming.pipe(claims)
            except RedisTrouble as trouble:
                self._tell(trouble)
                continue
            for stream, reply in zip(read, replies, strict=True):
                if isinstance(reply, RedisTrouble):
                    continue  # nothing was ever sent there
                rows = [[stream, *entry] for entry in reply[1] if entry is not None and entry[1] is not None]
                for chunk in taken(rows):
                    give(chunk)

    def _forsake(self, cancel: Cancel) -> None:
        """Nobody waits for what a dead gateway asked; one never seen may be new."""
        if self._beats * BEAT_SECONDS < 2 * self._silent_seconds:
            return
        for holding in self._holdings:
            if f"{holding.chunk.gateway:x}" not in self._gateways:
                cancel(list(holding.open))
