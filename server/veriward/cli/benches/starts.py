"""Row `start`: how long until a server is ready, and how long until a trainer has the client."""

import socket
import statistics
import subprocess
import sys
import time

from veriward.cli.benches.cpu import tree_cpu
from veriward.cli.benches.session import Figure, Session
from veriward.cli.exits import Exit, Stop
from veriward.cli.server_process import START_SECONDS, ServerProcess, server_process

QUICK_STARTS, FULL_STARTS = 1, 5
IMPORTS = 7
IMPORT = """
import time
began, spent = time.perf_counter(), time.process_time()
import veriward.client
print(time.perf_counter() - began, time.process_time() - spent)
"""


def starts(session: Session) -> None:
    """Medians of several starts; the sandbox's live probes are part of each."""
    _ready(session)
    _import(session)


def _ready(session: Session) -> None:
    took, spent = [], []
    for number in range(QUICK_STARTS if session.quick else FULL_STARTS):
        session.tell(f"start {number + 1}")
        began = time.monotonic()
        with server_process("--log-level", "warning") as server:
            while not _is_ready(server):
                if time.monotonic() - began > START_SECONDS:
                    raise Stop(f"{server.url}/readyz was not 200 within {START_SECONDS:g} s", Exit.UNAVAILABLE)
                time.sleep(0.005)
            took.append(time.monotonic() - began)
            spent.append(tree_cpu(server.pid).seconds)
    notes = {"cpu_seconds": statistics.median(spent), "longest": max(took)}
    session.add(Figure("start.ready", statistics.median(took), len(took), notes))


def _import(session: Session) -> None:
    session.tell("import veriward.client")
    took, spent = [], []
    for _ in range(IMPORTS):
        told = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, check=True, text=True).stdout
        wall, cpu = map(float, told.split())
        took.append(wall)
        spent.append(cpu)
    notes = {"cpu_seconds": statistics.median(spent), "shortest": min(took)}
    session.add(Figure("start.client", statistics.median(took), len(took), notes))


def _is_ready(server: ServerProcess) -> bool:
    key = f"Authorization: Bearer {server.api_key}\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=START_SECONDS) as sock:
        sock.sendall(f"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n{key}Connection: close\r\n\r\n".encode())
        return sock.recv(64).startswith(b"HTTP/1.1 200")
