"""What hostile SQL tries on SQLite and DuckDB earns nothing and leaves nothing; its neighbour is judged as ever."""

from pathlib import Path
from typing import Any

import pytest

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.sql.execution import SqlTask, sql
from veriward.verifiers.verdict import Unavailable
from veriward.wire.outcomes import Outcome

pytestmark = pytest.mark.sandbox
ENGINES = ("sqlite", "duckdb")


def test_it_earns_nothing_and_leaves_nothing(sql_attack: Any, sandbox: Sandbox) -> None:
    task = SqlTask.model_validate(sql_attack.task)
    try:
        verdict = sql(sql_attack.response, task, sandbox)
    except Unavailable as unavailable:
        pytest.skip(str(unavailable))
    assert (verdict.reward, verdict.outcome is Outcome.CORRECT) == (0.0, False)
    assert "root:" not in repr(verdict)
    assert not Path("/tmp/veriward_attack").exists()
    assert sql(sql_attack.honest, task, sandbox).outcome is Outcome.CORRECT
