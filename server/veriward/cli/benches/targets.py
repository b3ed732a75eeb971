"""What is measured, in which unit, beside which baseline, and what it should reach. One table; the rows are code.

CPU time is counted over whole process trees, because wall time on shared machines says little. Rates are wall time.
"""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["CPU ms", "CPU µs", "s", "rollouts/s", "requests/s", "times"]


@dataclass(frozen=True, slots=True)
class Target:
    """One row: `at_most` or `at_least` bound the figure itself, `times` its advantage over `baseline`."""

    row: str
    work: str
    unit: Unit
    at_most: float | None = None
    at_least: float | None = None
    baseline: str | None = None
    times: float | None = None

    @property
    def group(self) -> str:
        return self.row.partition(".")[0]


TARGETS = (
    # Baselines are rows too, without a target; `baseline` of other rows names them.
    Target("baseline.fork", "fork, exit and wait, of a Python with the usual imports", "CPU ms"),
    Target("baseline.subprocess", "plain `subprocess` of `python -I -S -c`", "CPU ms"),
    Target("baseline.subprocess20", "the same, 20 times: a problem's stdin tests", "CPU ms"),
    Target("baseline.math_verify.short", "math-verify in process, short answers", "CPU µs"),
    Target("baseline.math_verify.long", "math-verify in process, 3,000 characters", "CPU µs"),
    Target("baseline.math_verify.fractions", "math-verify in process, fractions", "CPU µs"),
    Target("baseline.quiet", "honest answers alone, 90th percentile", "s"),
    # A trivial program, isolated by every layer the host allows.
    Target("programs.engine", "a trivial program, isolated, engine only", "CPU ms", baseline="baseline.subprocess"),
    Target("programs.http", "the same over HTTP, one per request", "CPU ms", 3.0, baseline="baseline.subprocess"),
    Target("programs.http32", "the same over HTTP, 32 per request", "CPU ms", 2.2, baseline="baseline.subprocess"),
    # A problem with 20 stdin tests.
    Target("tests.engine", "20 stdin tests, isolated, engine only", "CPU ms", 4.0, baseline="baseline.subprocess20"),
    Target("tests.http", "`code` rollouts with 20 tests over HTTP", "CPU ms", 4.0, None, "baseline.subprocess20"),
    # Math answers that need no algebra: distinct inputs, both sides parsed.
    Target("math.short", "a short math answer", "CPU µs", None, None, "baseline.math_verify.short", 10),
    Target("math.long", "a math answer after 3,000 characters", "CPU µs", None, None, "baseline.math_verify.long", 10),
    Target("math.fractions", "fractions", "CPU µs", None, None, "baseline.math_verify.fractions", 10),
    # Answers made to hang the judge.
    Target("bombs.worst", "10^10^10 and friends, the dearest, over HTTP", "s", at_most=2.0),
    Target("bombs.neighbours", "honest answers beside them", "s", baseline="baseline.quiet", times=0.5),
    # Cheap verdicts: `math` boxes, groups of 8 responses per task.
    Target("verdicts.8x500", "cheap verdicts, 8 per request, 500 characters", "rollouts/s", at_least=20_000),
    Target("verdicts.64x500", "64 per request, 500 characters", "rollouts/s", at_least=20_000),
    Target("verdicts.256x500", "256 per request, 500 characters", "rollouts/s", at_least=20_000),
    Target("verdicts.8x2000", "8 per request, 2,000 characters", "rollouts/s"),
    Target("verdicts.64x2000", "64 per request, 2,000 characters", "rollouts/s"),
    Target("verdicts.256x2000", "256 per request, 2,000 characters", "rollouts/s"),
    # One rollout per request.
    Target("requests.raw", "requests of one rollout, raw sockets, keep-alive", "requests/s", at_least=2_000),
    Target("requests.sync", "the client's own cost of a request, sync", "CPU ms", at_most=0.4),
    Target("requests.async", "single rollouts by AsyncClient, micro-batched", "rollouts/s", at_least=2_000),
    # From nothing.
    Target("start.ready", "from exec to /readyz 200", "s", at_most=2.0),
    Target("start.client", "`import veriward.client`", "s", at_most=0.2),
)

BY_ROW = {target.row: target for target in TARGETS}
GROUPS = tuple(dict.fromkeys(target.group for target in TARGETS if target.group != "baseline"))
