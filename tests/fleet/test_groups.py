"""A group of eight rollouts with shaping and group shaping, streamed by a real server."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from math import exp
from statistics import fmean, pstdev
from typing import Any

import httpx
import pytest

from veriward.cli.server_process import ServerProcess

THOUGHT = "<think>\n{}\n</think>\n<answer>{}</answer>"
SHORT, LONG = "12 times 6.", "12 times 6: ten sixes are 60, two more are 12, so it comes to 72 in all, or so I hold."

GROUP = {
    "right, short, in form": THOUGHT.format(SHORT, "72"),
    "right, short, in form, in other words": THOUGHT.format("6 times 12.", "72.0"),
    "right, long, in form": THOUGHT.format(LONG, "72"),
    "right, short, out of form": "So it is \\boxed{72}",
    "wrong, in form": THOUGHT.format(SHORT, "71"),
    "wrong, long, in form": THOUGHT.format(LONG, "70"),
    "no answer, in form": THOUGHT.format(SHORT, ""),
    "nothing": "",
}
ITEM = {
    "id": "group/1",
    "task": {
        "verifier": "math",
        "answer": "72",
        "shaping": [{"kind": "format", "form": "think_answer", "apply": "multiply", "weight": 0.5}],
    },
    "responses": list(GROUP.values()),
    "group_shaping": [{"kind": "relative_length", "weight": 0.2}],
}


def streamed(server: ServerProcess, item: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The lines of the results in the order in which they came, and the last line."""
    headers = {"Authorization": f"Bearer {server.api_key}", "Accept": "application/x-ndjson"}
    body = {"items": [item], "deadline_seconds": 60}
    with (
        httpx.Client(base_url=server.url, headers=headers, timeout=100) as client,
        client.stream("POST", "/v1/grade", json=body) as answer,
    ):
        assert answer.status_code == 200
        lines = [json.loads(line) for line in answer.iter_lines()]
    return lines[:-1], lines[-1]


@pytest.mark.fleet
def test_a_group_of_eight_is_shaped_and_streamed(serve: Callable[..., AbstractContextManager[ServerProcess]]) -> None:
    with serve(graders=1) as server:
        lines, end = streamed(server, ITEM)
    assert (end["done"], end["results"]) == (True, 8)
    assert sorted((line["item"], line["response"]) for line in lines) == [(0, place) for place in range(8)]
    results = {line["response"]: line["result"] for line in lines}
    told = {name: results[place] for place, name in enumerate(GROUP)}
    assert {result["status"] for result in told.values()} == {"graded"}
    rewards = {name: result["reward"] for name, result in told.items()}
    outcomes = [result["outcome"] for result in told.values()]
    assert outcomes == ["correct"] * 4 + ["wrong"] * 2 + ["unparsed"] * 2
    # Arora and Zanette's factor over the right ones' lengths, by hand; out of form, half of it.
    right = [name for name in GROUP if name.startswith("right")]
    lengths = [len(GROUP[name]) for name in right]
    for name, length in zip(right, lengths, strict=True):
        factor = 1 - 0.2 / (1 + exp(-(length - fmean(lengths)) / pstdev(lengths)))
        assert rewards[name] == pytest.approx(factor * (0.5 if "out of form" in name else 1.0)), name
    assert told["right, short, out of form"]["parts"]["shaping.format"] == 0.5
    assert rewards["right, short, in form"] > rewards["right, long, in form"]
    assert (
        max(reward for name, reward in rewards.items() if name not in right) == 0 < min(rewards[name] for name in right)
    )
