"""The verifier `sql`: a query is right when it gives the gold query's rows on every variant of the database."""

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from veriward.sandbox.execution import Isolation, Sandbox
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.sql.compare import bag_strict, bird_set, same_state, spider_suite
from veriward.verifiers.sql.engines import Engine, query_all
from veriward.verifiers.sql.statement import MAX_STATEMENT_CHARS, as_spider_runs_it, orders_rows, statement_of
from veriward.verifiers.sql.tables import Failure, Result, State, Table
from veriward.verifiers.verdict import InvalidTask, Verdict, unparsed
from veriward.wire.outcomes import Outcome

MAX_VARIANTS = 16
MAX_SCRIPT_CHARS = 2_000_000
GOLDS_KEPT = 8  # responses to one task come close together; a writable one has two

NOT_ONE_QUERY = {"several_statements", "no_query"}
PRELOAD = tuple(f"sqlglot.dialects.{name}" for name in ("duckdb", "postgres", "sqlite"))

Kind = TypeVar("Kind", Table, State)


def _not_offered(value: object) -> None:
    raise ValueError("databases by reference are not offered yet; give their scripts in `schema`")


class SqlTask(Task):
    """`schema`: a script per variant of one database; `gold_sql`: the query whose rows are right.

    `engine`: what runs both. `writable`: the gold and the answer are scripts, judged by what they leave in the
    database; `compare` and `ordered` are then left out.
    """

    engine: Engine = "sqlite"
    database: Annotated[str | None, BeforeValidator(_not_offered)] = None
    scripts: Annotated[
        list[Annotated[str, Field(max_length=MAX_SCRIPT_CHARS)]],
        Field(alias="schema", min_length=1, max_length=MAX_VARIANTS),
    ]
    gold_sql: Annotated[str, Field(min_length=1, max_length=MAX_STATEMENT_CHARS)]
    writable: bool = False
    compare: Literal["bag_strict", "bird_set", "spider_suite"] = "bag_strict"
    ordered: bool | None = None

    @field_validator("compare")
    @classmethod
    def _only_of_rows(cls, compare: str, known: ValidationInfo) -> str:
        if compare != "bag_strict" and known.data.get("writable"):
            raise ValueError("the states that scripts leave have a rule of their own; leave `compare` out")
        return compare

    @field_validator("ordered")
    @classmethod
    def _only_where_free(cls, ordered: bool | None, known: ValidationInfo) -> bool | None:
        if ordered is not None and known.data.get("compare") != "bag_strict":
            raise ValueError("a published comparison has its own rule of order")
        if ordered is not None and known.data.get("writable"):
            raise ValueError("the rows of a state have no order; leave `ordered` out")
        return ordered


class Mode(NamedTuple):
    """A comparison: what is done to both queries, whether the gold query's order counts, when tables are the same.

    The first two take the statement and the engine's name, which is that of its dialect.
    """

    prepare: Callable[[str, str], str]
    ordered: Callable[[str, str], bool]
    same: Callable[[Table, Table, bool], bool]


class Compared(NamedTuple):
    """The tables of the gold query and of the statement, variant by variant, as far as the statement ran."""

    gold: list[Table]
    told: list[Table]
    same: list[bool]
    failure: Failure | None
    isolation: Isolation
    engine: Engine = "sqlite"

    @property
    def same_everywhere(self) -> bool:
        return len(self.same) == len(self.gold) and all(self.same)


MODES = {
    "bag_strict": Mode(lambda statement, engine: statement, orders_rows, bag_strict),
    "bird_set": Mode(lambda statement, engine: statement, lambda gold_sql, engine: False, bird_set),
    "spider_suite": Mode(as_spider_runs_it, lambda gold_sql, engine: "order by" in gold_sql.lower(), spider_suite),
}

gold_results = lru_cache(maxsize=GOLDS_KEPT)(query_all)


@verifier("sql", version=1, task=SqlTask, preload=PRELOAD, cpu_seconds=5.0, batch=4, runs_programs=True)
def sql(response: str, task: SqlTask, sandbox: Sandbox, /) -> Verdict:
    """Run the response's one read-only query on every variant of the database; its rows must be the gold query's.

    The query and the gold query run apart, in the `engine` of the task (`sqlite`, `duckdb`, `postgres`), on private
    copies of the database, and their rows meet here. `compare` chooses the rule: `bag_strict` (default: multisets, in
    order where the gold query ends in ORDER BY; numbers within 1e-6 relative, types and NULL apart), or a published
    one: `bird_set`, `spider_suite`. `ordered` overrides the rule of order of `bag_strict`; rows that tie under ORDER BY
    must come as the engine gives them.

    Where the task is `writable`, both are scripts, and the same tables and views with the same rows must be left on
    every variant; what a script does not commit is undone.

    A gold query that fails, gives no row on any variant, or changes nothing, makes the task invalid. A query that
    fails, writes, or takes too long is wrong; two statements are no answer. Metrics: `rows` (on the first variant),
    `variants_matched`.
    """
    if task.writable:
        return _judge_script(response, task, sandbox)
    mode = MODES[task.compare]
    gold = gold_tables(task, mode, sandbox)
    statement = _statement(response)
    if isinstance(statement, Verdict):
        return statement
    compared = compare(task, mode, gold, statement, sandbox)
    outcome = Outcome.CORRECT if compared.same_everywhere else Outcome.WRONG
    if compared.failure is not None and compared.failure.kind in NOT_ONE_QUERY:
        outcome = Outcome.UNPARSED
    reward = float(compared.same_everywhere)
    return verdict_on(compared, outcome, reward, {"answer": reward}, statement)


def _statement(response: str) -> str | Verdict:
    statement = statement_of(response)
    if statement is None:
        return unparsed("no SQL statement")
    if len(statement) > MAX_STATEMENT_CHARS:
        return unparsed(f"the statement is longer than {MAX_STATEMENT_CHARS:,} characters", statement)
    return statement


def _judge_script(response: str, task: SqlTask, sandbox: Sandbox) -> Verdict:
    gold = _without_failure(_gold_results(task, task.gold_sql, sandbox), State)
    if gold == _without_failure(_gold_results(task, "", sandbox), State):
        raise InvalidTask("gold_sql", "changes nothing on any variant, so any script that does nothing would pass")
    script = _statement(response)
    if isinstance(script, Verdict):
        return script
    results, isolation = query_all(sandbox, task.engine, tuple(task.scripts), script, True)
    told = [result for result in results if isinstance(result, State)]
    failure = results[-1] if isinstance(results[-1], Failure) else None
    same = [same_state(right, state) for right, state in zip(gold, told, strict=False)]
    reward = float(len(same) == len(gold) and all(same))
    rows = sum(len(table.rows) for table in told[0].tables.values()) if told else 0
    outcome = Outcome.CORRECT if reward else Outcome.WRONG
    reason = _reason(failure, sum(same), len(gold), "what it leaves differs")
    return _stamped(outcome, reward, {"answer": reward}, script, reason, rows, sum(same), isolation)


def gold_tables(task: SqlTask, mode: Mode, sandbox: Sandbox) -> list[Table]:
    """What the gold query gives on each variant. Raises `InvalidTask` naming the script or the query at fault."""
    tables = _without_failure(_gold_results(task, mode.prepare(task.gold_sql, task.engine), sandbox), Table)
    if not any(table.rows for table in tables):
        raise InvalidTask("gold_sql", "gives no row on any variant, so any query without rows would pass for it")
    return tables


def _gold_results(task: SqlTask, query: str, sandbox: Sandbox) -> list[Result]:
    """What the task's own query or script gives, run once for the responses to it."""
    return gold_results(sandbox, task.engine, tuple(task.scripts), query, task.writable)[0]  # type: ignore[arg-type]


def _without_failure(results: list[Result], kind: type[Kind]) -> list[Kind]:
    failure = results[-1]
    if isinstance(failure, Failure):
        variant = len(results) - 1
        field = f"schema[{variant}]" if failure.kind == "schema" else "gold_sql"
        raise InvalidTask(field, f"{failure} (variant {variant})")
    return [result for result in results if isinstance(result, kind)]


def compare(task: SqlTask, mode: Mode, gold: list[Table], statement: str, sandbox: Sandbox) -> Compared:
    """Run `statement` on every variant, up to the first that it fails on, and compare what it gives."""
    prepared = mode.prepare(statement, task.engine)
    results, isolation = query_all(sandbox, task.engine, tuple(task.scripts), prepared)
    ordered = mode.ordered(task.gold_sql, task.engine) if task.ordered is None else task.ordered
    told = [result for result in results if isinstance(result, Table)]
    failure = results[-1] if isinstance(results[-1], Failure) else None
    same = [mode.same(right, table, ordered) for right, table in zip(gold, told, strict=False)]
    return Compared(gold, told, same, failure, isolation, task.engine)


def verdict_on(compared: Compared, outcome: Outcome, reward: float, parts: dict[str, float], statement: str) -> Verdict:
    matched = sum(compared.same)
    reason = _reason(compared.failure, matched, len(compared.gold), "the rows differ")
    rows = len(compared.told[0].rows) if compared.told else 0
    return _stamped(outcome, reward, parts, statement, reason, rows, matched, compared.isolation)


def _reason(failure: Failure | None, matched: int, variants: int, differs: str) -> str:
    if failure is not None:
        return str(failure)
    return f"{differs} on {variants - matched} of {variants} variants" if matched < variants else ""


def _stamped(
    outcome: Outcome,
    reward: float,
    parts: dict[str, float],
    statement: str,
    reason: str,
    rows: int,
    matched: int,
    isolation: Isolation,
) -> Verdict:
    return Verdict(
        outcome,
        reward,
        parts,
        statement,
        reason,
        {"rows": float(rows), "variants_matched": float(matched)},
        isolation=(isolation.level, isolation.layers, isolation.backend),
    )
