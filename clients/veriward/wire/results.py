"""What the server answers: results of grading, of programs, of stored tasks."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from veriward.wire.outcomes import Outcome, RunStatus, Status

Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Answer(BaseModel):
    """Fields are only ever added within v1, so an older client ignores what it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Seconds(_Answer):
    """Where a rollout's time went, in seconds."""

    queued: Finite = 0.0
    graded: Finite = 0.0


class Isolation(_Answer):
    """How strongly the model's program was confined (`level` L0 … L4) and by which layers."""

    level: str
    layers: tuple[str, ...] = ()
    backend: str = "embedded"


class Result(_Answer):
    """The verdict on one rollout, or an honest "not graded".

    `reward` is a number exactly when `status` is `graded`; `parts` are the named components that make it;
    `metrics` are figures that do not. `integrity` is `weak` where the judged code could have reached the judge.
    """

    status: Status
    reward: Finite | None = None
    outcome: Outcome | None = None
    parts: dict[str, Finite] = {}
    extracted: str | None = None
    reason: str = ""
    verifier: str = ""
    version: int = 0
    cached: bool = False
    metrics: dict[str, Finite] = {}
    seconds: Seconds = Seconds()
    isolation: Isolation | None = None
    integrity: Literal["strong", "weak"] = "strong"

    @model_validator(mode="after")
    def _a_reward_is_never_invented(self) -> Self:
        graded = self.status is Status.GRADED
        if graded != (self.reward is not None) or graded != (self.outcome is not None):
            raise ValueError("reward and outcome are given exactly when status is 'graded'")
        return self


class ItemResults(_Answer):
    """The results of one item, in the order of its responses and of the same count."""

    id: str
    results: list[Result]


class GradeResponse(_Answer):
    request_id: str
    items: list[ItemResults]


class StreamLine(_Answer):
    """One line of an NDJSON stream: the result of response `response` of item `item` (both from 0)."""

    item: int
    response: int
    result: Result


class StreamEnd(_Answer):
    """The last line of an NDJSON stream; a stream without it broke."""

    done: Literal[True] = True
    request_id: str
    results: int


class RunUsage(_Answer):
    """Measured from outside the program: seconds and bytes."""

    wall_seconds: Finite = 0.0
    cpu_seconds: Finite = 0.0
    memory_bytes: int = 0


class RunResult(_Answer):
    """How one program ended. `stdout` and `stderr` hold bytes that are not UTF-8 as U+FFFD."""

    status: RunStatus
    stdout: str = ""
    stderr: str = ""
    exit_code: int | None = None
    signal: str | None = None
    reason: str = ""
    usage: RunUsage = RunUsage()
    limits: dict[str, Finite] = {}
    isolation: Isolation | None = None


class ExecuteResponse(_Answer):
    request_id: str
    runs: list[RunResult]


class PutTasksResponse(_Answer):
    """`refs[i]` is the content address (`sha256:…`) of the i-th task sent."""

    refs: list[str]


class StoredTask(_Answer):
    """A stored task read back; `task` is given only with the scope `tasks:read`, for it holds the answer."""

    ref: str
    verifier: str
    size_bytes: int
    expires_seconds: Finite
    task: dict[str, Any] | None = None


class VerifierInfo(_Answer):
    """One verifier: its wire name, version, one-line summary and, when asked for by name, schema and full text."""

    name: str
    version: int
    summary: str
    description: str | None = None
    task_schema: dict[str, Any] | None = None
    example: dict[str, Any] | None = None


class VerifierList(_Answer):
    verifiers: list[VerifierInfo]


class SampledTask(_Answer):
    """One task that was made: what to ask a model, and `task` for `POST /v1/grade`.

    `reference` is a right response, where the generator knows one. Where answers are hidden there is none, and `task`
    is `{"ref": …}`.
    """

    id: str
    prompt: str
    task: dict[str, Any]
    reference: str | None = None


class SampleResponse(_Answer):
    """The tasks in their order. Equal requests give equal tasks while `version` stays the same."""

    generator: str
    version: int
    tasks: list[SampledTask]


class GeneratorInfo(_Answer):
    """One generator: `verifier` judges its tasks; `unique` where each has one solution.

    By name, with the JSON Schema of its parameters and its text.
    """

    name: str
    version: int
    summary: str
    verifier: str
    unique: bool = False
    description: str | None = None
    parameters_schema: dict[str, Any] | None = None


class GeneratorList(_Answer):
    generators: list[GeneratorInfo]
