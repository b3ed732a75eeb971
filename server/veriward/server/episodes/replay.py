"""What a replayed turn has in common with the recorded one."""

from collections.abc import Iterator
from math import isclose

from veriward.wire import PlayedTurn, StepResult

SHOWN = 80


def difference(told: PlayedTurn, played: StepResult) -> Iterator[str]:
    """How the turn came out otherwise; nothing where it did not."""
    if told.observation != played.observation:
        at = next(
            (at for at, (a, b) in enumerate(zip(told.observation, played.observation, strict=False)) if a != b),
            min(len(told.observation), len(played.observation)),
        )
        was, now = told.observation[at : at + SHOWN], played.observation[at : at + SHOWN]
        yield f"the observation differs from character {at}: {was!r} became {now!r}"
    if told.reward is not None and not isclose(told.reward, played.reward or 0.0, abs_tol=1e-9):
        yield f"the reward {told.reward:g} became {played.reward}"
    if (told.terminated, told.truncated) != (played.terminated, played.truncated):
        yield "it ended otherwise"
