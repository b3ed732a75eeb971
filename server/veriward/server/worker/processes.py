"""Starts our own helper processes with a clean environment and one inherited socket."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from veriward.sandbox import launch
from veriward.sandbox.backends import ENGINE_VARIABLES, Backend

# A fixed hash seed: equal inputs give equal verdicts, whatever iterates over a set.
_ENVIRONMENT = {"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONHASHSEED": "0"}
# Where an operator keeps verifiers, languages or profiles of their own, or an unusual Python its libraries.
_PASSED_ON = ("PYTHONPATH", launch.LANGUAGES_VARIABLE, launch.PROFILES_VARIABLE, "LD_LIBRARY_PATH", *ENGINE_VARIABLES)

COLLECT_SECONDS = 0.2
END_SECONDS = 3.0


def start(module: str, sock: socket.socket) -> subprocess.Popen[bytes]:
    """Run `python -m module PARENT_PID FD` with nothing of ours inherited but `sock`, which is closed here."""
    environment = _ENVIRONMENT | {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return _start([sys.executable, "-s", "-P", "-m", module, str(os.getpid()), str(sock.fileno())], environment, sock)


def start_keeper(sock: socket.socket, min_level: str, backend: Backend) -> subprocess.Popen[bytes]:
    """Run a sandbox keeper, which says hello first; `sock` is closed here."""
    options = ("--min-level", min_level, "--hello")
    return _start(backend.command(sock.fileno(), *options, parent=os.getpid()), backend.environment(), sock)


def _start(command: Sequence[str], environment: dict[str, str], sock: socket.socket) -> subprocess.Popen[bytes]:
    with sock:
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, pass_fds=(sock.fileno(),), cwd="/")


class Reaper:
    """Collects the exit of processes that were told to end, without waiting for them."""

    def __init__(self) -> None:
        self._ending: list[subprocess.Popen[bytes]] = []

    def end(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            self._ending.append(process)

    def expect(self, process: subprocess.Popen[bytes]) -> None:
        """It was asked to end by other means, and may take `END_SECONDS` to."""
        self._ending.append(process)

    async def collect_often(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(COLLECT_SECONDS)
            self.collect()

    def collect(self) -> None:
        self._ending = [process for process in self._ending if process.poll() is None]

    def wait(self) -> None:
        """Collect the rest. Most were killed, so this is short."""
        until = time.monotonic() + END_SECONDS
        for process in self._ending:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._ending.clear()
