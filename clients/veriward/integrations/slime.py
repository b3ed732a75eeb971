"""slime's custom reward: `--custom-rm-path veriward.integrations.slime.reward` (`group_reward` with `--group-rm`).

A sample's `label` is its task, as JSON; or, where `sample.metadata` has `verifier`, the gold answer of that verifier.
A rollout that was not graded raises `NotGraded`, so that slime tries it again: it has no value for one.
"""

import asyncio
from functools import cache
from typing import Any

from veriward.client import AsyncClient
from veriward.integrations.labels import NotGraded, task_of

DEADLINE_SECONDS = 120.0


async def reward(args: Any, sample: Any, **_: Any) -> float:
    """The reward of one `Sample`; the server's address is `VERIWARD_URL`."""
    metadata = sample.metadata or {}
    task = task_of(sample.label, metadata.get("verifier"), metadata.get("field", "answer"))
    result = await _client().grade_one(task, sample.response, deadline_seconds=DEADLINE_SECONDS)
    if result.reward is None:
        raise NotGraded(result.status, result.reason)
    return result.reward


async def group_reward(args: Any, samples: list[Any], **_: Any) -> list[float]:
    """The rewards of a group of samples, in their order."""
    return list(await asyncio.gather(*(reward(args, sample) for sample in samples)))


@cache
def _client() -> AsyncClient:
    return AsyncClient()
