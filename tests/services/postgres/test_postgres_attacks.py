"""What hostile SQL tries on PostgreSQL earns nothing and leaves nothing; its neighbour is judged as ever."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from veriward.verifiers.sql.engines import query_all
from veriward.verifiers.sql.execution import SqlTask, sql
from veriward.wire.outcomes import Outcome

pytestmark = pytest.mark.services
ENGINES = ("postgres",)
OURS = """
    SELECT rolname::text FROM pg_roles UNION SELECT datname FROM pg_database WHERE datname !~ '^veriward_t_'
    UNION SELECT setconfig::text FROM pg_db_role_setting ORDER BY 1
"""


@pytest.fixture(scope="module")
def impatient(cluster: Any, keep: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    with keep(seconds=1) as databases:
        query_all(databases, "postgres", ("",), "SELECT 1")  # the role that owns templates is there
        yield databases


def test_it_earns_nothing_and_leaves_nothing(sql_attack: Any, cluster: Any, databases: Any, impatient: Any) -> None:
    task = SqlTask.model_validate(sql_attack.task)
    before = cluster.ask(OURS)
    verdict = sql(sql_attack.response, task, impatient)
    assert (verdict.reward, verdict.outcome is Outcome.CORRECT) == (0.0, False)
    assert not {word for word in ("root:", "SCRAM", cluster.dsn) if word in repr(verdict)}
    assert not Path("/tmp/veriward_attack").exists()
    assert cluster.ask(OURS) == before
    assert cluster.ask("SELECT pid FROM pg_stat_activity WHERE usename ~ '^veriward_r_'") == []
    assert sql(sql_attack.honest, task, databases).outcome is Outcome.CORRECT
