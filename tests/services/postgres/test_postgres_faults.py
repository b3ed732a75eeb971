"""Whose fault it is: of the statement, which is judged; or of the server, of which nothing is said."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from veriward.sandbox.errors import ExecutionRefused, SandboxError
from veriward.sandbox.execution import Execution
from veriward.verifiers.sql.engines import POSTGRES, query_all
from veriward.verifiers.sql.execution import SqlTask, sql
from veriward.verifiers.sql.tables import Failure, Table
from veriward.verifiers.verdict import Unavailable
from veriward.wire.outcomes import Outcome

pytestmark = pytest.mark.services
Keep = Callable[..., AbstractContextManager[Any]]
SLEEPING = "SELECT pid FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND usename ~ '^veriward_r_'"


class Killer:
    """Sends a signal to the server's process of the sleeping statement, `times` over, and from then on to none."""

    def __init__(self, cluster: Any, number: signal.Signals, times: int) -> None:
        self._cluster, self._number, self._times = cluster, number, times
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._kill)

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _kill(self) -> None:
        killed: set[int] = set()
        while len(killed) < self._times and not self._done.wait(0.02):
            for (pid,) in self._cluster.ask_patiently(SLEEPING):
                if pid not in killed:
                    killed.add(pid)
                    os.kill(pid, self._number)


def test_a_statement_that_brings_the_server_down_is_judged(cluster: Any, keep: Keep) -> None:
    with keep(seconds=60) as databases, Killer(cluster, signal.SIGKILL, times=1):
        (found,), _ = query_all(databases, "postgres", ("",), "SELECT pg_sleep(60)")
        assert found == Failure("crashed", "the server went down under it")
    cluster.ask_patiently("SELECT 1")
    with keep() as databases:
        assert query_all(databases, "postgres", ("",), "SELECT 1")[0] == [Table(1, ((1,),))]
    assert cluster.leftovers() == []


def test_a_statement_whose_session_is_ended_once_is_run_again(cluster: Any, keep: Keep) -> None:
    with keep(seconds=60) as databases, Killer(cluster, signal.SIGTERM, times=1):
        (found,), _ = query_all(databases, "postgres", ("",), "SELECT count(*) FROM pg_sleep(2)")
    assert found == Table(1, ((1,),))


def test_when_another_statement_brings_the_server_down_nothing_is_said_of_this_one(cluster: Any, keep: Keep) -> None:
    with keep(seconds=60) as databases:
        request = b'{"schema": "", "query": "SELECT pg_sleep(60)", "writable": false}'
        execution = Execution(code="", inputs=(request,), language=POSTGRES)
        said: list[object] = []

        def run() -> None:
            try:
                said.append(databases.run(execution))
            except SandboxError as fault:
                said.append(fault)

        thread = threading.Thread(target=run)
        thread.start()
        while not cluster.ask(SLEEPING):
            pass
        with cluster.connection() as bystander:
            os.kill(bystander.info.backend_pid, signal.SIGKILL)
        thread.join()
    assert isinstance(said[0], SandboxError), said
    cluster.ask_patiently("SELECT 1")


def test_a_server_that_is_not_there_is_ours(keep: Keep) -> None:
    with keep(dsn="host=/nonexistent user=veriward") as databases, pytest.raises(SandboxError, match="nonexistent"):
        query_all(databases, "postgres", ("",), "SELECT 1")


UNFIT = {
    "may make no roles": ("CREATEDB", "CREATEDB and CREATEROLE"),
    "may not bound temporary files": ("CREATEDB CREATEROLE", "temp_file_limit"),
}


@pytest.mark.parametrize(("powers", "message"), UNFIT.values(), ids=UNFIT.keys())
def test_a_role_that_is_not_fit_makes_the_engine_unavailable(
    cluster: Any, keep: Keep, powers: str, message: str
) -> None:
    cluster.ask(f"CREATE ROLE unfit LOGIN {powers} PASSWORD 'change me'")
    try:
        with (
            keep(dsn=cluster.dsn.replace("user=veriward", "user=unfit")) as databases,
            pytest.raises(Unavailable, match=message),
        ):
            query_all(databases, "postgres", ("",), "SELECT 1")
    finally:
        cluster.ask("DROP ROLE unfit")


def test_a_superuser_will_do_as_well(cluster: Any, keep: Keep) -> None:
    task = {"engine": "postgres", "schema": ["CREATE TABLE s (a integer)"], "gold_sql": "INSERT INTO s VALUES (1)"}
    with keep(dsn=cluster.owner) as databases:
        verdict = sql(
            "```sql\nINSERT INTO s SELECT 1\n```", SqlTask.model_validate({**task, "writable": True}), databases
        )
        denied = query_all(databases, "postgres", ("",), "SELECT pg_read_file('/etc/passwd')")[0]
    assert verdict.outcome is Outcome.CORRECT
    assert denied == [Failure("denied", "permission denied for function pg_read_file")]


def test_what_a_program_asks_of_the_language_is_refused(keep: Keep) -> None:
    """`postgres` is no language of `/v1/execute`: nothing but a verifier reaches a keeper of sessions."""
    from veriward.sandbox.local import LocalSandbox

    with LocalSandbox(min_level="L0") as sandbox, pytest.raises(ExecutionRefused, match="language"):
        sandbox.run(Execution(code="", language=POSTGRES))
