"""The processes that alone hold the address of the operator's PostgreSQL: keepers of sessions instead of programs."""

import asyncio
import json
import socket
import subprocess
from collections.abc import Mapping

from veriward.sandbox.frames import pack
from veriward.sandbox.levels import LEVELS
from veriward.server.worker.keepers import Keepers, Relay, Running
from veriward.server.worker.processes import Reaper, start

NO_SERVER = b"language unavailable: this server knows no PostgreSQL; its operator sets VERIWARD_POSTGRES_DSN"


class Databases(Keepers):
    """`size` of them, started when the first statement comes. `wishes` is a `postgres.keeper.Wishes`; none: refuse."""

    def __init__(self, size: int, wishes: Mapping[str, object], reaper: Reaper) -> None:
        super().__init__(size, LEVELS[0], reaper)
        self._wishes = wishes
        self._starting: asyncio.Task[object] | None = None

    def submit(self, payload: bytes, relay: Relay) -> Running:
        if not self._wishes:
            relay(b"F", NO_SERVER)
            return Running(payload, relay, self)
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self.start())
        return super().submit(payload, relay)

    def _process(self, sock: socket.socket) -> subprocess.Popen[bytes]:
        return start("veriward.server.postgres.keeper", sock)

    def _greeting(self) -> bytes:
        return pack(b"S", json.dumps(self._wishes).encode())
