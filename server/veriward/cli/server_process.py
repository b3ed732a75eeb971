"""A `veriward serve` of one's own on a free loopback port, for as long as a command needs it."""

import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from veriward.cli.exits import Exit, Stop

START_SECONDS = 60.0  # a start takes about one; a machine under load may need far more
STOP_SECONDS = 30.0
TOLD_BYTES = 2_000  # of what a server that failed had to say


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running server. `api_key` is this run's own, so that nobody else on the host can use it."""

    url: str
    port: int
    api_key: str
    pid: int
    ready_seconds: float


@contextmanager
def server_process(*flags: str, config: Path | None = None) -> Iterator[ServerProcess]:
    """Start a server with `flags`, wait until it is ready, and stop it in the end. Raises `Stop` if it won't start."""
    api_key = secrets.token_urlsafe(24)
    ours, theirs = os.pipe()
    command = [sys.executable, "-m", "veriward.cli.main", "serve", "--host", "127.0.0.1", "--port", "0"]
    command += ["--api-key", "-", "--ready-fd", str(theirs), *(["--config", str(config)] if config else []), *flags]
    with tempfile.TemporaryFile() as log:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[theirs],
            start_new_session=True,  # Ctrl-C is for the command, which then stops its server
        )
        os.close(theirs)
        try:
            assert process.stdin is not None
            process.stdin.write(api_key.encode())
            process.stdin.close()
            ready = _first_line(ours, began + START_SECONDS)
            if ready is None:
                raise Stop(_last_words(process, log.fileno()), _exit_of(process))
            told = json.loads(ready)
            yield ServerProcess(told["url"], told["port"], api_key, process.pid, time.monotonic() - began)
        finally:
            os.close(ours)
            _end(process)


def _first_line(descriptor: int, until: float) -> bytes | None:
    """The first line that arrives; None at its end or when time is up."""
    text = b""
    while not text.endswith(b"\n"):
        readable, _, _ = select.select([descriptor], [], [], max(0.0, until - time.monotonic()))
        more = os.read(descriptor, 65536) if readable else b""
        if not more:
            return None
        text += more
    return text


def _last_words(process: subprocess.Popen[bytes], log: int) -> str:
    """Why a server never became ready, in its own words."""
    process.terminate()
    process.wait(STOP_SECONDS)
    size = os.fstat(log).st_size
    said = (
        os.pread(log, TOLD_BYTES, max(0, size - TOLD_BYTES))
        .decode("utf-8", "replace")
        .strip()
        .removeprefix("veriward: ")
    )
    return f"the server did not start: {said or 'it said nothing'}"


def _exit_of(process: subprocess.Popen[bytes]) -> Exit:
    return Exit.ISOLATION if process.returncode == Exit.ISOLATION else Exit.UNAVAILABLE


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
