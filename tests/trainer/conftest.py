"""A real server for runs, and the sorting task at a size for tests."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from veriward.cli.server_process import ServerProcess, server_process
from veriward.client import Client


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    with server_process() as process:
        yield process


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    with Client(server.url, api_key=server.api_key) as one:
        yield one


@pytest.fixture(scope="session")
def sorting(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`sorting(digits=6, rows=4000, slip=0.22)`: a folder with `train.jsonl` and `eval.jsonl`."""

    def write(digits: int = 6, rows: int = 4000, slip: float = 0.22) -> Path:
        rng, folder = random.Random(0), tmp_path_factory.mktemp("sorting")

        def row(_: int) -> dict[str, Any]:
            drawn = rng.choices("123456789", k=digits)
            right = sorted(drawn)
            shown = [rng.choice("123456789") if rng.random() < slip else digit for digit in right]
            return {
                "prompt": f"Sort {''.join(drawn)}\n",
                "task": {"verifier": "short_answer", "gold": ["".join(right)]},
                "demonstration": f"<answer>{''.join(shown)}</answer>",
                "source": "sorting",
            }

        for name, count in (("train", rows), ("eval", 256)):
            lines = (json.dumps(row(number)) + "\n" for number in range(count))
            (folder / f"{name}.jsonl").write_text("".join(lines))
        return folder

    return write
