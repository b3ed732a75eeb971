"""Compositions: how they are declared, and how one verdict is made of those of inner tasks.

Names, figures, integrity and isolation are carried. A composition pays from 0 up: an inner reward below 0 counts as 0,
so that no way to fail pays better than another.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import BaseModel

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.asking import Replies, Request, Unanswered
from veriward.verifiers.inner import PRELOAD, Inner
from veriward.verifiers.judging import Response
from veriward.verifiers.registry import Function, Golds, verifier
from veriward.verifiers.verdict import Verdict
from veriward.wire.outcomes import Outcome

# For several dear parts; each alone may have less.
CPU_SECONDS = 40.0
WALL_SECONDS = 120.0


def composition(
    name: str, *, version: int, task: type[BaseModel], golds: Golds | None = None
) -> Callable[[Function], Function]:
    """Declare a verifier that asks others: of any kind, so it gets the messages, may run programs and ask models."""
    return verifier(
        name,
        version=version,
        task=task,
        messages=True,
        preload=PRELOAD,
        cpu_seconds=CPU_SECONDS,
        wall_seconds=WALL_SECONDS,
        batch=4,
        runs_programs=True,
        asks=True,
        golds=golds,
    )


@dataclass(frozen=True, slots=True)
class Judged:
    """What an inner task's verifier said; `name` is that verifier's with the task's place: `math[0]`."""

    name: str
    verdict: Verdict

    @property
    def reward(self) -> float:
        return max(0.0, self.verdict.reward)

    @property
    def right(self) -> bool:
        return self.verdict.outcome is Outcome.CORRECT


def ask(parts: Sequence[Inner], at: int, response: Response, sandbox: Sandbox, replies: Replies) -> Judged:
    """The verdict of `parts[at]`. Raises `InvalidTask`, and `Unanswered` where it needs a model's reply first."""
    return Judged(f"{parts[at].verifier.name}[{at}]", parts[at].judge(response, sandbox, replies))


def ask_all(parts: Sequence[Inner], response: Response, sandbox: Sandbox, replies: Replies) -> list[Judged]:
    return gathered(partial(ask, parts, at, response, sandbox, replies) for at in range(len(parts)))


def gathered(asked: Iterable[Callable[[], Judged]]) -> list[Judged]:
    """The verdicts of all. Raises `Unanswered` with the requests of all that need replies, so that they go together."""
    judged: list[Judged] = []
    requests: list[Request] = []
    for each in asked:
        try:
            judged.append(each())
        except Unanswered as unanswered:
            requests += unanswered.requests
    if requests:
        raise Unanswered(requests)
    return judged


def combined(outcome: Outcome, reward: float, judged: Sequence[Judged], deciding: Judged | None = None) -> Verdict:
    """One verdict: `parts` are the inner rewards by name; the answer and the reason are those of `deciding`, if any.

    Where none decides, every part that is not right tells its reason.
    """
    telling = [each for each in judged if not each.right and each.verdict.reason] if deciding is None else [deciding]
    weakest = min((each.verdict.isolation for each in judged if each.verdict.isolation), default=None)
    return Verdict(
        outcome,
        reward,
        {each.name: each.reward for each in judged},
        next((each.verdict.extracted for each in telling or judged if each.verdict.extracted is not None), None),
        "; ".join(f"{each.name}: {each.verdict.reason}" for each in telling if each.verdict.reason),
        {f"{each.name}.{figure}": value for each in judged for figure, value in each.verdict.metrics.items()},
        "weak" if any(each.verdict.integrity == "weak" for each in judged) else "strong",
        weakest,
    )
