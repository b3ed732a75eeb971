"""The clients against the real server: the whole contract, and the documentation's code."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from veriward.cli.server_process import ServerProcess, server_process
from veriward.client import AsyncClient, Client, RequestRefused, rewards_or_none
from veriward.wire import GradeItem

pytestmark = pytest.mark.fleet

DOCUMENT = Path(__file__).parents[2] / "docs" / "client.md"
TASK = {"verifier": "math", "answer": "72"}
BOXES = [f"\\boxed{{{number}}}" for number in range(70, 74)]
REWARDS = [0.0, 0.0, 1.0, 0.0]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with server_process() as process:
        yield process


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    with Client(server.url, api_key=server.api_key) as client:
        yield client


def test_every_status_comes_back_in_order(client: Client) -> None:
    items: list[GradeItem | dict[str, Any]] = [
        {"id": "known", "task": TASK, "responses": ["\\boxed{72}", [{"role": "assistant", "content": "\\boxed{71}"}]]},
        {"id": "nobody's", "task": {"verifier": "astrology"}, "responses": ["72"]},
        {"id": "a lone surrogate", "task": TASK, "responses": ["\ud83d \\boxed{72}"]},
        {"id": "not a number", "task": {"verifier": "math", "answer": float("nan")}, "responses": ["72"]},
    ]
    assert client.ready(wait_seconds=30)
    response = client.grade(items)
    assert [item.id for item in response.items] == [GradeItem.model_validate(item).id for item in items]
    assert rewards_or_none(response) == [1.0, 0.0, None, 0.0, None]
    streamed = {(line.item, line.response): line.result.reward for line in client.grade_stream(items)}
    assert [streamed[place] for place in sorted(streamed)] == rewards_or_none(response)


def test_a_key_gives_the_same_answer_and_takes_no_other_question(client: Client) -> None:
    item = {"task": TASK, "responses": BOXES}
    first, second = (client.grade([item], idempotency_key="twice") for _ in range(2))
    assert first.items == second.items
    with pytest.raises(RequestRefused, match="idempotency_mismatch"):
        client.grade([item, item], idempotency_key="twice")


def test_a_wrong_key_is_refused(server: ServerProcess) -> None:
    with Client(server.url, api_key="wrong") as client, pytest.raises(RequestRefused, match="VERIWARD_API_KEY"):
        client.grade([{"task": TASK, "responses": ["72"]}])


def test_more_than_one_request_holds(client: Client) -> None:
    rewards = client.rewards([TASK] * 12_000, (BOXES * 3_000))
    assert rewards == REWARDS * 3_000


def test_single_calls_of_one_loop(server: ServerProcess) -> None:
    async def main() -> list[float | None]:
        async with AsyncClient(server.url, api_key=server.api_key) as client:
            results = await asyncio.gather(*(client.grade_one(TASK, box) for box in BOXES * 100))
            return [result.reward for result in results]

    assert asyncio.run(main()) == REWARDS * 100


@pytest.mark.sandbox
def test_the_documentation_runs(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIWARD_URL", server.url)
    monkeypatch.setenv("VERIWARD_API_KEY", server.api_key)
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    for block in blocks:
        exec(block, names)  # noqa: S102
