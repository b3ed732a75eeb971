"""What may be asked of a session. Everything is checked here, once, before any of it is used."""

from veriward.sandbox import bounds
from veriward.sandbox.errors import ExecutionRefused
from veriward.sandbox.execution import Execution, Limits
from veriward.sandbox.session import MAX_FETCHED, MAX_FORKS, MAX_IDLE_SECONDS, Cell, SessionPlan

MAX_ID_CHARS = 100


def check_plan(plan: SessionPlan) -> None:
    """Raises `ExecutionRefused` naming the first field that is out of bounds; likewise all below."""
    bounds.check(Execution("", files=plan.files, limits=plan.limits, profile=plan.profile))
    if not 0 < plan.idle_seconds <= MAX_IDLE_SECONDS:
        raise ExecutionRefused("idle_seconds", f"{plan.idle_seconds} is not within 0 and {MAX_IDLE_SECONDS:g}")


def check_cell(cell: Cell) -> None:
    bounds.check(Execution(cell.code, files=cell.files, limits=cell.limits.upon(Limits())))
    if len(cell.fetch) > MAX_FETCHED or len(set(cell.fetch)) != len(cell.fetch):
        raise ExecutionRefused("fetch", f"at most {MAX_FETCHED} names, each once")
    try:
        check_files(dict.fromkeys(cell.fetch, b""))
    except ExecutionRefused as refused:
        raise ExecutionRefused("fetch", refused.message) from None


def check_files(files: dict[str, bytes]) -> None:
    bounds.check(Execution("", files=files))


def check_count(count: int) -> None:
    if not 1 <= count <= MAX_FORKS:
        raise ExecutionRefused("count", f"{count} is not within 1 and {MAX_FORKS}")
