"""What the verifier asks of the sandbox, and what it makes of each way a run can end."""

import json
from collections.abc import Callable, Iterator

import pytest

from veriward.sandbox.errors import SandboxError
from veriward.sandbox.execution import Execution, Isolation, Run, RunStatus
from veriward.verifiers import InvalidTask
from veriward.verifiers.sql.execution import MAX_SCRIPT_CHARS, MAX_VARIANTS, SqlTask, gold_results, sql
from veriward.wire.outcomes import Outcome

GOLD = "SELECT 'right'"
RESPONSE = "```sql\nSELECT 'told'\n```"
STRONG = Isolation("L3", ("namespaces",))


@pytest.fixture(autouse=True)
def _no_gold_kept() -> Iterator[None]:
    gold_results.cache_clear()
    yield
    gold_results.cache_clear()


class Replies:
    """A sandbox that answers the gold query rightly and any other as it was told to, and remembers what it ran."""

    def __init__(self, *told: Run, gold: Run | None = None) -> None:
        self.told = told
        self.gold = gold or rows("right")
        self.executions: list[Execution] = []

    def run(self, execution: Execution, stop: Callable[[Run], bool] | None = None) -> list[Run]:
        self.executions.append(execution)
        runs: list[Run] = []
        for index, request in enumerate(execution.inputs):
            runs.append(self.gold if json.loads(request)["query"] == GOLD else self.told[index])
            if stop is not None and stop(runs[-1]):
                break
        return runs


def rows(*cells: str) -> Run:
    return finished(json.dumps({"columns": 1, "rows": [[cell] for cell in cells]}).encode())


def finished(stdout: bytes) -> Run:
    return Run(0, RunStatus.FINISHED, stdout=stdout, isolation=STRONG)


def task(variants: int = 1) -> SqlTask:
    return SqlTask.model_validate({"schema": ["CREATE TABLE t (a);"] * variants, "gold_sql": GOLD})


def test_gold_and_candidate_never_share_a_child() -> None:
    sandbox = Replies(rows("right"))
    assert sql(RESPONSE, task(), sandbox).outcome is Outcome.CORRECT
    gold, candidate = sandbox.executions
    assert "right" not in candidate.code
    assert b"right" not in b"".join(candidate.inputs)
    assert not candidate.files
    assert gold.limits == candidate.limits


def test_a_group_of_responses_runs_the_gold_query_once() -> None:
    sandbox = Replies(rows("right"))
    for _ in range(4):
        sql(RESPONSE, task(), sandbox)
    assert len(sandbox.executions) == 1 + 4


def test_a_broken_gold_query_is_run_once_too() -> None:
    sandbox = Replies(rows("right"), gold=finished(b'{"error": "sql_error", "message": "no such table"}'))
    for _ in range(2):
        with pytest.raises(InvalidTask, match="gold_sql: sql_error: no such table"):
            sql(RESPONSE, task(), sandbox)
    assert len(sandbox.executions) == 1


def test_the_reason_never_shows_gold_rows() -> None:
    verdict = sql(RESPONSE, task(2), Replies(rows("wrong"), rows("wrong")))
    assert "right" not in repr(verdict)
    assert verdict.reason == "the rows differ on 2 of 2 variants"


def test_metrics_count_rows_and_variants() -> None:
    verdict = sql(RESPONSE, task(3), Replies(rows("right"), rows("a", "b"), rows("right")))
    assert verdict.outcome is Outcome.WRONG
    assert verdict.metrics == {"rows": 1.0, "variants_matched": 2.0}
    assert verdict.isolation == ("L3", ("namespaces",), "embedded")


ENDS = {
    "a program past its time": (Run(0, RunStatus.TIME_LIMIT, "cpu"), Outcome.WRONG, "time_limit: cpu"),
    "a program past its memory": (Run(0, RunStatus.MEMORY_LIMIT), Outcome.WRONG, "memory_limit"),
    "a program past its output": (Run(0, RunStatus.OUTPUT_LIMIT), Outcome.WRONG, "output_limit"),
    "a child that a query broke": (Run(0, RunStatus.RUNTIME_ERROR, "SIGSEGV"), Outcome.WRONG, "runtime_error: SIGSEGV"),
    "a query past its time": (finished(b'{"error": "time_limit", "message": "x"}'), Outcome.WRONG, "time_limit: x"),
    "a query that writes": (finished(b'{"error": "denied", "message": "x"}'), Outcome.WRONG, "denied: x"),
    "two statements": (
        finished(b'{"error": "several_statements", "message": "x"}'),
        Outcome.UNPARSED,
        "several_statements: x",
    ),
    "output that is not JSON": (finished(b"Segmentation"), Outcome.WRONG, "protocol: the database's child broke off"),
    "output of another shape": (finished(b"[]"), Outcome.WRONG, "protocol: the database's child broke off"),
    "rows of unequal width": (
        finished(b'{"columns": 1, "rows": [[1, 2]]}'),
        Outcome.WRONG,
        "protocol: the database's child broke off",
    ),
    "cells that are no cells": (
        finished(b'{"columns": 1, "rows": [[["right"]]]}'),
        Outcome.WRONG,
        "protocol: the database's child broke off",
    ),
    "nesting without end": (finished(b"[" * 100_000), Outcome.WRONG, "protocol: the database's child broke off"),
}


@pytest.mark.parametrize(("run", "outcome", "reason"), ENDS.values(), ids=ENDS.keys())
def test_how_the_candidates_run_ends(run: Run, outcome: Outcome, reason: str) -> None:
    sandbox = Replies(run, rows("right"))
    verdict = sql(RESPONSE, task(2), sandbox)
    assert (verdict.outcome, verdict.reward, verdict.reason) == (outcome, 0.0, reason)


def test_the_first_failure_ends_the_execution() -> None:
    verdict = sql(RESPONSE, task(3), Replies(rows("right"), Run(1, RunStatus.TIME_LIMIT)))
    assert verdict.metrics["variants_matched"] == 1.0


def test_a_fault_of_the_sandbox_is_no_verdict() -> None:
    class Broken:
        def run(self, execution: Execution, stop: Callable[[Run], bool] | None = None) -> list[Run]:
            raise SandboxError("lost")

    with pytest.raises(SandboxError):
        sql(RESPONSE, task(), Broken())


def left(*cells: str, name: str = "t") -> Run:
    return finished(json.dumps({"state": [["table", name, ["a"], [[cell] for cell in cells]]]}).encode())


class Scripts:
    """A sandbox in which the gold script leaves `right`, none leaves `before`, and any other what it was told."""

    def __init__(self, told: Run, before: Run) -> None:
        self.replies = {GOLD: left("right"), "": before}
        self.told = told

    def run(self, execution: Execution, stop: Callable[[Run], bool] | None = None) -> list[Run]:
        requests = [json.loads(request) for request in execution.inputs]
        assert all(request["writable"] for request in requests)
        return [self.replies.get(request["query"], self.told) for request in requests]


def script_task() -> SqlTask:
    return SqlTask.model_validate({"schema": ["CREATE TABLE t (a);"], "gold_sql": GOLD, "writable": True})


STATES = {
    "the same rows": (left("right"), Outcome.CORRECT, ""),
    "other rows": (left("wrong"), Outcome.WRONG, "what it leaves differs on 1 of 1 variants"),
    "the same rows in a table of another name": (
        left("right", name="u"),
        Outcome.WRONG,
        "what it leaves differs on 1 of 1 variants",
    ),
    "a script that fails": (finished(b'{"error": "denied", "message": "x"}'), Outcome.WRONG, "denied: x"),
    "rows where a state belongs": (rows("right"), Outcome.WRONG, "what it leaves differs on 1 of 1 variants"),
}


@pytest.mark.parametrize(("run", "outcome", "reason"), STATES.values(), ids=STATES.keys())
def test_a_script_is_judged_by_what_it_leaves(run: Run, outcome: Outcome, reason: str) -> None:
    verdict = sql(RESPONSE, script_task(), Scripts(run, left("before")))
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_a_gold_script_that_changes_nothing_makes_the_task_invalid() -> None:
    with pytest.raises(InvalidTask, match="gold_sql: changes nothing"):
        sql(RESPONSE, script_task(), Scripts(left("right"), left("right")))


BOUNDS = {
    "a variant too many": {"schema": [""] * (MAX_VARIANTS + 1), "gold_sql": GOLD},
    "a script too long": {"schema": [" " * (MAX_SCRIPT_CHARS + 1)], "gold_sql": GOLD},
    "a gold query too long": {"schema": [""], "gold_sql": " " * 20_001},
}


@pytest.mark.parametrize("fields", BOUNDS.values(), ids=BOUNDS.keys())
def test_one_step_past_each_bound(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="at most"):
        SqlTask.model_validate(fields)
