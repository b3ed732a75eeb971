"""When a grader has had its time: the deadline of the request, then the verifier's wall and CPU seconds."""

import time
from enum import StrEnum

from veriward.server.worker.leases import Lease
from veriward.server.worker.page import Page

_CPU_CLOCK = 2  # CPUCLOCK_SCHED: the clock id of another process's CPU time is (~pid << 3) | 2


class Cause(StrEnum):
    """Why a grader ended before its time; counted as metrics."""

    CPU = "cpu"
    WALL = "wall"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    DIED = "died"


def exceeded(lease: Lease, page: Page, pid: int, now: float) -> tuple[Cause, str] | None:
    """The limit that the response at hand is past, with the reason for its caller; None while it is within all.

    CPU time is what counts, so that a verdict does not depend on the load; the wall limit is for sleepers.
    """
    if now > lease.finish_by:
        return Cause.DEADLINE, "the request's deadline passed while it was judged"
    _, wall_ns, cpu_ns, in_sandbox = page.read()
    if in_sandbox:
        return None  # the sandbox has limits of its own
    plan = lease.plan
    wall_seconds = now - wall_ns / 1e9
    if wall_seconds > plan.wall_seconds:
        return Cause.WALL, f"judging took more than the verifier's {plan.wall_seconds:g} s"
    if wall_seconds > plan.cpu_seconds and _cpu_seconds(pid) - cpu_ns / 1e9 > plan.cpu_seconds:
        return Cause.CPU, f"judging took more than the verifier's {plan.cpu_seconds:g} s of CPU"
    return None


def _cpu_seconds(pid: int) -> float:
    try:
        return time.clock_gettime((~pid << 3) | _CPU_CLOCK)
    except OSError:
        return 0.0  # just died: its channel tells
