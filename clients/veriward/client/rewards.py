"""From results to what a trainer holds: None, NaN or a mask for what was not graded, and never 0."""

import math
from collections.abc import Iterable

from veriward.wire import GradeResponse, Result

Results = GradeResponse | Iterable[Result]
"""The answer to a request, or results one by one."""


def flat(results: Results) -> list[Result]:
    """All results in the order of the request, items after one another."""
    if isinstance(results, GradeResponse):
        return [result for item in results.items for result in item.results]
    return list(results)


def rewards_or_none(results: Results) -> list[float | None]:
    """The rewards (B,); None where a rollout was not graded."""
    return [result.reward for result in flat(results)]


def rewards_or_nan(results: Results) -> list[float]:
    """The rewards (B,); NaN where a rollout was not graded. For tensors: mask them, or use nan-aware means."""
    return [math.nan if result.reward is None else result.reward for result in flat(results)]


def mask(results: Results) -> list[bool]:
    """Which rollouts (B,) were graded, and so may move the policy."""
    return [result.reward is not None for result in flat(results)]
