"""Jobs: grading that nobody holds a connection for, and what is told of it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from veriward.wire.results import Finite, ItemResults

MAX_JOB_WAIT_SECONDS = 60


class JobState(BaseModel):
    """`POST /v1/jobs`, `GET` and `DELETE /v1/jobs/{id}`. Fields are only ever added within v1.

    `answered` of its `rollouts` have a result. Once that is all of them the job is `finished`, or `cancelled` if it
    was: then it is kept for `kept_seconds` more, and `GET` tells its `items`, in the order of the request.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    id: str
    request_id: str
    state: Literal["running", "finished", "cancelled"]
    rollouts: int
    answered: int
    submitted_at: Finite
    """Seconds since 1970."""
    kept_seconds: Finite | None = None
    items: list[ItemResults] | None = None
