"""Takes executions in the language `postgres` as a sandbox keeper takes programs, one at a time.

`python -m veriward.server.postgres.keeper PARENT_PID FD`. Its first frame is `S`, with the address and the bounds as
JSON; then it speaks the frames of `veriward.sandbox.frames`. It has no code to run and one place to go: it can open
sockets, and read what Python and libpq read.
"""

import json
import os
import select
import socket
import sys
import time
from dataclasses import dataclass

import psycopg

from veriward.sandbox import frames
from veriward.sandbox.confine import confine, die_with_parent
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.execution import Isolation, Run, RunStatus, Usage
from veriward.sandbox.levels import Report
from veriward.server.postgres.cluster import Cluster, NotFit
from veriward.server.postgres.databases import Databases, is_template_gone
from veriward.server.postgres.session import Clock, Lost
from veriward.verifiers.sql.replies import Failed, Reply

MEMORY_BYTES = 1 << 30
TRIES = 2
ISOLATION = Isolation("L0", ("own_role", "own_database", "statement_timeout", "temp_file_limit"), "postgres")
"""The levels say how programs are kept on this host; here nothing runs on it."""

_READABLE = ("/usr", "/lib", "/lib64", "/etc/hosts", "/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/ssl")
# The server's own end, or that of all sessions because another one crashed: nothing is known of the statement.
_OURS = ("57P02", "57P03", "57P05", "53300", "08")


class Stopped(Exception):
    """The execution was called off."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the worker says first."""

    dsn: str
    seconds: float
    templates: int


class Keeper:
    """One conversation with the worker."""

    def __init__(self, sock: socket.socket, wishes: Wishes) -> None:
        self._sock = sock
        self._wishes = wishes
        self._cluster: Cluster | None = None
        self._databases: Databases | None = None

    def serve(self) -> None:
        """Until the worker is gone."""
        while True:
            kind, payload = frames.receive(self._sock)
            if kind != b"X":
                continue  # `C`, for an execution that has ended meanwhile
            try:
                self._perform(payload)
            except Stopped:
                frames.send(self._sock, b"D")
            except NotFit as unfit:
                self._close()
                frames.send(self._sock, b"F", f"language unavailable: {unfit}".encode())
            except (psycopg.Error, SandboxError) as fault:
                self._close()
                frames.send(self._sock, b"E", f"PostgreSQL: {fault}".strip().encode())
            else:
                frames.send(self._sock, b"D")

    def _perform(self, payload: bytes) -> None:
        for index, content in enumerate(frames.unpack_execution(payload).inputs):
            self._heed_if_heard()
            began = time.monotonic()
            request = json.loads(content)
            reply = self._answer(request["schema"], request["query"], request["writable"])
            usage = Usage(wall_seconds=time.monotonic() - began)
            stdout = json.dumps(reply).encode()
            run = Run(index, RunStatus.FINISHED, stdout=stdout, usage=usage, isolation=ISOLATION)
            frames.send(self._sock, b"R", frames.pack_run(run))

    def _answer(self, schema: str, query: str, writable: bool) -> Reply:
        """A session that ends twice over one statement, while the server goes on, was ended by that statement."""
        for tries in range(1, TRIES + 1):
            clock = Clock(self._sock, self._heed)
            try:
                return self._opened().answer(schema, query, writable, clock)
            except Failed as failed:
                return failed.reply()
            except Lost as lost:
                if lost.sqlstate.startswith(_OURS):
                    raise SandboxError(str(lost)) from lost
                if tries == TRIES:
                    self._opened()
                    return Failed("lost", f"the session ended under it: {lost}").reply()
            except psycopg.OperationalError:  # a connection of long ago may have gone stale
                self._close()
                if tries == TRIES:
                    raise
            except psycopg.Error as error:
                if not is_template_gone(error) or tries == TRIES:
                    raise
        raise AssertionError("unreachable")

    def _opened(self) -> Databases:
        if self._cluster is None or not self._cluster.is_open or self._databases is None:
            self._close()
            self._cluster = Cluster(self._wishes.dsn)
            self._databases = Databases(self._cluster, self._wishes.seconds, self._wishes.templates)
        return self._databases

    def _close(self) -> None:
        if self._cluster is not None:
            self._cluster.close()
        self._cluster = self._databases = None

    def _heed_if_heard(self) -> None:
        while select.select([self._sock], [], [], 0)[0]:
            self._heed()

    def _heed(self) -> None:
        kind, _ = frames.receive(self._sock)
        if kind == b"C":
            raise Stopped


def main() -> None:
    die_with_parent(int(sys.argv[1]))
    sock = socket.socket(fileno=int(sys.argv[2]))
    kind, payload = frames.receive(sock)
    assert kind == b"S", kind
    roots = {sys.prefix, sys.base_prefix, *_READABLE, *filter(os.path.isdir, sys.path)}
    confine(readable=sorted(filter(os.path.exists, roots)), memory_bytes=MEMORY_BYTES, network=True)
    frames.send(sock, b"H", Report(ISOLATION.level, ISOLATION.layers, ()).pack())
    try:
        Keeper(sock, Wishes(**json.loads(payload))).serve()
    except (EOFError, ConnectionError):
        return


if __name__ == "__main__":
    main()
