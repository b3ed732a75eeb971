"""Starts our own helper processes with a clean environment and one inherited socket."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

# A fixed hash seed: equal inputs give equal verdicts, whatever iterates over a set.
_ENVIRONMENT = {"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONHASHSEED": "0"}
# Where an operator keeps verifiers of their own, or an unusual Python its libraries.
_PASSED_ON = ("PYTHONPATH", "LD_LIBRARY_PATH")


def start(module: str, sock: socket.socket, arguments: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """Run `python -m module PARENT_PID FD …` with nothing of ours inherited but `sock`, which is closed here."""
    environment = _ENVIRONMENT | {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    command = [sys.executable, "-s", "-P", "-m", module, str(os.getpid()), str(sock.fileno()), *arguments]
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

    def collect(self) -> None:
        self._ending = [process for process in self._ending if process.poll() is None]

    def wait(self) -> None:
        """Collect the rest; they were killed, so this is short."""
        for process in self._ending:
            process.wait()
        self._ending.clear()
