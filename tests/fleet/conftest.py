"""A real server with its workers, and rollouts whose verdicts are known."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from veriward.cli.server_process import ServerProcess, server_process


@dataclass(frozen=True)
class Known:
    """A task, a response, and the reward it must get."""

    task: dict[str, Any]
    response: str
    reward: float

    def item(self, identity: str = "") -> dict[str, Any]:
        return {"id": identity, "task": self.task, "responses": [self.response]}


class Running:
    """A server and the processes under it."""

    def __init__(self, process: ServerProcess) -> None:
        self.pid = process.pid
        self.url = process.url
        self.port = process.port
        self.headers = {"Authorization": f"Bearer {process.api_key}"}

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=self.headers, timeout=120)

    def processes(self) -> list[psutil.Process]:
        """Everything that the server started, itself left out."""
        return psutil.Process(self.pid).children(recursive=True)

    def grade(self, items: list[dict[str, Any]], deadline_seconds: float = 100) -> list[list[dict[str, Any]]]:
        with self.client() as client:
            answer = client.post("/v1/grade", json={"items": items, "deadline_seconds": deadline_seconds})
        assert answer.status_code == 200, answer.text
        return [item["results"] for item in answer.json()["items"]]


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., AbstractContextManager[ServerProcess]]:
    """`serve(cache_bytes=0, …)`: a server with these settings, as a context manager."""

    def start(**settings: Any) -> AbstractContextManager[ServerProcess]:
        config = tmp_path / "veriward.toml"
        config.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
        return server_process(config=config)

    return start


@pytest.fixture
def running(serve: Callable[..., AbstractContextManager[ServerProcess]]) -> Iterator[Running]:
    """A server that remembers no result, so that everything is really judged."""
    with serve(cache_bytes=0) as process:
        yield Running(process)


ADD = {"kind": "stdin", "tests": [{"input": "1 2\n", "output": "3\n"}, {"input": "10 -4\n", "output": "6\n"}]}
SCHOOL = "create table pupil (name text, age integer); insert into pupil values ('Ada', 9), ('Bo', 11);"


@pytest.fixture(scope="session")
def honest() -> list[Known]:
    """Ordinary rollouts of all families, right and wrong."""
    quick = {"limits": {"cpu_seconds": 5.0, "wall_seconds": 20.0}}
    add = {"verifier": "code", **ADD, **quick}
    double = {"verifier": "code", "kind": "call", "fn_name": "f", "inputs": [[2], [5]], "outputs": [4, 10], **quick}
    oldest = {"verifier": "sql", "schema": [SCHOOL], "gold_sql": "select name from pupil where age > 10"}
    return [
        Known({"verifier": "math", "answer": "72"}, "48 + 24 = \\boxed{72}", 1.0),
        Known({"verifier": "math", "answer": "72"}, "So the total is \\boxed{71}.", 0.0),
        Known({"verifier": "math", "answer": "\\frac{\\sqrt{3}}{2}"}, "Hence $\\boxed{\\sqrt{\\frac{3}{4}}}$.", 1.0),
        Known({"verifier": "math", "answer": "x^2-1"}, "It factors: \\boxed{(x-1)(x+1)}", 1.0),
        Known({"verifier": "choice", "answer": "B"}, "<think>A?</think>The answer is \\boxed{B}", 1.0),
        Known({"verifier": "choice", "answer": "B"}, "Answer: C", 0.0),
        Known(add, "```python\na, b = map(int, input().split())\nprint(a + b)\n```", 1.0),
        Known(add, "```python\na, b = map(int, input().split())\nprint(a - b)\n```", 0.0),
        Known(double, "```python\ndef f(x):\n    return x * 2\n```", 1.0),
        Known(double, "```python\ndef f(x):\n    return x ** 2\n```", 0.0),
        Known(oldest, "```sql\nSELECT name FROM pupil WHERE age >= 11\n```", 1.0),
        Known(oldest, "```sql\nSELECT name FROM pupil\n```", 0.0),
    ]
