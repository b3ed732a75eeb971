"""Runs a query, or a script that changes the database, on every variant of it, in the engine that the task names.

- `sqlite`: in memory, in a sandbox child, by a driver that closes SQLite to all but what the task allows.
- `duckdb`: likewise, in a child of the profile that has DuckDB, which can reach neither files nor extensions.
- `postgres`: in a real server of the operator's, which a child without network could not reach and a grader must not:
  the worker has processes that alone hold its address, and they take the request as a keeper does. What runs there is
  bounded by roles of that server's own (`veriward.server.postgres`).
"""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

from veriward.sandbox.errors import ExecutionRefused
from veriward.sandbox.execution import MIB, Execution, Isolation, Limits, Sandbox
from veriward.verifiers.sql.tables import Failure, Result, result_of
from veriward.verifiers.verdict import Unavailable

Engine = Literal["sqlite", "duckdb", "postgres"]
POSTGRES = "postgres"
"""What an execution names as its language to be taken by the processes that hold the server's address."""

# Above the driver's own: they end what its clock can't see, one long call within SQLite.
LIMITS = Limits(wall_seconds=15, cpu_seconds=4, memory_bytes=512 * MIB, output_bytes=32 * MIB, processes=1)
DUCKDB_LIMITS = Limits(wall_seconds=10, cpu_seconds=4, memory_bytes=1024 * MIB, output_bytes=32 * MIB, processes=1)

_SHARED = "veriward.verifiers.sql.replies"


def query_all(
    sandbox: Sandbox, engine: Engine, scripts: Sequence[str], query: str, writable: bool = False
) -> tuple[list[Result], Isolation]:
    """The result of `query` on a fresh database per script, apart from all else; ends with the first failure.

    Raises `Unavailable` where the engine is not here.
    """
    requests = tuple(
        json.dumps({"schema": script, "query": query, "writable": writable}).encode() for script in scripts
    )
    try:
        runs = sandbox.run(_execution(engine, requests), stop=lambda run: isinstance(result_of(run), Failure))
    except ExecutionRefused as refused:
        if refused.field in ("language", "profile"):
            raise Unavailable(f"the engine {engine}: {refused.message}") from None
        raise
    return [result_of(run) for run in runs], runs[-1].isolation


def _execution(engine: Engine, requests: tuple[bytes, ...]) -> Execution:
    if engine == "postgres":
        return Execution(code="", inputs=requests, language=POSTGRES)
    if engine == "duckdb":
        return Execution(code=_program("duckdb"), inputs=requests, limits=DUCKDB_LIMITS, profile="duckdb")
    return Execution(code=_program("sqlite"), inputs=requests, limits=LIMITS, profile="sql")


@cache
def _program(engine: str) -> str:
    """The driver, behind the module it shares with the others: the child has nothing of ours installed."""
    return (
        "import sys, types\n"
        f"shared = types.ModuleType({_SHARED!r})\n"
        f"exec(compile({_source('replies')!r}, 'replies', 'exec'), shared.__dict__)\n"
        f"sys.modules[{_SHARED!r}] = shared\n" + _source(f"{engine}_driver")
    )


def _source(module: str) -> str:
    return files("veriward.verifiers.sql").joinpath(f"{module}.py").read_text("utf-8")
