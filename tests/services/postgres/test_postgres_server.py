"""A whole server with PostgreSQL behind it: the address travels to the processes that need it, and nowhere else."""

from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from veriward.cli.server_process import server_process

pytestmark = pytest.mark.services

SCRIPT = "CREATE TABLE n (v integer); INSERT INTO n VALUES (3), (1), (2);"
TASK = {"verifier": "sql", "engine": "postgres", "schema": [SCRIPT], "gold_sql": "SELECT v FROM n WHERE v > 1"}
RESPONSES = {
    "```sql\nSELECT v FROM n WHERE v BETWEEN 2 AND 3\n```": (1.0, ""),
    "```sql\nSELECT v FROM n\n```": (0.0, "the rows differ on 1 of 1 variants"),
    "```sql\nSELECT pg_read_file('/etc/passwd')\n```": (0.0, "denied: permission denied for function pg_read_file"),
}


def environments(pid: int) -> str:
    """Command lines and environments of the server's processes: what its host's users might see."""
    shown = []
    for process in psutil.Process(pid).children(recursive=True):
        try:
            shown += [*process.cmdline(), *process.environ().values()]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return " ".join(shown)


def test_it_grades_by_way_of_postgres(cluster: Any, tmp_path: Path) -> None:
    config = tmp_path / "veriward.toml"
    config.write_text(f'postgres_dsn = "{cluster.dsn}"\npostgres_seconds = 30.0\n')
    with server_process(config=config) as server:
        headers = {"Authorization": f"Bearer {server.api_key}"}
        items = [{"id": "a", "task": TASK, "responses": list(RESPONSES)}]
        answer = httpx.post(f"{server.url}/v1/grade", json={"items": items}, headers=headers, timeout=100)
        results = answer.json()["items"][0]["results"]
        assert [(result["reward"], result["reason"]) for result in results] == list(RESPONSES.values())
        assert {result["isolation"]["backend"] for result in results} == {"postgres"}
        assert "change me" not in environments(server.pid)
    assert cluster.leftovers() == []
