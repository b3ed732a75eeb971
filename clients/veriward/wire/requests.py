"""What a client may send. Unknown fields are refused by name; numbers must be finite."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

MAX_RESPONSES = 10_000  # per request, over all items
MAX_ID_CHARS = 512
MAX_GROUP_SHAPING = 4
MAX_DIVERSE = 64  # each is compared with each
MAX_RUNS = 1_000
MAX_TASKS = 10_000
MAX_SAMPLE = 1_000

Priority = Literal["low", "normal", "high"]


class _Envelope(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class Message(BaseModel):
    """A chat message as trainers hold it; fields beyond role and content are kept and ignored."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    role: str
    content: str | list[dict[str, Any]] | None = None


Response = str | list[Message]


class GroupShaping(_Envelope):
    """A reward that needs the whole group. `weight`: the kind's own by default; `majority` has none."""

    kind: Literal["relative_length", "majority", "diversity"]
    weight: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _weight_where_there_is_one(self) -> Self:
        if self.kind == "majority" and self.weight is not None:
            raise ValueError("'majority' has no weight: it replaces the reward")
        return self


class GradeItem(_Envelope):
    """One task and the responses to judge by it.

    `task` is `{"verifier": name, …fields}`, `{"recipe": name, …fields}` or `{"ref": "sha256:…"}`. What is wrong
    inside a task makes that item `invalid_task`; it does not refuse the request. `source` labels metrics and nothing
    else. `group_shaping` is applied in its order once all results of the item are there; those that are not graded stay
    so, and do not count.
    """

    id: str = Field(default="", max_length=MAX_ID_CHARS)
    task: dict[str, Any]
    responses: Annotated[list[Response], Field(min_length=1)]
    source: str = Field(default="", max_length=MAX_ID_CHARS)
    group_shaping: Annotated[tuple[GroupShaping, ...], Field(max_length=MAX_GROUP_SHAPING)] = ()

    @field_validator("group_shaping")
    @classmethod
    def _few_enough_to_compare(cls, terms: tuple[GroupShaping, ...], known: ValidationInfo) -> tuple[GroupShaping, ...]:
        if len(known.data.get("responses", ())) > MAX_DIVERSE and any(term.kind == "diversity" for term in terms):
            raise ValueError(f"'diversity' compares at most {MAX_DIVERSE} responses of an item")
        return terms


class GradeRequest(_Envelope):
    """`POST /v1/grade`. `deadline_seconds` bounds the whole request, queue and grading together."""

    items: Annotated[list[GradeItem], Field(min_length=1)]
    deadline_seconds: float = Field(default=30.0, gt=0, le=3600)
    priority: Priority = "normal"


class RunLimits(_Envelope):
    """Limits of one program; what is left out takes the server's default, and none may pass its maximum."""

    wall_seconds: float | None = Field(default=None, gt=0)
    cpu_seconds: float | None = Field(default=None, gt=0)
    memory_bytes: int | None = Field(default=None, gt=0)
    output_bytes: int | None = Field(default=None, gt=0)
    processes: int | None = Field(default=None, gt=0)


class RunRequest(_Envelope):
    """One program for `POST /v1/execute`. `files` maps relative names to text."""

    language: str = "python"
    code: str
    stdin: str = ""
    files: dict[str, str] = {}
    limits: RunLimits = RunLimits()
    profile: str = "std"


class ExecuteRequest(_Envelope):
    runs: Annotated[list[RunRequest], Field(min_length=1, max_length=MAX_RUNS)]
    deadline_seconds: float = Field(default=60.0, gt=0, le=3600)
    priority: Priority = "normal"


class PutTasksRequest(_Envelope):
    tasks: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_TASKS)]


class SampleRequest(_Envelope):
    """`POST /v1/generators/{name}:sample`: `count` tasks of `seed`, from number `start` on.

    `difficulty` turns every parameter that has a dial; `parameters` are the generator's own, and replace what it says.
    With `hide_answers` the tasks are stored, and told by their refs alone.
    """

    seed: int = Field(default=0, ge=0, lt=2**63)
    start: int = Field(default=0, ge=0, lt=2**31)
    count: int = Field(default=1, ge=1, le=MAX_SAMPLE)
    difficulty: float = Field(default=0.5, ge=0, le=1)
    parameters: dict[str, Any] = Field(default={}, max_length=100)
    hide_answers: bool = False
    deadline_seconds: float = Field(default=60.0, gt=0, le=3600)
