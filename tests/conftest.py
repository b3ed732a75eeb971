"""The table of SQL attacks, for the tests of each engine: a test module names the `ENGINES` that it attacks."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SQL_ATTACKS = Path(__file__).parent / "verifiers" / "sql_attacks.toml"
SCRIPT = "CREATE TABLE n (v INTEGER, w TEXT); INSERT INTO n VALUES (3, 'c'), (1, 'a'), (2, NULL);"
GOLD = {"query": "SELECT v FROM n WHERE v > 1", "script": "DELETE FROM n WHERE v > 1"}


@dataclass(frozen=True)
class SqlAttack:
    """What is told to a task that asks for a `query`, or for a `script`."""

    engine: str
    kind: str
    text: str

    @property
    def response(self) -> str:
        return f"```sql\n{self.text}\n```"

    @property
    def task(self) -> dict[str, Any]:
        gold = GOLD[self.kind]
        return {"engine": self.engine, "schema": [SCRIPT], "gold_sql": gold, "writable": self.kind == "script"}

    @property
    def honest(self) -> str:
        """A right response to the task."""
        return f"```sql\n{GOLD[self.kind].replace('v > 1', 'v >= 2')}\n```"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "sql_attack" in metafunc.fixturenames:
        attacks = {name: attack for engine in metafunc.module.ENGINES for name, attack in _sql_attacks(engine)}
        metafunc.parametrize("sql_attack", attacks.values(), ids=attacks.keys())


def _sql_attacks(engine: str) -> list[tuple[str, SqlAttack]]:
    found = []
    for sentence, kinds in tomllib.loads(SQL_ATTACKS.read_text("utf-8")).items():
        for kind, texts in kinds.items():
            text = texts.get(engine) if isinstance(texts, dict) else texts
            if isinstance(text, list):
                text = "".join(part if isinstance(part, str) else part["repeat"] * part["times"] for part in text)
            if text is not None:
                found.append((f"{engine}, {kind}: {sentence}", SqlAttack(engine, kind, text)))
    return found
