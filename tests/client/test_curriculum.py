"""Samplers: what every draw promises, that they find what is worth training on, and that they can be restored."""

import json
import math
import random
from collections.abc import Callable

import pytest

from veriward.client.curriculum import Balanced, Bandit, Posterior, Sampler, SuccessRates, Uniform

TASKS = 400
GROUP = 8

SAMPLERS: dict[str, Callable[[int, int], Sampler]] = {
    "uniform": lambda count, seed: Uniform(count, seed),
    "posterior": lambda count, seed: Posterior(count, seed),
    "balanced": lambda count, seed: Balanced(count, seed),
    "bandit": lambda count, seed: Bandit([str(i * 10 // count) for i in range(count)], seed),
}


def difficulty(task: int) -> float:
    """The chance of a right answer: most tasks are out of reach or solved already, one in eight is in between."""
    return 1 / (1 + math.exp(-(task / TASKS - 0.7) * 40))


def trained(sampler: Sampler, steps: int, seed: int) -> list[dict[int, list[float]]]:
    """What a fixed policy earns on what the sampler draws."""
    rng, seen = random.Random(seed), []
    for _ in range(steps):
        rewards = {task: [float(rng.random() < difficulty(task)) for _ in range(GROUP)] for task in sampler.draw(32)}
        sampler.update(rewards)
        seen.append(rewards)
    return seen


def useful(steps: list[dict[int, list[float]]]) -> float:
    """The share of groups whose rewards differ: only they move a policy."""
    groups = [rewards for step in steps for rewards in step.values()]
    return sum(0 < sum(rewards) < GROUP for rewards in groups) / len(groups)


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "uniform"])
@pytest.mark.parametrize("seed", range(5))
def test_what_is_worth_training_on_is_found_sooner_than_by_chance(name: str, seed: int) -> None:
    by_chance = useful(trained(SAMPLERS["uniform"](TASKS, seed), 40, seed))
    found = trained(SAMPLERS[name](TASKS, seed), 40, seed)
    assert useful(found) > 1.3 * by_chance
    assert useful(found[-10:]) > 1.5 * by_chance


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_draw_is_of_the_size_wanted_and_of_the_tasks_there(name: str) -> None:
    sampler = SAMPLERS[name](10, 0)
    for wanted in (0, 1, 7, 10, 25):
        drawn = sampler.draw(wanted)
        assert len(drawn) == wanted
        assert set(drawn) <= set(range(10))


@pytest.mark.parametrize("name", ["uniform", "posterior", "balanced"])
def test_no_task_comes_twice_in_one_draw(name: str) -> None:
    sampler = SAMPLERS[name](TASKS, 0)
    for rewards in trained(sampler, 12, 0)[:12]:
        assert len(rewards) == 32


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_restored_sampler_draws_what_the_first_would(name: str) -> None:
    first = SAMPLERS[name](TASKS, 3)
    trained(first, 5, 0)
    saved = json.loads(json.dumps(first.state))
    again = SAMPLERS[name](TASKS, 3)
    again.restore(saved)
    for _ in range(3):
        assert first.draw(40) == again.draw(40)


def test_every_task_comes_once_per_pass() -> None:
    sampler = Uniform(10, seed=1)
    first, second = sampler.draw(10), sampler.draw(10)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_a_posterior_is_the_published_update() -> None:
    rates = SuccessRates(prior=(1.0, 1.0), keep=0.5)
    rates.update("a", [1.0, 1.0, 0.0, 0.5])
    assert rates["a"] == (0.5 + 0.5 + 2.5, 0.5 + 0.5 + 1.5)
    assert rates.mean("a") == pytest.approx(3.5 / 6)
    assert rates.mean("never seen") == 0.5


def test_old_rewards_are_forgotten() -> None:
    rates = SuccessRates(keep=0.5)
    for _ in range(20):
        rates.update("a", [0.0] * 8)
    low = rates.mean("a")
    for _ in range(4):
        rates.update("a", [1.0] * 8)
    assert low < 0.1 < 0.8 < rates.mean("a")


def test_a_bandit_is_the_published_update() -> None:
    bandit = Bandit(["easy", "hard"], rate=0.5)
    bandit.update({0: [1.0, 1.0, 1.0, 1.0], 1: [1.0, 0.0, 0.0, 0.0]})
    assert bandit.values == {"easy": 0.0, "hard": 0.5 * (0.75 + 3 * 0.25) / 4}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Uniform(0),
        lambda: Posterior(0),
        lambda: Bandit([]),
        lambda: SuccessRates(keep=0),
        lambda: SuccessRates((0, 1)),
    ],
    ids=["no tasks", "no tasks for a posterior", "no categories", "nothing kept", "a prior without mass"],
)
def test_what_cannot_be_drawn_from_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"no tasks|keep must"):
        make()
