"""Which tasks to train on next: samplers over any list of tasks, fed with the rewards that come back.

A task that is always solved, or never, teaches nothing: its group's advantages are all zero. Every sampler has `draw`,
`update` and `state`; none needs more than the standard library.
"""

import math
import random
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

State = dict[str, Any]


class Sampler(Protocol):
    """Draws tasks by their indices in a list, and learns from their rewards."""

    def draw(self, wanted: int) -> list[int]:
        """Indices of `wanted` tasks. No task comes twice in one draw, unless there are too few."""
        ...

    def update(self, rewards: Mapping[int, Sequence[float]]) -> None:
        """The rewards of each drawn task's graded rollouts; what was not graded is left out."""
        ...

    @property
    def state(self) -> State:
        """What JSON holds, and `restore` takes: a restored sampler draws what this one would."""
        ...

    def restore(self, state: State) -> None: ...


class SuccessRates:
    """A Beta posterior of the success rate of each key, forgetting as the policy changes.

    `α ← λ α + (1 - λ) α₀ + successes`, and β likewise with failures (MoPPS, arXiv 2507.04632, equation 8); λ = 1 never
    forgets. A reward between 0 and 1 counts as that much of a success.
    """

    def __init__(self, prior: tuple[float, float] = (1.0, 1.0), keep: float = 0.9) -> None:
        if not 0 < keep <= 1 or min(prior) <= 0:
            raise ValueError(f"keep must be in (0, 1] and the prior positive, not {keep} and {prior}")
        self._prior, self._keep = prior, keep
        self._known: dict[Hashable, tuple[float, float]] = {}

    def update(self, key: Hashable, rewards: Sequence[float]) -> None:
        won = sum(min(max(reward, 0.0), 1.0) for reward in rewards)
        alpha, beta = self[key]
        kept, (alpha0, beta0) = self._keep, self._prior
        self._known[key] = (
            kept * alpha + (1 - kept) * alpha0 + won,
            kept * beta + (1 - kept) * beta0 + len(rewards) - won,
        )

    def __getitem__(self, key: Hashable) -> tuple[float, float]:
        """(α, β); the prior's for a key that was never seen."""
        return self._known.get(key, self._prior)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._known

    def mean(self, key: Hashable) -> float:
        alpha, beta = self[key]
        return alpha / (alpha + beta)

    def sample(self, key: Hashable, rng: random.Random) -> float:
        return rng.betavariate(*self[key])

    @property
    def state(self) -> list[Any]:
        return [[key, *pair] for key, pair in self._known.items()]

    def restore(self, state: Sequence[Any]) -> None:
        self._known = {key: (alpha, beta) for key, alpha, beta in state}


class Uniform:
    """Every task once per pass, each pass in an order of its own."""

    def __init__(self, count: int, seed: int = 0) -> None:
        self._count, self._seed = _some(count), seed
        self._drawn = 0
        self._order: tuple[int, list[int]] = (-1, [])

    def draw(self, wanted: int) -> list[int]:
        taken = [self._at(place) for place in range(self._drawn, self._drawn + wanted)]
        self._drawn += wanted
        return taken

    def update(self, rewards: Mapping[int, Sequence[float]]) -> None:
        """Nothing is learnt."""

    def _at(self, place: int) -> int:
        number, within = divmod(place, self._count)
        if self._order[0] != number:
            order = list(range(self._count))
            random.Random(f"{self._seed}/{number}").shuffle(order)
            self._order = (number, order)
        return self._order[1][within]

    @property
    def state(self) -> State:
        return {"drawn": self._drawn}

    def restore(self, state: State) -> None:
        self._drawn = state["drawn"]


class Posterior:
    """MoPPS (arXiv 2507.04632): draw a success rate from each candidate's posterior, take those nearest to `target`.

    `candidates` times as many tasks as are wanted are looked at, at random; all where it is 0.
    """

    def __init__(self, count: int, seed: int = 0, target: float = 0.5, keep: float = 0.9, candidates: int = 8) -> None:
        self._count, self._target, self._candidates = _some(count), target, candidates
        self.rates = SuccessRates(keep=keep)
        self._rng = random.Random(seed)

    def draw(self, wanted: int) -> list[int]:
        looked_at = _choice(self._rng, self._count, wanted * self._candidates or self._count)
        distance = {task: abs(self.rates.sample(task, self._rng) - self._target) for task in looked_at}
        return _filled(sorted(looked_at, key=distance.__getitem__), wanted)

    def update(self, rewards: Mapping[int, Sequence[float]]) -> None:
        for task, each in rewards.items():
            self.rates.update(task, each)

    @property
    def state(self) -> State:
        return {"rates": self.rates.state, "random": _told(self._rng)}

    def restore(self, state: State) -> None:
        self.rates.restore(state["rates"])
        self._rng.setstate(_heard(state["random"]))


class Balanced(Posterior):
    """Balanced online difficulty filtering (arXiv 2504.03380): tasks whose mean success lies between `low` and `high`.

    A share `explore` of each draw goes to tasks at random, so that those outside may come back and new ones are met; so
    do places for which no task within is known.
    """

    def __init__(
        self, count: int, seed: int = 0, low: float = 0.25, high: float = 0.75, keep: float = 0.9, explore: float = 0.25
    ) -> None:
        super().__init__(count, seed, keep=keep)
        self._low, self._high, self._explore = low, high, explore

    def draw(self, wanted: int) -> list[int]:
        within = [
            task
            for task in range(self._count)
            if task in self.rates and self._low <= self.rates.mean(task) <= self._high
        ]
        taken = _choice(self._rng, within, wanted - math.ceil(self._explore * wanted))
        known = set(taken)
        others = [task for task in _choice(self._rng, self._count, wanted + len(taken)) if task not in known]
        return _filled(taken + others, wanted)


class Bandit:
    """SEC (arXiv 2505.14970): a bandit over categories, paid the mean absolute advantage of what it drew.

    `Q(c) ← (1 - rate) Q(c) + rate · mean |A|`, drawn by softmax(Q / temperature). `categories[i]` is that of task i: a
    game, a source, a band of difficulty. Within one, tasks come as from `Uniform`.
    """

    def __init__(self, categories: Sequence[str], seed: int = 0, rate: float = 0.5, temperature: float = 0.2) -> None:
        _some(len(categories))
        self._categories = list(categories)
        self._members = {
            name: [i for i, one in enumerate(categories) if one == name] for name in sorted(set(categories))
        }
        self._within = {name: Uniform(len(members), seed) for name, members in self._members.items()}
        self.values = dict.fromkeys(self._members, 0.0)
        self._rate, self._temperature = rate, temperature
        self._rng = random.Random(seed)

    def draw(self, wanted: int) -> list[int]:
        names = list(self.values)
        highest = max(self.values.values())
        weights = [math.exp((self.values[name] - highest) / self._temperature) for name in names]
        drawn = self._rng.choices(names, weights, k=wanted)
        return [self._members[name][self._within[name].draw(1)[0]] for name in drawn]

    def update(self, rewards: Mapping[int, Sequence[float]]) -> None:
        seen: dict[str, list[float]] = {}
        for task, each in rewards.items():
            mean = sum(each) / len(each) if each else 0.0
            seen.setdefault(self._categories[task], []).extend(abs(reward - mean) for reward in each)
        for name, gaps in seen.items():
            if gaps:
                self.values[name] += self._rate * (sum(gaps) / len(gaps) - self.values[name])

    @property
    def state(self) -> State:
        within = {name: sampler.state for name, sampler in self._within.items()}
        return {"values": dict(self.values), "within": within, "random": _told(self._rng)}

    def restore(self, state: State) -> None:
        self.values = dict(state["values"])
        for name, sampler in self._within.items():
            sampler.restore(state["within"][name])
        self._rng.setstate(_heard(state["random"]))


def _some(count: int) -> int:
    if count < 1:
        raise ValueError("there are no tasks to draw from")
    return count


def _choice(rng: random.Random, among: int | Sequence[int], wanted: int) -> list[int]:
    """At most `wanted` of them, none twice."""
    pool = range(among) if isinstance(among, int) else among
    return rng.sample(pool, min(wanted, len(pool)))


def _filled(tasks: Sequence[int], wanted: int) -> list[int]:
    """The first `wanted`, over again where there are too few."""
    return [tasks[place % len(tasks)] for place in range(wanted)]


def _told(rng: random.Random) -> list[Any]:
    version, numbers, gauss = rng.getstate()
    return [version, list(numbers), gauss]


def _heard(state: Sequence[Any]) -> tuple[Any, ...]:
    version, numbers, gauss = state
    return version, tuple(numbers), gauss
