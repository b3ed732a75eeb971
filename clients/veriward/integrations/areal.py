"""AReaL's reward function, synchronous, one rollout: `RLVRWorkflow(reward_fn="veriward.integrations.areal.reward")`.

AReaL runs it in processes of its own, 15 seconds at most, three times. The row's `task` is the task; or its `verifier`
names one, and `answer` is the gold answer. A rollout that was not graded raises `NotGraded`.
"""

from functools import cache
from typing import Any

from veriward.client import Client
from veriward.integrations.labels import NotGraded, task_of

DEADLINE_SECONDS = 12.0
"""Below AReaL's own 15, so that its answer is ours."""


def reward(prompt: str, completions: str, prompt_ids: Any, completion_ids: Any, **row: Any) -> float:
    """The reward of one completion; the server's address is `VERIWARD_URL`."""
    task = task_of(row["task"]) if "task" in row else task_of(row.get("answer"), row.get("verifier"))
    (result,) = _client().grade_rollouts([task], [completions], deadline_seconds=DEADLINE_SECONDS)
    if result.reward is None:
        raise NotGraded(result.status, result.reason)
    return result.reward


@cache
def _client() -> Client:
    """One per process."""
    return Client()
