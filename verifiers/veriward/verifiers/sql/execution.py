"""The verifier `sql`: a query is right when it gives the gold query's rows on every variant of the database."""

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from veriward.sandbox.execution import Isolation, Sandbox
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.sql.compare import bag_strict, bird_set, spider_suite
from veriward.verifiers.sql.statement import MAX_STATEMENT_CHARS, as_spider_runs_it, orders_rows, statement_of
from veriward.verifiers.sql.tables import Failure, Table, query_all
from veriward.verifiers.verdict import InvalidTask, Verdict, unparsed
from veriward.wire.outcomes import Outcome

MAX_VARIANTS = 16
MAX_SCRIPT_CHARS = 2_000_000
GOLDS_KEPT = 4  # responses to one task come close together

NOT_ONE_QUERY = {"several_statements", "no_query"}


def _not_offered(value: object) -> None:
    raise ValueError("databases by reference are not offered yet; give their scripts in `schema`")


class SqlTask(Task):
    """`schema`: a script per variant of one database; `gold_sql`: the query whose rows are right."""

    database: Annotated[str | None, BeforeValidator(_not_offered)] = None
    scripts: Annotated[
        list[Annotated[str, Field(max_length=MAX_SCRIPT_CHARS)]],
        Field(alias="schema", min_length=1, max_length=MAX_VARIANTS),
    ]
    gold_sql: Annotated[str, Field(min_length=1, max_length=MAX_STATEMENT_CHARS)]
    compare: Literal["bag_strict", "bird_set", "spider_suite"] = "bag_strict"
    ordered: bool | None = None

    @field_validator("ordered")
    @classmethod
    def _only_where_free(cls, ordered: bool | None, known: ValidationInfo) -> bool | None:
        if ordered is not None and known.data.get("compare") != "bag_strict":
            raise ValueError("a published comparison has its own rule of order")
        return ordered


class Mode(NamedTuple):
    """A comparison: what is done to both queries, whether the gold query's order counts, when tables are the same."""

    prepare: Callable[[str], str]
    ordered: Callable[[str], bool]
    same: Callable[[Table, Table, bool], bool]


class Compared(NamedTuple):
    """The tables of the gold query and of the statement, variant by variant, as far as the statement ran."""

    gold: list[Table]
    told: list[Table]
    same: list[bool]
    failure: Failure | None
    isolation: Isolation

    @property
    def same_everywhere(self) -> bool:
        return len(self.same) == len(self.gold) and all(self.same)


MODES = {
    "bag_strict": Mode(str, orders_rows, bag_strict),
    "bird_set": Mode(str, lambda gold_sql: False, bird_set),
    "spider_suite": Mode(as_spider_runs_it, lambda gold_sql: "order by" in gold_sql.lower(), spider_suite),
}

gold_results = lru_cache(maxsize=GOLDS_KEPT)(query_all)


@verifier(
    "sql", version=1, task=SqlTask, preload=("sqlglot.dialects.sqlite",), cpu_seconds=5.0, batch=4, runs_programs=True
)
def sql(response: str, task: SqlTask, sandbox: Sandbox, /) -> Verdict:
    """Run the response's one read-only query on every variant of the database; its rows must be the gold query's.

    The query and the gold query run in different children of the sandbox, on private copies of the database, and their
    rows meet here. `compare` chooses the rule: `bag_strict` (default: multisets, in order where the gold query ends in
    ORDER BY; numbers within 1e-6 relative, types and NULL apart), or a published one: `bird_set`, `spider_suite`.
    `ordered` overrides the rule of order of `bag_strict`; rows that tie under ORDER BY must come as SQLite gives them.

    A gold query that fails, or gives no row on any variant, makes the task invalid. A query that fails, writes, or
    takes too long is wrong; two statements are no answer. Metrics: `rows` (on the first variant), `variants_matched`.
    """
    mode = MODES[task.compare]
    gold = gold_tables(task, mode, sandbox)
    statement = statement_of(response)
    if statement is None:
        return unparsed("no SQL statement")
    if len(statement) > MAX_STATEMENT_CHARS:
        return unparsed(f"the statement is longer than {MAX_STATEMENT_CHARS:,} characters", statement)
    compared = compare(task, mode, gold, statement, sandbox)
    outcome = Outcome.CORRECT if compared.same_everywhere else Outcome.WRONG
    if compared.failure is not None and compared.failure.kind in NOT_ONE_QUERY:
        outcome = Outcome.UNPARSED
    reward = float(compared.same_everywhere)
    return verdict_on(compared, outcome, reward, {"answer": reward}, statement)


def gold_tables(task: SqlTask, mode: Mode, sandbox: Sandbox) -> list[Table]:
    """What the gold query gives on each variant. Raises `InvalidTask` naming the script or the query at fault."""
    results, _ = gold_results(sandbox, tuple(task.scripts), mode.prepare(task.gold_sql))  # type: ignore[arg-type]
    tables = [result for result in results if isinstance(result, Table)]
    failure = results[-1]
    if isinstance(failure, Failure):
        variant = len(results) - 1
        field = f"schema[{variant}]" if failure.kind == "schema" else "gold_sql"
        raise InvalidTask(field, f"{failure} (variant {variant})")
    if not any(table.rows for table in tables):
        raise InvalidTask("gold_sql", "gives no row on any variant, so any query without rows would pass for it")
    return tables


def compare(task: SqlTask, mode: Mode, gold: list[Table], statement: str, sandbox: Sandbox) -> Compared:
    """Run `statement` on every variant, up to the first that it fails on, and compare what it gives."""
    results, isolation = query_all(sandbox, tuple(task.scripts), mode.prepare(statement))
    ordered = mode.ordered(task.gold_sql) if task.ordered is None else task.ordered
    told = [result for result in results if isinstance(result, Table)]
    failure = results[-1] if isinstance(results[-1], Failure) else None
    same = [mode.same(right, table, ordered) for right, table in zip(gold, told, strict=False)]
    return Compared(gold, told, same, failure, isolation)


def verdict_on(compared: Compared, outcome: Outcome, reward: float, parts: dict[str, float], statement: str) -> Verdict:
    variants, matched = len(compared.gold), sum(compared.same)
    reason = ""
    if compared.failure is not None:
        reason = str(compared.failure)
    elif matched < variants:
        reason = f"the rows differ on {variants - matched} of {variants} variants"
    rows = len(compared.told[0].rows) if compared.told else 0
    isolation = compared.isolation
    return Verdict(
        outcome,
        reward,
        parts,
        statement,
        reason,
        {"rows": float(rows), "variants_matched": float(matched)},
        isolation=(isolation.level, isolation.layers, isolation.backend),
    )
