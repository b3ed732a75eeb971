"""RFC 9457 problem details: every refusal of a request is a `Refusal`, and becomes an answer here alone."""

from collections.abc import Mapping, Sequence

from pydantic_core import to_json
from starlette.responses import Response

from veriward.wire import ErrorCode, FieldError, Problem

MEDIA_TYPE = "application/problem+json"
MAX_DETAIL_CHARS = 2_000
MAX_FIELD_ERRORS = 100

HTTP_STATUS: Mapping[ErrorCode, int] = {
    ErrorCode.MALFORMED_JSON: 400,
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.SESSION_UNKNOWN: 404,
    ErrorCode.EPISODE_UNKNOWN: 404,
    ErrorCode.JOB_UNKNOWN: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.SESSION_BUSY: 409,
    ErrorCode.FORK_REFUSED: 409,
    ErrorCode.WRONG_STEP: 409,
    ErrorCode.EPISODE_BUSY: 409,
    ErrorCode.EPISODE_ENDED: 409,
    ErrorCode.SESSION_LOST: 410,
    ErrorCode.EPISODE_LOST: 410,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.INVALID_REQUEST: 422,
    ErrorCode.IDEMPOTENCY_MISMATCH: 422,
    ErrorCode.OVERLOADED: 429,
    ErrorCode.INTERNAL: 500,
    ErrorCode.DRAINING: 503,
    ErrorCode.ISOLATION_UNAVAILABLE: 503,
    ErrorCode.NOT_GRADED: 503,
    ErrorCode.NOT_READY: 503,
}


class Refusal(Exception):
    """The request is not served: `code` is for programs, `detail` for people, `errors` name the fields at fault."""

    def __init__(
        self,
        code: ErrorCode,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers
        self.reason = reason

    @property
    def status(self) -> int:
        return HTTP_STATUS[self.code]


def retry_after(seconds: float) -> dict[str, str]:
    """The header in whole seconds, rounded up, at least 1."""
    return {"retry-after": str(max(1, -int(-seconds // 1)))}


def invalid_fields(errors: Sequence[FieldError]) -> Refusal:
    """422 for an envelope whose fields are at fault; the first `MAX_FIELD_ERRORS` are named."""
    detail = "; ".join(f"{error.field}: {error.message}" for error in errors[:3])
    if len(errors) > 3:
        detail += f"; and {len(errors) - 3} more"
    return Refusal(ErrorCode.INVALID_REQUEST, detail, errors=errors[:MAX_FIELD_ERRORS])


def problem_response(refusal: Refusal, request_id: str) -> Response:
    problem = Problem(
        title=refusal.code.replace("_", " ").capitalize(),
        status=refusal.status,
        code=refusal.code,
        detail=_printable(refusal.detail)[:MAX_DETAIL_CHARS],
        request_id=request_id,
        reason=refusal.reason,
        errors=tuple(
            FieldError(field=_printable(error.field), message=_printable(error.message)) for error in refusal.errors
        ),
    )
    headers = dict(refusal.headers) if refusal.headers else None
    return Response(to_json(problem), refusal.status, headers, MEDIA_TYPE)


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
