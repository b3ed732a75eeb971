"""Entry point of a worker process: `python -m veriward.server.worker.main PARENT_PID FD`.

It speaks to its gateway over the inherited socket (`leases.py` lists the frames) and ends with it. Exit status 78: the
host can't give the isolation asked for; the reason is told in an `E` frame first.
"""

import asyncio
import contextlib
import json
import signal
import socket
import sys
import traceback

from veriward.sandbox.backends import Backend
from veriward.sandbox.confine import die_with_parent
from veriward.sandbox.errors import IsolationUnavailable
from veriward.sandbox.levels import Report
from veriward.server.worker.channel import Channel
from veriward.server.worker.keepers import Keepers
from veriward.server.worker.leases import unpack_ids, unpack_leases
from veriward.server.worker.processes import Reaper
from veriward.server.worker.supervisor import Supervisor, WorkerSettings, unpack_settings

EXIT_ISOLATION = 78


class Worker:
    """One conversation with the gateway, from its `W` frame to its end."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._supervisor: Supervisor | None = None
        self._starting: asyncio.Task[None] | None = None
        self._waiting: list[tuple[bytes, bytes]] = []
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self, sock: socket.socket) -> int:
        """The exit status."""
        self._channel = await Channel.open(sock, self._frame, lambda: self._end(0))
        try:
            return await self.ended
        finally:
            if self._starting is not None:
                self._starting.cancel()
            if self._supervisor is not None:
                self._supervisor.close()

    def _frame(self, kind: bytes, payload: bytes) -> None:
        if kind == b"W":
            self._starting = asyncio.get_running_loop().create_task(self._start(unpack_settings(payload)))
            self._starting.add_done_callback(self._failed)
        elif self._supervisor is None:
            self._waiting.append((kind, payload))
        elif kind == b"J":
            self._supervisor.take(unpack_leases(payload))
        elif kind == b"S":
            self._supervisor.ask_session(payload)
        elif kind == b"C":
            self._supervisor.cancel(unpack_ids(payload))

    async def _start(self, settings: WorkerSettings) -> None:
        channel = self._channel
        assert channel is not None
        reaper = Reaper()
        keepers = Keepers(settings.sandboxes, settings.min_isolation, reaper, Backend(**settings.backend))
        # The warm parents start at once and import while the keepers probe: together they are most of a start.
        supervisor = Supervisor(settings, keepers, reaper, channel.write)
        try:
            report = await keepers.start()
        except IsolationUnavailable as refused:
            channel.send(b"E", json.dumps({"message": str(refused), "remedy": refused.remedy}).encode())
            await asyncio.sleep(0.1)
            self._end(EXIT_ISOLATION)
            return
        channel.send(b"H", _hello(report, settings))
        self._supervisor = supervisor
        for kind, payload in self._waiting:
            self._frame(kind, payload)
        self._waiting.clear()
        await supervisor.watch()

    def _failed(self, task: asyncio.Task[None]) -> None:
        """A worker that can't go on ends, and is replaced, rather than sit on its jobs."""
        if not task.cancelled() and (error := task.exception()) is not None:
            traceback.print_exception(error)
            self._end(1)

    def _end(self, status: int) -> None:
        if not self.ended.done():
            self.ended.set_result(status)


def _hello(report: Report, settings: WorkerSettings) -> bytes:
    hello = {
        "level": report.level,
        "layers": report.layers,
        "graders": settings.graders,
        "sandboxes": settings.sandboxes,
    }
    return json.dumps(hello).encode()


async def _main(sock: socket.socket) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: None)  # the gateway drains, then closes the socket
    return await Worker().run(sock)


def main() -> None:
    die_with_parent(int(sys.argv[1]))
    sock = socket.socket(fileno=int(sys.argv[2]))
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(_main(sock)))


if __name__ == "__main__":
    main()
