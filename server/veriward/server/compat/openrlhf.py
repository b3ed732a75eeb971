"""OpenRLHF's `--reward.remote_url` (0.11): `POST /compat/openrlhf/get_reward`.

It sends one rollout a call, prompt and response in one text, and reads `rewards` and `scores` of the answer. What is
not 200 it tries five times, then leaves the rollout without a reward.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import Field

from veriward.server.compat.facade import Foreign, Results, add_grading_facade, bad_field
from veriward.server.compat.labels import task_of
from veriward.server.gateway import Gateway


class GetReward(Foreign):
    """`query[i]` is `prompts[i]` and the response; `labels[i]` a task, as JSON."""

    query: list[str] = Field(default_factory=list)
    prompts: list[str] = Field(default_factory=list)
    labels: list[Any] = Field(default_factory=list)


def add_openrlhf(app: FastAPI, gateway: Gateway) -> None:
    def items(asked: GetReward, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        for name in ("prompts", "labels"):
            if len(getattr(asked, name)) != len(asked.query):
                raise bad_field(name, f"{len(getattr(asked, name))} for {len(asked.query)} of query")
        return [
            {"task": task_of(label, parameters, f"labels[{place}]"), "responses": [query.removeprefix(prompt)]}
            for place, (query, prompt, label) in enumerate(zip(asked.query, asked.prompts, asked.labels, strict=True))
        ]

    def answer(asked: GetReward, results: Results) -> dict[str, Any]:
        rewards = [one["reward"] for one in results]
        # One number for one rollout: OpenRLHF takes the first of what a list of servers answered, not of a list within.
        told = rewards[0] if len(rewards) == 1 else rewards
        return {"rewards": told, "scores": told, "extra_logs": _logs(results)}

    add_grading_facade(app, gateway, "/compat/openrlhf/get_reward", GetReward, items, answer)


def _logs(results: Results) -> dict[str, float]:
    """Of one rollout its parts and metrics; OpenRLHF averages what is there."""
    if len(results) != 1:
        return {}
    return {**results[0]["metrics"], **results[0]["parts"]}
