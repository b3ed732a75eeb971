"""Quotas per API key, alone and as one gateway of several."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from veriward.server.queue import QueueFull
from veriward.server.quotas import Quotas


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Others:
    """Other gateways, where `used` rollouts of every key are in flight."""

    gateways = 2

    def __init__(self, used: int) -> None:
        self.used = used

    def usage_of_others(self, caller: str) -> int:
        return self.used

    def tell_usage(self, usage: Callable[[], Mapping[str, int]]) -> None: ...


IN_FLIGHT: dict[str, tuple[int, int, int, int, bool]] = {
    # bound, in flight here, elsewhere, asked, admitted
    "no bound": (0, 10_000, 10_000, 10_000, True),
    "up to the bound": (10, 4, 0, 6, True),
    "one past the bound": (10, 4, 0, 7, False),
    "what is in flight at other gateways counts": (10, 0, 4, 7, False),
    "a key with nothing in flight may send any request": (10, 0, 0, 11, True),
}


@pytest.mark.parametrize(("bound", "here", "elsewhere", "asked", "admitted"), IN_FLIGHT.values(), ids=IN_FLIGHT.keys())
def test_rollouts_in_flight(bound: int, here: int, elsewhere: int, asked: int, admitted: bool) -> None:
    quotas = Quotas(bound, 0)
    others: Any = Others(elsewhere)
    quotas.shared = others
    if here:
        quotas.take(b"key", here)
    quotas.take(b"another", 1)
    if admitted:
        quotas.take(b"key", asked)
        assert quotas.usage()[b"key".hex()] == here + asked
    else:
        with pytest.raises(QueueFull, match="in flight"):
            quotas.take(b"key", asked)
        assert quotas.usage().get(b"key".hex(), 0) == here


def test_what_was_answered_is_given_back() -> None:
    quotas = Quotas(2, 0)
    quotas.take(b"key", 2)
    with pytest.raises(QueueFull):
        quotas.take(b"key", 1)
    quotas.give(b"key", 2)
    quotas.take(b"key", 1)


@pytest.mark.parametrize(("others", "seconds"), [(None, 2.0), (Others(0), 4.0)], ids=["alone", "half of the rate each"])
def test_a_request_beyond_the_rate_is_owed(others: Any, seconds: float) -> None:
    clock = Clock()
    quotas = Quotas(0, 10, clock)
    quotas.shared = others
    share = 10 if others is None else 5
    quotas.take(b"key", share + 20)
    with pytest.raises(QueueFull) as full:
        quotas.take(b"key", 1)
    assert full.value.retry_after_seconds == pytest.approx(seconds, abs=0.3)
    quotas.take(b"another", 1)
    clock.now += full.value.retry_after_seconds
    quotas.take(b"key", 1)
