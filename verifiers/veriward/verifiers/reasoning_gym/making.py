"""Generators `reasoning_gym.<name>`: the library's data sets behind the same door as our own games."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from pydantic import Field

from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.reasoning_gym.datasets import NAMES
from veriward.verifiers.reasoning_gym.grading import ReasoningGymTask, available
from veriward.verifiers.verdict import InvalidTask, Unavailable

MAX_CONFIG_FIELDS = 50


class ReasoningGymParameters(Parameters):
    """`level`: of the data set's curriculum, 0 its first level in every attribute and 1 its last; `config`: fields of
    its configuration, which replace what the level says."""

    level: float = dial(0.0, 1.0)
    config: dict[str, Any] = Field(default_factory=dict, max_length=MAX_CONFIG_FIELDS)


def _maker(name: str) -> Callable[[Random, ReasoningGymParameters], Generated]:
    def generate(rng: Random, parameters: ReasoningGymParameters, /) -> Generated:
        entry = _entry(name, rng.getrandbits(31), parameters)
        answer = entry["answer"]
        task = ReasoningGymTask(task=name, answer=answer, metadata=entry["metadata"])
        question = f"{entry['question']}\n\nGive the answer alone at the end, between <answer> and </answer>."
        return Generated(prompt=question, task=task, reference="" if answer is None else f"<answer>{answer}</answer>")

    return generate


def _entry(name: str, seed: int, parameters: ReasoningGymParameters) -> dict[str, Any]:
    """Raises `InvalidTask` where the library does not take the configuration."""
    if not available():
        raise Unavailable("reasoning-gym is not installed: pip install 'veriward[reasoning_gym]'")
    import reasoning_gym
    from reasoning_gym.factory import CURRICULA

    # The library refuses some levels of its own curricula: then the nearest lower one that it takes, or its defaults.
    levels = [parameters.level * part / 4 for part in (4, 3, 2, 1, 0)] if name in CURRICULA else []
    for level in [*levels, None]:
        config = {} if level is None else _at_level(CURRICULA[name](), level)
        try:
            entry = reasoning_gym.create_dataset(name, **config | parameters.config | {"seed": seed, "size": 1})[0]
            break
        except (AssertionError, TypeError, ValueError) as error:
            refused = str(error)
    else:
        if parameters.config:
            raise InvalidTask("config", f"the library refuses it: {refused[:300]}")
        raise NoTask(f"{name}: {refused[:300]}")
    # What the library holds beside JSON (tuples, numpy's numbers) is told as JSON says it.
    told: dict[str, Any] = json.loads(json.dumps(entry, default=_plain))
    return told


def _at_level(curriculum: Any, level: float) -> dict[str, Any]:
    for name, attribute in curriculum.attributes.items():
        curriculum.set_attr_level(name, round(level * (len(attribute.levels) - 1)))
    made = curriculum.generate_configuration({})
    return {field: getattr(made, field) for field in made.__dataclass_fields__}


def _plain(value: Any) -> Any:
    for way in ("tolist", "isoformat"):
        if hasattr(value, way):
            return getattr(value, way)()
    return sorted(value) if isinstance(value, set | frozenset) else str(value)


for _name in NAMES:
    generator(
        f"reasoning_gym.{_name}",
        version=1,
        parameters=ReasoningGymParameters,
        verifier="reasoning_gym",
        preload=("reasoning_gym",) if available() else (),
        wall_seconds=60.0,
        about=f"Entries of reasoning-gym's data set {_name}, made by that library.",
    )(_maker(_name))
