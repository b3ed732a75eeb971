"""What the trials of a user's tasks showed: which golds are not paid, and what earns although it should not."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from veriward.cli.rollout_lines import BadLine, Line
from veriward.cli.trust_lines import GIVEN, GOLD, TRIALS, Trial

MAX_FINDINGS = 1_000  # told one by one
EXCERPT_CHARS = 200
REFUSED = "task"  # the check of a task that was not judged at all

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """A task that fails a check: what was tried, what it earned, and why."""

    line: int
    id: str
    check: str
    reward: float | None
    reason: str
    response: str


@dataclass(slots=True)
class Report:
    """Grows by tasks; `tried` and `failed` count tasks by check. `unproven` tasks hold no answer to be tried."""

    tasks: int = 0
    proven: int = 0
    unproven: int = 0
    bad_lines: int = 0
    tried: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every task kept every check, and there was one."""
        return bool(self.tasks) and not self.failed and not self.bad_lines

    def bad(self, line: BadLine) -> None:
        self.bad_lines += 1
        self._tell(Finding(line.number, "", "line", None, line.error, line.excerpt))

    def refused(self, line: Line, why: str) -> None:
        """The server would not have the task."""
        self.tasks += 1
        self._fail(Finding(line.number, line.item.get("id", ""), REFUSED, None, why, ""))

    def add(self, line: Line, results: list[Result]) -> None:
        self.tasks += 1
        found = list(_findings(line, list(zip(line.kept[TRIALS], results, strict=True))))
        kinds = dict.fromkeys(trial.kind for trial in line.kept[TRIALS])
        self.tried.update(list(kinds))
        for kind in dict.fromkeys(finding.check for finding in found):
            self._fail(next(finding for finding in found if finding.check == kind))
        gold_fails = {GOLD, GIVEN, REFUSED} & {finding.check for finding in found}
        has_gold = GOLD in kinds or GIVEN in kinds
        self.proven += has_gold and not gold_fails
        self.unproven += not has_gold

    def as_json(self) -> dict[str, Any]:
        return {
            "holds": self.holds,
            "tasks": self.tasks,
            "proven": self.proven,
            "unproven": self.unproven,
            "bad_lines": self.bad_lines,
            "checks": {kind: {"tasks": self.tried[kind], "failed": self.failed[kind]} for kind in self.kinds()},
            "findings": [asdict(finding) for finding in self.findings],
        }

    def kinds(self) -> list[str]:
        return list(dict.fromkeys([*self.tried, *self.failed]))

    def _fail(self, finding: Finding) -> None:
        self.failed[finding.check] += 1
        self._tell(finding)

    def _tell(self, finding: Finding) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)


def _findings(line: Line, told: list[tuple[Trial, Result]]) -> Iterator[Finding]:
    def finding(check: str, trial: Trial, result: Result, reason: str) -> Finding:
        excerpt = trial.response[:EXCERPT_CHARS]
        return Finding(line.number, line.item.get("id", ""), check, result["reward"], reason, excerpt)

    ungraded = [(trial, result) for trial, result in told if result["status"] != "graded"]
    if ungraded:
        trial, result = ungraded[0]
        yield finding(REFUSED, trial, result, f"{result['status']}: {result.get('reason', '')}")
        return
    best = max((result["reward"] for _, result in told), default=0.0)
    golds = [(trial, result) for trial, result in told if trial.kind == GOLD]
    if golds and not any(_paid_in_full(result, best) for _, result in golds):
        trial, result = max(golds, key=lambda each: each[1]["reward"])
        yield finding(GOLD, trial, result, f"its own answer is {_said(result)} in every form tried")
    for trial, result in told:
        if trial.kind == GIVEN and not _paid_in_full(result, best):
            yield finding(GIVEN, trial, result, f"the response given as right is {_said(result)}")
        elif trial.kind not in (GOLD, GIVEN) and result["reward"] > 0:
            yield finding(trial.kind, trial, result, f"is {_said(result)}")


def _paid_in_full(result: Result, best: float) -> bool:
    """Judged right, and nothing that was tried earns more."""
    reward: float = result["reward"]
    return result["outcome"] == "correct" and reward > 0 and reward >= best


def _said(result: Result) -> str:
    reason = result.get("reason")
    return f"{result['outcome']}, {result['reward']:g}" + (f" ({reason})" if reason else "")
