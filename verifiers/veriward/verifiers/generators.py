"""Makes tasks: finds generators as verifiers are found, and draws from them the same tasks for the same seed.

A generator is a function of a random source and of parameters, declared beside the verifier that judges its tasks:

    class SudokuParameters(Parameters):
        blanks: int = dial(20, 55)                      # at difficulty 0, at difficulty 1

    @generator("logic.sudoku", version=1, parameters=SudokuParameters, unique=True)
    def generate(rng: Random, parameters: SudokuParameters, /) -> Generated: ...

The task at (seed, index) depends on nothing else than the generator's name and version, the difficulty and the
parameters: not on the process, its hash seed, or how many tasks were asked for.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import getdoc
from random import Random
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from veriward.verifiers import registry
from veriward.verifiers.validation import validated
from veriward.verifiers.verdict import InvalidTask

MAX_SEED = 2**63 - 1
MAX_INDEX = 2**31 - 1
MIDDLE = 0.5  # the difficulty where none is asked for

_AT_EASY, _AT_HARD, _LEVELS = "at_difficulty_0", "at_difficulty_1", "by_difficulty"


class Parameters(BaseModel):
    """Base of every generator's parameters: unknown ones are refused by name, numbers are finite, none is coerced."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Generated(BaseModel):
    """What a generator makes: `task` is of its verifier, and `reference` a response to it that earns full reward."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    prompt: str
    task: Any
    reference: str


class NoTask(Exception):
    """A generator found no task within its own tries: a fault of ours, told with the seed."""


@dataclass(frozen=True, slots=True)
class Generator:
    """A declared generator. `unique`: its tasks promise exactly one solution. `wall_seconds`: our limit per task.

    `verifier` judges its tasks; `preload` are modules that its warm parent imports. `proof(task, response)` says by
    other means than the verifier's whether a response is right, where changing a right one may leave it right.
    """

    name: str
    version: int
    verifier: str
    parameters: type[Parameters]
    function: Callable[[Random, Any], Generated]
    unique: bool = False
    preload: tuple[str, ...] = ()
    wall_seconds: float = 30.0
    proof: Callable[[Any, str], bool] | None = None
    about: str = ""

    @property
    def summary(self) -> str:
        return self.description.partition("\n")[0]

    @property
    def description(self) -> str:
        return self.about or getdoc(self.function) or ""

    @property
    def module(self) -> str:
        return self.function.__module__


class DuplicateGenerator(Exception):
    """Two modules declare one name."""


Make = TypeVar("Make", bound=Callable[[Random, Any], Generated])
_declared: dict[str, Generator] = {}


def generator(
    name: str,
    *,
    version: int,
    parameters: type[Parameters],
    verifier: str = "",
    unique: bool = False,
    preload: tuple[str, ...] = (),
    wall_seconds: float = 30.0,
    proof: Callable[[Any, str], bool] | None = None,
    about: str = "",
) -> Callable[[Make], Make]:
    """Declare a function as the generator `name`, of tasks for the verifier of that name unless another is given.

    Raises `DuplicateGenerator`.
    """

    def declare(function: Make) -> Make:
        known = _declared.get(name)
        if known is not None and known.module != function.__module__:
            raise DuplicateGenerator(f"{name!r} is declared by {known.module} and by {function.__module__}")
        _declared[name] = Generator(
            name,
            version,
            verifier or name,
            parameters,
            function,
            unique,
            tuple(sorted(preload)),
            wall_seconds,
            proof,
            about,
        )
        return function

    return declare


@cache
def generators() -> dict[str, Generator]:
    """All generators by name: they are declared where verifiers are, so one scan finds both."""
    registry.verifiers()
    return dict(sorted(_declared.items()))


def dial(easy: float, hard: float, *, ge: float | None = None, le: float | None = None, about: str = "") -> Any:
    """A numeric parameter that goes from `easy` at difficulty 0 to `hard` at 1; within these bounds unless wider are
    given. For an `int` field give ints."""
    return Field(
        default=_between(easy, hard, MIDDLE),
        ge=min(easy, hard) if ge is None else ge,
        le=max(easy, hard) if le is None else le,
        description=about or None,
        json_schema_extra={_AT_EASY: easy, _AT_HARD: hard},
    )


def levels(*values: Any, about: str = "") -> Any:
    """A parameter that takes these values one after the other as the difficulty rises."""
    return Field(default=_level(values, MIDDLE), description=about or None, json_schema_extra={_LEVELS: list(values)})


def parameters_at(known: Generator, difficulty: float, given: Mapping[str, Any]) -> Parameters:
    """The generator's parameters at a difficulty in [0, 1]; what is `given` replaces what the dial says.

    Raises `InvalidTask` naming the parameter.
    """
    if not 0 <= difficulty <= 1:  # NaN too
        raise InvalidTask("difficulty", "must be between 0 and 1")
    told: dict[str, Any] = {}
    for name, one in known.parameters.model_fields.items():
        by = one.json_schema_extra
        if isinstance(by, dict) and _AT_EASY in by:
            told[name] = _between(by[_AT_EASY], by[_AT_HARD], difficulty)
        elif isinstance(by, dict) and _LEVELS in by:
            told[name] = _level(by[_LEVELS], difficulty)
    return validated(known.parameters, {**told, **given})


def sample(
    known: Generator, seed: int, index: int = 0, difficulty: float = MIDDLE, parameters: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Task `index` of `seed`: `{"id", "prompt", "task", "reference"}`, all of it JSON.

    Raises `InvalidTask` naming the parameter at fault, and `NoTask`.
    """
    if not 0 <= seed <= MAX_SEED:
        raise InvalidTask("seed", f"must be between 0 and {MAX_SEED}")
    if not 0 <= index <= MAX_INDEX:
        raise InvalidTask("start", f"must be between 0 and {MAX_INDEX}")
    chosen = parameters_at(known, difficulty, parameters or {})
    # A text seeds through SHA-512 of its bytes, the same everywhere.
    written = json.dumps(chosen.model_dump(mode="json"), sort_keys=True)
    rng = Random(f"{known.name}\0{known.version}\0{seed}\0{index}\0{written}")
    made = known.function(rng, chosen)
    fields = made.task.model_dump(mode="json", exclude_defaults=True) if isinstance(made.task, BaseModel) else made.task
    return {
        "id": f"{known.name}/{seed}/{index}",
        "prompt": made.prompt,
        "task": {"verifier": known.verifier, **fields},
        "reference": made.reference,
    }


def _between(easy: Any, hard: Any, difficulty: float) -> Any:
    value = easy + (hard - easy) * difficulty
    return round(value) if isinstance(easy, int) and isinstance(hard, int) else value


def _level(values: Any, difficulty: float) -> Any:
    return values[min(int(difficulty * len(values)), len(values) - 1)]
