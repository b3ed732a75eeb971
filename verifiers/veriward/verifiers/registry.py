"""Finds verifiers: by scanning this package, and through the entry-point group `veriward.verifiers`.

A verifier is a pure, blocking function, declared in a module of its own:

    @verifier("final_number", version=1, task=FinalNumberTask)
    def final_number(response: str, task: FinalNumberTask, sandbox: Sandbox, /) -> Verdict: ...

Modules import heavy libraries inside functions and name them in `preload`, so that scanning is cheap and the grader's
warm parent has them imported before it forks.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from inspect import getdoc
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from veriward.verifiers.asking import Ask
from veriward.verifiers.verdict import Verdict

GROUP = "veriward.verifiers"
Function = TypeVar("Function", bound=Callable[..., Verdict | Ask])
Golds = Callable[[Mapping[str, Any]], Iterable[str]]


class Task(BaseModel):
    """Base of every task model: unknown fields are refused by name, numbers are finite, nothing is coerced."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True, defer_build=True)


@dataclass(frozen=True, slots=True)
class Verifier:
    """A declared verifier.

    `preload`: modules that its warm parent imports; verifiers of one set share graders. `cpu_seconds`, `wall_seconds`:
    our own limit per response, time in the sandbox apart. `batch`: how many responses may share one round trip to a
    grader (1 for dear ones). `messages`: it gets the chat messages, not the text of the last assistant message.
    `warm_up`: called once in the warm parent, to fill caches that every grader then inherits.
    `runs_programs`: it asks the sandbox to run some; without it, it is never given a real one when its cases are run.
    `asks`: it is given the replies of models as a fourth argument, and may return an `Ask` (`asking.py`).
    `golds`: right responses made of a task's fields, for `veriward check --tasks`, where the usual forms of an answer
    are none here; an empty list says that the task holds no answer.
    """

    name: str
    version: int
    task: type[BaseModel]
    function: Callable[..., Verdict | Ask]
    messages: bool = False
    preload: tuple[str, ...] = ()
    cpu_seconds: float = 2.0
    wall_seconds: float = 10.0
    batch: int = 64
    runs_programs: bool = False
    warm_up: Callable[[], object] | None = None
    golds: Golds | None = None
    asks: bool = False

    @property
    def summary(self) -> str:
        return self.description.partition("\n")[0]

    @property
    def description(self) -> str:
        return getdoc(self.function) or ""

    @property
    def module(self) -> str:
        return self.function.__module__


class DuplicateVerifier(Exception):
    """Two modules declare one name."""


_declared: dict[str, Verifier] = {}


def verifier(
    name: str,
    *,
    version: int,
    task: type[BaseModel],
    messages: bool = False,
    preload: tuple[str, ...] = (),
    cpu_seconds: float = 2.0,
    wall_seconds: float = 10.0,
    batch: int = 64,
    runs_programs: bool = False,
    warm_up: Callable[[], object] | None = None,
    golds: Golds | None = None,
    asks: bool = False,
) -> Callable[[Function], Function]:
    """Declare a function as the verifier `name` (its wire name). Raises `DuplicateVerifier`."""

    def declare(function: Function) -> Function:
        known = _declared.get(name)
        if known is not None and known.module != function.__module__:
            raise DuplicateVerifier(f"{name!r} is declared by {known.module} and by {function.__module__}")
        _declared[name] = Verifier(
            name,
            version,
            task,
            function,
            messages,
            tuple(sorted(preload)),
            cpu_seconds,
            wall_seconds,
            batch,
            runs_programs,
            warm_up,
            golds,
            asks,
        )
        return function

    return declare


@cache
def verifiers() -> dict[str, Verifier]:
    """All verifiers by name. Imports every module of this package and every entry point, once."""
    for module in _modules():
        importlib.import_module(module)
    for entry in entry_points(group=GROUP):
        entry.load()
    return dict(sorted(_declared.items()))


def _modules() -> Iterator[str]:
    package = importlib.import_module("veriward.verifiers")
    for found in pkgutil.walk_packages(package.__path__, "veriward.verifiers."):
        yield found.name
