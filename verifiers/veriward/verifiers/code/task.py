"""The task of `code`: one model per kind of test, told apart by `kind`.

What a published row may leave odd (a wrong count, a line that is not JSON, NaN) is found here, once per task and before
any program runs, and named by its field.
"""

import json
from functools import cached_property
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from veriward.sandbox.execution import (
    MAX_CODE_BYTES,
    MAX_FILES,
    MAX_INPUT_BYTES,
    MAX_INPUTS,
    MAX_LIMITS,
    MAX_TOTAL_CPU_SECONDS,
    Limits,
)
from veriward.sandbox.languages import PYTHON, known
from veriward.sandbox.profiles import STD
from veriward.sandbox.profiles import known as known_profiles
from veriward.verifiers.kinds import TaskOfKinds
from veriward.verifiers.registry import Task

Text = Annotated[str, Field(max_length=MAX_INPUT_BYTES)]
Source = Annotated[str, Field(max_length=MAX_CODE_BYTES)]
_NAME = r"[^\W\d]\w*"
_MAX_NAME_CHARS = 200


class CodeLimits(Task):
    """Bounds of each test; what is left out takes the sandbox's default, and none may pass its maximum."""

    wall_seconds: float | None = Field(default=None, gt=0, le=MAX_LIMITS.wall_seconds)
    cpu_seconds: float | None = Field(default=None, gt=0, le=MAX_LIMITS.cpu_seconds)
    memory_bytes: int | None = Field(default=None, gt=0, le=MAX_LIMITS.memory_bytes)
    output_bytes: int | None = Field(default=None, gt=0, le=MAX_LIMITS.output_bytes)
    processes: int | None = Field(default=None, gt=0, le=MAX_LIMITS.processes)
    total_cpu_seconds: float | None = Field(default=None, gt=0, le=MAX_TOTAL_CPU_SECONDS)
    """Of all tests together; the sandbox's default is 60 times `cpu_seconds`."""

    def for_sandbox(self) -> Limits:
        return Limits(**self.model_dump(exclude_none=True, exclude={"total_cpu_seconds"}))


class Checker(Task):
    """How output is compared (`checkers.py`); `abs` and `rel` are the tolerances of `float`."""

    kind: Literal["lines", "exact", "tokens", "float", "unordered_lines"] = "lines"
    abs: float = Field(default=1e-6, ge=0)
    rel: float = Field(default=1e-6, ge=0)


def _by_name(checker: object) -> object:
    return {"kind": checker} if isinstance(checker, str) else checker


class _CodeTask(Task):
    limits: CodeLimits = CodeLimits()
    score: Literal["all", "fraction"] = "all"
    early_stop: bool | None = None
    profile: str = STD
    """Which modules the program can import."""

    @field_validator("profile")
    @classmethod
    def _profile_is_known(cls, name: str) -> str:
        if name not in known_profiles():
            raise ValueError(f"is not one of {', '.join(known_profiles())}")
        return name

    @property
    def stops_early(self) -> bool:
        return self.score == "all" if self.early_stop is None else self.early_stop


class _PythonTask(_CodeTask):
    language: Literal["python"] = "python"


class StdinTest(Task):
    input: Text
    output: Text


class StdinTask(_CodeTask):
    """The program, in any language that the sandbox knows, reads `input` from stdin and writes `output` to stdout."""

    kind: Literal["stdin"]
    tests: Annotated[list[StdinTest], Field(min_length=1, max_length=MAX_INPUTS)]
    checker: Annotated[Checker, BeforeValidator(_by_name)] = Checker()
    language: str = PYTHON

    @field_validator("language")
    @classmethod
    def _language_is_known(cls, name: str) -> str:
        if name != PYTHON and name not in known():
            raise ValueError(f"is not one of {', '.join((PYTHON, *known()))}")
        return name

    @model_validator(mode="after")
    def _profile_is_for_python(self) -> "StdinTask":
        if self.profile != STD and self.language != PYTHON:
            raise ValueError(f"profile {self.profile!r} is for {PYTHON}, not for {self.language}")
        return self


class CallTask(_PythonTask):
    """The function `fn_name` (or that method of `class Solution`) maps arguments to a value.

    An element of `inputs` is the list of arguments, or, as published, a string with one JSON value per line; in that
    case the element of `outputs` is JSON in a string, too.
    """

    kind: Literal["call"]
    fn_name: Annotated[str, Field(max_length=_MAX_NAME_CHARS, pattern=rf"^{_NAME}(\.{_NAME})?$")]
    inputs: Annotated[list[list[Any] | Text], Field(min_length=1, max_length=MAX_INPUTS)]
    outputs: list[Any]

    @field_validator("inputs", mode="before")
    @classmethod
    def _inputs_are_arguments(cls, inputs: object) -> object:
        if not isinstance(inputs, list):
            return inputs
        for index, arguments in enumerate(inputs):
            if not isinstance(arguments, list | str):
                raise ValueError(f"element {index} is neither a list of arguments nor lines of JSON")
            _arguments(arguments, f"element {index}")
        return inputs

    @field_validator("outputs")
    @classmethod
    def _outputs_match(cls, outputs: list[Any], known: ValidationInfo) -> list[Any]:
        inputs = known.data.get("inputs")
        if inputs is not None and len(outputs) != len(inputs):
            raise ValueError(f"{len(outputs)} outputs for {len(inputs)} inputs")
        for index, (given, output) in enumerate(zip(inputs or (), outputs, strict=False)):
            _value(given, output, f"element {index}")
        return outputs

    @cached_property
    def calls(self) -> list[tuple[list[Any], Any]]:
        """The arguments and the expected value of each test."""
        pairs = zip(self.inputs, self.outputs, strict=True)
        return [(_arguments(given, ""), _value(given, output, "")) for given, output in pairs]


class AssertTask(_PythonTask):
    """Each of `tests` is Python that fails by an exception, an `assert` as a rule; `setup` runs before each."""

    kind: Literal["assert"]
    tests: Annotated[list[Source], Field(min_length=1, max_length=MAX_INPUTS)]
    setup: Source = ""


class CheckTask(_PythonTask):
    """`test_code` defines `check(candidate)`; the program continues `prefix` and defines `entry_point`.

    `entry_point` is a name, or `Solution().method`.
    """

    kind: Literal["check"]
    entry_point: Annotated[str, Field(max_length=_MAX_NAME_CHARS, pattern=rf"^{_NAME}((\(\))?\.{_NAME})?$")]
    test_code: Source
    prefix: Source = ""


class PytestTask(_PythonTask):
    """Test files by their path, each importing what it tests by name: `from solution import add`.

    `pytest.raises`, `pytest.approx` and `pytest.mark.parametrize` are there; fixtures are not.
    """

    kind: Literal["pytest"]
    files: Annotated[dict[str, Source], Field(min_length=1, max_length=MAX_FILES)]


class CodeTask(
    TaskOfKinds[Annotated[StdinTask | CallTask | AssertTask | CheckTask | PytestTask, Field(discriminator="kind")]]
):
    """Tests of one of the kinds `stdin`, `call`, `assert`, `check`, `pytest`."""


def _arguments(given: list[Any] | str, where: str) -> list[Any]:
    if isinstance(given, str):
        return [_json(line, where) for line in given.splitlines() if line.strip()]
    return _finite(given, where)  # type: ignore[no-any-return]


def _value(given: list[Any] | str, output: Any, where: str) -> Any:
    if isinstance(given, str) and isinstance(output, str):
        return _json(output, where)
    return _finite(output, where)


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is not JSON: {error}") from None


def _finite(value: Any, where: str) -> Any:
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is not JSON: {error}") from None
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")
