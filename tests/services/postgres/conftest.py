"""A private PostgreSQL cluster: made in a folder of its own, reached by a socket in it, stopped at the end."""

import contextlib
import json
import os
import pwd
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from veriward.sandbox import frames
from veriward.sandbox.errors import ExecutionRefused, SandboxError
from veriward.sandbox.execution import Execution, Run
from veriward.server.postgres.keeper import Wishes
from veriward.server.worker.processes import start

SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "listen_addresses": "''",
    "max_connections": "30",
    "shared_buffers": "16MB",
    "autovacuum": "off",
}
MEMORY_BYTES = 1 << 30  # of each of its processes: the bound that docs/sql.md asks operators for
START_SECONDS = 60
STOP_SECONDS = 30
PAGE = Path(__file__).parents[3] / "docs" / "sql.md"


def documented_role() -> str:
    """The role that the documentation tells operators to make."""
    return PAGE.read_text("utf-8").partition("```sql file=role.sql\n")[2].partition("```")[0]


def programs() -> Path | None:
    """Where the newest server's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    here = shutil.which("initdb")
    return Path(here).parent if here else None


class Cluster:
    """`dsn` is that of the worker's role, `owner` that of the superuser."""

    def __init__(self, folder: Path, bin_: Path) -> None:
        self._data = folder / "data"
        self._folder = folder
        self._bin = bin_
        self.owner = f"host={folder} dbname=postgres user=owner password=owner"
        self.dsn = f"host={folder} dbname=postgres user=veriward password='change me'"
        folder.chmod(0o755)  # a keeper of root's has dropped the power to enter what is others' own
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to be root
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        password = folder / "password"
        password.write_text("owner")
        password.chmod(0o644)
        options = ("--auth=scram-sha-256", "--username=owner", f"--pwfile={password}", "--no-sync", "--locale=C")
        command: list[str | Path] = [bin_ / "initdb", "-D", self._data, "--encoding=UTF8", *options]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **self._user)
        self.start()
        self.ask(documented_role())

    def start(self) -> None:
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value.strip(chr(39))}")]
        self._log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(
            [self._bin / "postgres", "-D", self._data, "-k", self._folder, *settings],
            stdout=self._log,
            stderr=self._log,
            cwd=self._folder,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES)),
            **self._user,
        )
        self.ask_patiently("SELECT 1")

    def stop(self) -> None:
        """At once, as `pg_ctl stop --mode immediate` does."""
        self._process.terminate() if self._process.poll() is not None else self._process.send_signal(3)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def connection(self) -> "psycopg.Connection[Any]":
        """As the superuser."""
        return psycopg.connect(self.owner, autocommit=True)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        with self.connection() as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def ask_patiently(self, statement: str) -> list[tuple[Any, ...]]:
        """Also of a server that is only coming up, or is about to go down."""
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.ask(statement)
            except psycopg.OperationalError:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise RuntimeError((self._folder / "log").read_text()) from None
                time.sleep(0.05)

    def leftovers(self) -> list[str]:
        """Databases and roles of runs, and settings that a role gave itself."""
        rows = self.ask(
            "SELECT datname FROM pg_database WHERE datname ~ '^veriward_[br]_' UNION ALL"
            " SELECT rolname FROM pg_roles WHERE rolname ~ '^veriward_[br]_' UNION ALL"
            " SELECT setconfig::text FROM pg_db_role_setting"
        )
        return [str(name) for (name,) in rows]

    def templates(self) -> set[str]:
        """Those of the worker's role."""
        rows = self.ask(
            "SELECT datname FROM pg_database JOIN pg_roles r ON r.oid = datdba"
            " WHERE datname ~ '^veriward_t_' AND rolname = 'veriward'"
        )
        return {name for (name,) in rows}


@dataclass(eq=False)
class Databases:
    """A keeper of sessions, spoken to as a worker does for a grader: a `Sandbox` for the engine `postgres`."""

    sock: socket.socket
    process: subprocess.Popen[bytes]

    def run(self, execution: Execution, stop: Callable[[Run], bool] | None = None) -> list[Run]:
        frames.send(self.sock, b"X", frames.pack_execution(execution))
        runs: list[Run] = []
        while True:
            kind, payload = frames.receive(self.sock)
            if kind == b"R":
                runs.append(frames.unpack_run(payload))
                if stop is not None and stop(runs[-1]):
                    frames.send(self.sock, b"C")
                    while frames.receive(self.sock)[0] == b"R":
                        pass
                    return runs
            elif kind == b"D":
                return runs
            elif kind == b"F":
                raise ExecutionRefused(*payload.decode().split(" ", 1))
            else:
                raise SandboxError(payload.decode())


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    found = programs()
    if found is None:
        pytest.skip("no PostgreSQL server is installed here")
    # Not pytest's own folder, which only its user may enter; short, for a socket's path has 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    cluster = None
    try:
        cluster = Cluster(folder, found)
        yield cluster
    finally:
        if cluster is not None:
            cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def keeper(dsn: str, seconds: float = 60.0, templates: int = 64) -> Iterator[Databases]:
    ours, theirs = socket.socketpair()
    process = start("veriward.server.postgres.keeper", theirs)
    with ours:
        frames.send(ours, b"S", json.dumps(asdict(Wishes(dsn, seconds, templates))).encode())
        assert frames.receive(ours)[0] == b"H"
        yield Databases(ours, process)
    process.wait(STOP_SECONDS)


@pytest.fixture(scope="session")
def databases(cluster: Cluster) -> Iterator[Databases]:
    with keeper(cluster.dsn) as databases:
        yield databases


@pytest.fixture(scope="session")
def keep(cluster: Cluster) -> Callable[..., contextlib.AbstractContextManager[Databases]]:
    """`keep(seconds=2)`: another keeper; `dsn=` for another address."""

    def start_one(dsn: str = cluster.dsn, **wishes: Any) -> contextlib.AbstractContextManager[Databases]:
        return keeper(dsn, **wishes)

    return start_one
