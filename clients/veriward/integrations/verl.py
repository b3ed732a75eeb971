"""verl's reward function, a coroutine for one rollout: rewards from a Veriward server.

```yaml
reward:
  custom_reward_function:
    path: pkg://veriward.integrations.verl
    name: compute_score
    reward_kwargs: {verifier: math}
```

verl has no value for a rollout without a reward: `NotGraded` is raised when the server, asked again until the deadline,
could not grade it. Calls made at the same time travel together.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from veriward.client import AsyncClient
from veriward.integrations.labels import NotGraded, task_of

DEADLINE_SECONDS = 120.0


async def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    url: str | None = None,
    verifier: str | None = None,
    field: str = "answer",
    deadline_seconds: float = DEADLINE_SECONDS,
    **_: Any,
) -> dict[str, float]:
    """`score`, the reward, and `acc`, 1 where the outcome was correct; the same keys for every rollout, as verl needs.

    The task is `extra_info["task"]` where it is there; else `ground_truth`, being the gold answer of `verifier`, or a
    task as JSON. `data_source` labels the server's metrics. Raises `NotGraded`, ValueError, and the client's errors.
    """
    given = (extra_info or {}).get("task")
    task = task_of(ground_truth, verifier, field) if given is None else task_of(given)
    result = await _client(url).grade_one(
        task, solution_str, deadline_seconds=deadline_seconds, source=str(data_source)[:100]
    )
    if result.reward is None:
        raise NotGraded(result.status, result.reason)
    return {"score": result.reward, "acc": float(result.outcome == "correct")}


@cache
def _client(url: str | None) -> AsyncClient:
    """One client per address: its connections are those of the event loop that calls."""
    return AsyncClient(url)
