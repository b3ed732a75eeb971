"""What every environment promises, tried on its examples: its expert earns 1, who knows nothing does not.

Three policies play: the expert, one that calls tools by chance, and one that says nothing. Between turns the episode is
pickled, as in a server.
"""

import json
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from veriward.environments.actions import Call
from veriward.environments.environment import Environment
from veriward.environments.play import Play, Turn, begin
from veriward.environments.registry import Example, Known
from veriward.environments.world import World
from veriward.verifiers.validation import validated

SEEDS = (1, 2, 3)
CHANCE_SEEDS = (1, 2, 3, 4, 5, 6, 7, 8)
MAX_CHANCE = 0.7  # that chance may earn on average: a game of luck is still a game
MAX_TURNS = 1_000
Policy = Callable[[Environment[Any], int], Any]


class Episodes(Protocol):
    """Gives each episode a world of its own, and takes it back."""

    def fresh(self) -> "EpisodeWorld": ...


class EpisodeWorld(World, Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Scores:
    """What the three policies earned on average over an environment's examples and some seeds."""

    name: str
    expert: float
    chance: float
    nothing: float


def scores(known: Known, worlds: Episodes, seeds: tuple[int, ...] = SEEDS) -> Scores:
    expert = [_earned(known, one, seed, worlds, _expert(one)) for one in known.examples for seed in seeds]
    chance = [
        _earned(known, one, seed, worlds, _chance(seed))
        for one in known.examples
        for seed in CHANCE_SEEDS[: 2 * len(seeds)]
    ]
    nothing = [_earned(known, one, seeds[0], worlds, lambda *_: "") for one in known.examples]
    return Scores(known.name, _mean(expert), _mean(chance), _mean(nothing))


def shortcomings(known: Known, worlds: Episodes) -> Iterator[str]:
    """The promises that are broken; none where all are kept."""
    found = scores(known, worlds)
    if found.expert != 1:
        yield f"{known.name}: its expert earns {found.expert:g}"
    if found.chance > MAX_CHANCE:
        yield f"{known.name}: chance earns {found.chance:g}"
    if found.nothing > 0:
        yield f"{known.name}: doing nothing earns {found.nothing:g}"
    if not known.summary:
        yield f"{known.name}: it says nothing of itself"
    for tool in known.tools.values():
        if not tool.description:
            yield f"{known.name}: its tool {tool.name} says nothing of itself"
    for example in known.examples:
        yield from _unstable(known, example, worlds)


def run(known: Known, example: Example, seed: int, world: World, policy: Policy) -> tuple[Play, list[Turn]]:
    """An episode from its beginning to its end."""
    task = validated(known.task, json.loads(json.dumps(dict(example.task))))
    play, turn = begin(known, task, world, seed)
    turns = [turn]
    while not play.ended and len(turns) <= MAX_TURNS:
        action = policy(play.state, len(turns) - 1)
        turns.append(play.step(_message(action)))
        play = pickle.loads(pickle.dumps(play)).on(task, world)
    return play, turns


def _earned(known: Known, example: Example, seed: int, worlds: Episodes, policy: Policy) -> float:
    world = worlds.fresh()
    try:
        _, turns = run(known, example, seed, world, policy)
    finally:
        world.close()
    return sum(turn.reward for turn in turns)


def _unstable(known: Known, example: Example, worlds: Episodes) -> Iterator[str]:
    """The same seed and the same actions give the same episode."""
    told = []
    for _ in range(2):
        world = worlds.fresh()
        try:
            told.append([turn.observation for turn in run(known, example, SEEDS[0], world, _expert(example))[1]])
        finally:
            world.close()
    if told[0] != told[1]:
        yield f"{known.name}: the same actions gave another episode"


def _expert(example: Example) -> Policy:
    def act(state: Environment[Any], turn: int) -> Any:
        return example.expert[turn] if turn < len(example.expert) else state.expert()

    return act


def _chance(seed: int) -> Policy:
    rng = Random(f"chance {seed}")
    return lambda state, _: state.chance(rng)


def _message(action: Any) -> Any:
    if isinstance(action, Call):
        return {"tool_calls": [{"name": action.name, "arguments": dict(action.arguments)}]}
    return action


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
