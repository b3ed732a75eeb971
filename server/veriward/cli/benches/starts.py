"""Row `start`: how long until a server is ready, and how long until a trainer has the client."""

import socket
import statistics
import subprocess
import sys
import time

from veriward.cli.benches.session import Figure, Session
from veriward.cli.server_process import server_process

QUICK_STARTS, FULL_STARTS = 1, 5
IMPORTS = 7
IMPORT = "import time; began = time.perf_counter(); import veriward.client; print(time.perf_counter() - began)"


def starts(session: Session) -> None:
    """Medians of several starts; the sandbox's live probes are part of each."""
    ready = []
    for number in range(QUICK_STARTS if session.quick else FULL_STARTS):
        session.tell(f"start {number + 1}")
        began = time.monotonic()
        with server_process("--log-level", "warning") as server:
            while not _is_ready(server.port):
                time.sleep(0.005)
            ready.append(time.monotonic() - began)
    session.add(Figure("start.ready", statistics.median(ready), len(ready), {"longest": round(max(ready), 3)}))
    session.tell("import veriward.client")
    took = [
        float(subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, check=True, text=True).stdout)
        for _ in range(IMPORTS)
    ]
    session.add(Figure("start.client", statistics.median(took), len(took)))


def _is_ready(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return sock.recv(64).startswith(b"HTTP/1.1 200")
