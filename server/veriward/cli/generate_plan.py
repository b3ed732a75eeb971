"""Which task comes where in a generated file: a function of the seed alone, so that the same command makes the same
file, whoever makes the tasks."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from random import Random
from typing import Any

from veriward.cli.exits import Exit, Stop
from veriward.verifiers import InvalidTask
from veriward.verifiers.generators import generators, parameters_at

MAX_NAMES = 200


@dataclass(frozen=True, slots=True)
class Planned:
    """Task `index` of a generator, at a difficulty."""

    name: str
    index: int
    difficulty: float


@dataclass(frozen=True, slots=True)
class Plan:
    weights: Mapping[str, float]
    count: int
    seed: int
    low: float
    high: float
    parameters: Mapping[str, Any]

    def __iter__(self) -> Iterator[Planned]:
        rng = Random(f"mix\0{self.seed}")
        taken: Counter[str] = Counter()
        names, weights = list(self.weights), list(self.weights.values())
        for _ in range(self.count):
            (name,) = rng.choices(names, weights)
            # As many decimals as are written to the file.
            difficulty = round(self.low + (self.high - self.low) * rng.random(), 4)
            yield Planned(name, taken[name], difficulty)
            taken[name] += 1


def plan_of(names: Sequence[str], count: int, seed: int, difficulty: str, parameters: str, *, check: bool) -> Plan:
    """Raises `Stop` for what no file can be made of. With `check`, the generators are those of this installation."""
    if len(names) > MAX_NAMES:
        raise Stop(f"{len(names)} generators are more than {MAX_NAMES}", Exit.USAGE)
    weights = dict(map(_weighted, names))
    if len(weights) < len(names):
        raise Stop("a generator is named twice; give it a weight instead: NAME=2", Exit.USAGE)
    low, high = _range(difficulty)
    plan = Plan(weights, count, seed, low, high, _parameters(parameters))
    if check:
        for name in weights:
            _check(name, plan)
    return plan


def _weighted(text: str) -> tuple[str, float]:
    name, equals, weight = text.partition("=")
    try:
        value = float(weight) if equals else 1.0
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise Stop(f"{text!r}: a weight is a number above 0, as in {name}=2", Exit.USAGE)
    return name, value


def _range(text: str) -> tuple[float, float]:
    low, dash, high = text.partition("-")
    try:
        told = float(low), float(high if dash else low)
    except ValueError:
        told = (math.nan, math.nan)
    if not 0 <= told[0] <= told[1] <= 1:
        raise Stop(f"--difficulty {text}: give a number from 0 to 1, or a range such as 0.2-0.8", Exit.USAGE)
    return told


def _parameters(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Stop(f"--parameters is not JSON: {str(error)[:100]}", Exit.USAGE) from None
    if not isinstance(told, dict):
        raise Stop("--parameters must be a JSON object", Exit.USAGE)
    return told


def _check(name: str, plan: Plan) -> None:
    known = generators().get(name)
    if known is None:
        close = get_close_matches(name, generators(), n=1)
        hint = f"; did you mean {close[0]}?" if close else "; `veriward generate` lists them"
        raise Stop(f"no generator is called {name!r}{hint}", Exit.USAGE)
    try:
        parameters_at(known, plan.low, plan.parameters)
    except InvalidTask as invalid:
        raise Stop(f"{name}: {invalid}", Exit.USAGE) from None
