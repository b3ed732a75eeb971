"""RFC 9457 problem details, with a stable `code` that programs may branch on."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class ErrorCode(StrEnum):
    """Stable within v1: a code is never renamed or given another meaning."""

    MALFORMED_JSON = "malformed_json"  # 400
    UNAUTHORIZED = "unauthorized"  # 401
    FORBIDDEN = "forbidden"  # 403
    NOT_FOUND = "not_found"  # 404
    SESSION_UNKNOWN = "session_unknown"  # 404
    EPISODE_UNKNOWN = "episode_unknown"  # 404
    JOB_UNKNOWN = "job_unknown"  # 404: never there, another key's, or forgotten
    METHOD_NOT_ALLOWED = "method_not_allowed"  # 405
    SESSION_BUSY = "session_busy"  # 409: it is at work, and does one thing at a time
    FORK_REFUSED = "fork_refused"  # 409: it cannot be forked as it is now
    SESSION_LOST = "session_lost"  # 410, with the reason
    WRONG_STEP = "wrong_step"  # 409: another step is next
    EPISODE_BUSY = "episode_busy"  # 409: another step is being played
    EPISODE_ENDED = "episode_ended"  # 409: it is over
    EPISODE_LOST = "episode_lost"  # 410, with the reason
    TOO_LARGE = "too_large"  # 413
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"  # 415
    INVALID_REQUEST = "invalid_request"  # 422: the envelope or its counts
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"  # 422: the key was used with another body
    OVERLOADED = "overloaded"  # 429, with Retry-After
    INTERNAL = "internal"  # 500
    DRAINING = "draining"  # 503, with Retry-After
    ISOLATION_UNAVAILABLE = "isolation_unavailable"  # 503
    NOT_GRADED = "not_graded"  # 503, with Retry-After; of routes whose format has no word for it
    NOT_READY = "not_ready"  # 503


class FieldError(BaseModel):
    """Which field, as a path (`items[3].task.answer`), and what is wrong with it."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    field: str
    message: str


class Problem(BaseModel):
    """The body of every error answer (`application/problem+json`)."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    type: str = "about:blank"
    title: str
    status: int
    code: ErrorCode
    detail: str = ""
    request_id: str = ""
    errors: tuple[FieldError, ...] = ()
    reason: str = ""
    """Of a lost session why: `closed`, `idle`, `time_limit`, `memory_limit`, `ended`, `processes`; or, by our fault,
    `sandbox`, `worker`."""
