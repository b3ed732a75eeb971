"""What the dashboard remembers over time: steps of the last minutes, timelines that grow coarser, drift."""

import pytest

from veriward.server.dashboard.pulse import STEP_SECONDS, STEPS, Pulse
from veriward.server.dashboard.sources import FIRST_STEP_SECONDS, Sums, Timeline, verdict_of
from veriward.server.dashboard.sources import STEPS as TIMELINE_STEPS
from veriward.server.metrics import BOUNDS_SECONDS, Totals, quantile
from veriward.server.queue import QueueDepth

NONE = [0] * (len(BOUNDS_SECONDS) + 1)


class Counting:
    """Counts and a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.rollouts = 0
        self.graded = list(NONE)
        self.pulse = Pulse(self.totals, lambda: QueueDepth(self.rollouts, 0, 0.0, 1), lambda: self.now)

    def totals(self) -> Totals:
        return Totals(self.rollouts, self.rollouts // 2, list(NONE), list(self.graded))

    def after(self, seconds: float, rollouts: int = 0) -> None:
        self.now += seconds
        self.rollouts += rollouts
        self.pulse.look()


def test_a_step_holds_what_came_in_it() -> None:
    counting = Counting()
    for rollouts in (10, 0, 4):
        counting.after(STEP_SECONDS, rollouts)
    counting.after(STEP_SECONDS / 2, 100)  # not a whole step yet
    history = counting.pulse.history()
    assert (history.rollouts, history.not_graded) == ([10, 0, 4], [5, 0, 2])
    assert history.waiting == [10, 10, 14]
    assert history.ended_at == counting.now - STEP_SECONDS / 2
    assert counting.pulse.now().rollouts_per_second == round(114 / (3.5 * STEP_SECONDS), 2)


def test_steps_that_nobody_looked_at_share_what_came() -> None:
    counting = Counting()
    counting.after(3 * STEP_SECONDS, 10)
    assert counting.pulse.history().rollouts == [3, 3, 4]


def test_the_last_steps_are_kept_and_no_more() -> None:
    counting = Counting()
    counting.after(10 * STEPS * STEP_SECONDS, 10 * STEPS)
    assert counting.pulse.history().rollouts == [1] * STEPS
    counting.after(-5 * STEP_SECONDS)  # a clock that was set back
    assert len(counting.pulse.history().rollouts) == STEPS


def test_at_the_start_the_rates_are_of_the_time_since() -> None:
    counting = Counting()
    counting.after(STEP_SECONDS / 4, 5)
    assert counting.pulse.now().rollouts_per_second == 5 / (STEP_SECONDS / 4)


def counts(**by_bound: int) -> list[int]:
    made = list(NONE)
    for at, count in by_bound.items():
        made[int(at[1:])] = count
    return made


QUANTILES = {
    "nothing": (counts(), 0.5, None),
    "within the first bound": (counts(_0=10), 0.5, BOUNDS_SECONDS[0] / 2),
    "at a bound": (counts(_0=5, _3=5), 0.5, BOUNDS_SECONDS[0]),
    "within a later one": (counts(_0=5, _3=5), 0.75, (BOUNDS_SECONDS[2] + BOUNDS_SECONDS[3]) / 2),
    "past the last": (counts(**{f"_{len(BOUNDS_SECONDS)}": 1}), 0.5, BOUNDS_SECONDS[-1]),
}


@pytest.mark.parametrize(("given", "share", "seconds"), QUANTILES.values(), ids=QUANTILES)
def test_quantiles_are_told_between_bounds(given: list[int], share: float, seconds: float | None) -> None:
    assert quantile(given, share) == (None if seconds is None else pytest.approx(seconds))


def rewards(*each: float) -> Sums:
    return Sums(rollouts=len(each), graded=len(each), reward=sum(each))


def test_a_timeline_of_any_length_has_a_bounded_number_of_steps() -> None:
    line = Timeline()
    for day in range(60):
        for hour in range(24):
            line.add(1e9 + day * 86_400 + hour * 3_600, rewards(1.0, 0.0))
    assert len(line.steps) <= TIMELINE_STEPS
    assert sum(sums.rollouts for sums in line.steps) == 60 * 24 * 2
    assert line.step_seconds > 3_600
    assert line.first * line.step_seconds <= 1e9 < (line.first + 1) * line.step_seconds


def test_a_jump_of_years_is_one_more_step() -> None:
    line = Timeline()
    line.add(0.0, rewards(1.0))
    line.add(3e9, rewards(0.0))
    assert [sums.rollouts for sums in line.steps if sums.rollouts] == [1, 1]
    line.add(-5.0, rewards(0.0))  # a clock that was set back
    assert line.steps[0].rollouts == 2


def test_drift_is_the_last_quarter_less_the_rest() -> None:
    line = Timeline()
    line.add(0.0, rewards(0.5))
    assert line.drift() is None
    for at, reward in enumerate((0.0, 0.5, 1.0), 1):
        line.add(at * FIRST_STEP_SECONDS, rewards(reward))
    assert line.drift() == pytest.approx(1.0 - 1 / 3, abs=1e-3)


RESULTS = {
    "graded": (b'{"status":"graded","reward":0.5,"outcome":"partial","parts":{}}', ("graded", 0.5, "partial")),
    "below zero, in exponents": (b'{"status":"graded","reward":-1e-7,"outcome":"wrong",', ("graded", -1e-7, "wrong")),
    "not graded": (b'{"status":"timeout","reward":null,"outcome":null,"parts":{}}', ("timeout", None, "")),
    "fields in another order": (b'{"reward":1.0,"outcome":"correct","status":"graded"}', ("graded", 1.0, "correct")),
}


@pytest.mark.parametrize(("result", "verdict"), RESULTS.values(), ids=RESULTS)
def test_a_verdict_is_read_from_the_head_of_a_result(result: bytes, verdict: object) -> None:
    assert verdict_of(result) == verdict
