"""Ends that only the real sandbox can bring about."""

import pytest

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.sql.engines import query_all
from veriward.verifiers.sql.execution import SqlTask, sql
from veriward.verifiers.sql.tables import Failure
from veriward.wire.outcomes import Outcome

pytestmark = pytest.mark.sandbox

SCRIPT = "CREATE TABLE n (v INTEGER); INSERT INTO n VALUES (3), (1), (2);"
# Compares nearly a megabyte at each of many places, all within one call.
ONE_LONG_CALL = "SELECT instr(hex(zeroblob(500000)), hex(zeroblob(250000)) || '1')"


def test_a_call_that_the_querys_own_clock_can_not_see_is_ended(sandbox: Sandbox) -> None:
    results, _ = query_all(sandbox, "sqlite", (SCRIPT,), ONE_LONG_CALL)
    assert results == [Failure("time_limit", "cpu")]


def test_a_verdict_is_stamped_with_the_isolation_it_ran_under(sandbox: Sandbox) -> None:
    task = SqlTask.model_validate({"schema": [SCRIPT], "gold_sql": "SELECT v FROM n"})
    verdict = sql("SELECT v FROM n", task, sandbox)
    assert verdict.outcome is Outcome.CORRECT
    assert verdict.isolation is not None
    assert "seccomp" in verdict.isolation[1]


def test_one_query_leaves_nothing_for_the_next(sandbox: Sandbox) -> None:
    """Each variant is built anew, so equal scripts give equal rows whatever ran before."""
    for _ in range(2):
        results, _isolation = query_all(sandbox, "sqlite", (SCRIPT, SCRIPT), "SELECT count(*) FROM n, sqlite_master")
        assert [str(result) for result in results] == ["Table(columns=1, rows=((3,),))"] * 2
