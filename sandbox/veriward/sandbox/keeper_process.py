"""Starts a keeper and hears what its probe found."""

import os
import socket
import subprocess
import threading
from collections.abc import Sequence

from veriward.sandbox import frames
from veriward.sandbox.backends import EMBEDDED, Backend
from veriward.sandbox.errors import SandboxError


def start_keeper(
    python: Sequence[str] | None, *, minimum: str, without: Sequence[str] = (), backend: Backend = EMBEDDED
) -> tuple[subprocess.Popen[bytes], socket.socket, bytes]:
    """A keeper, the socket to speak with it, and its hello: what its probe found. Raises `SandboxError`."""
    parent = parent_to_name()
    options = ["--min-level", minimum, "--hello", *(f"--without={layer}" for layer in without)]
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            backend.command(theirs.fileno(), *options, parent=parent, python=python),
            env=backend.environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )
    return process, ours, hear_hello(process, ours)


def parent_to_name() -> int:
    """With whom a keeper is to die; 0: with its socket alone.

    Its death signal would be sent when the *thread* that started it ends; the socket's end is always noticed.
    """
    return os.getpid() if threading.current_thread() is threading.main_thread() else 0


def hear_hello(process: subprocess.Popen[bytes], ours: socket.socket) -> bytes:
    """What the keeper found; it is gone if this raises `SandboxError`."""
    try:
        kind, payload = frames.receive(ours)
    except (EOFError, OSError) as fault:
        ours.close()
        raise SandboxError(f"the keeper did not start (exit status {process.wait()})") from fault
    if kind != b"H":
        ours.close()
        process.wait()
        raise SandboxError(payload.decode(errors="replace"))
    return payload
