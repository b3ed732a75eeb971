"""The verifier `sql.partial`: `sql` with credit for queries that come close, ours or by four published rules."""

from pydantic import ValidationInfo, field_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.registry import verifier
from veriward.verifiers.sql.execution import (
    MODES,
    NOT_ONE_QUERY,
    PRELOAD,
    Mode,
    SqlTask,
    compare,
    gold_tables,
    verdict_on,
)
from veriward.verifiers.sql.rewards import OURS, PRESETS, Preset, Rule
from veriward.verifiers.sql.statement import MAX_STATEMENT_CHARS
from veriward.verifiers.verdict import Verdict
from veriward.wire.outcomes import Outcome

LOWEST = -1.0  # SQL-R1's, the only preset below 0


class SqlPartialTask(SqlTask):
    """As `sql`. `preset`: a published reward with its own scale and comparison; an explicit `compare` replaces that."""

    preset: Preset | None = None

    @field_validator("writable")
    @classmethod
    def _of_rows_alone(cls, writable: bool) -> bool:
        if writable:
            raise ValueError("partial credit is for the rows of a query; grade scripts by `sql`")
        return writable

    @field_validator("preset")
    @classmethod
    def _has_its_own_order(cls, preset: Preset | None, known: ValidationInfo) -> Preset | None:
        if preset is not None and known.data.get("ordered") is not None:
            raise ValueError("a published reward has its own rule of order; leave `ordered` out")
        return preset

    @property
    def mode(self) -> Mode:
        if self.preset is None or "compare" in self.model_fields_set:
            return MODES[self.compare]
        return MODES[PRESETS[self.preset].compare]


@verifier(
    "sql.partial",
    version=1,
    task=SqlPartialTask,
    preload=PRELOAD,
    cpu_seconds=5.0,
    batch=4,
    runs_programs=True,
)
def partial(response: str, task: SqlPartialTask, sandbox: Sandbox, /) -> Verdict:
    """Run the query as `sql` does, and pay a wrong one by how close it comes.

    Without `preset`, in [0, 1]: 1 where the rows are right; else 0.5 `cells` `schema`. `cells` is the F1 of the table's
    cells as a multiset, on the variant where it is lowest; `schema` the Jaccard similarity of the tables and columns
    that the two queries name. So constants, which name none, earn nothing, nor does a query because it runs.

    `preset` gives the published number; parts add up to it unless said otherwise. The last block or bare query of the
    answer is judged (`sql_r1`: as it reads it), and what `sql` denies or ends early counts as not executable.

    - `sql_r1` (Ma et al. 2025, arXiv:2504.08600, its `synsql.py`), -1 to 7.5: `format` +1 or -1 (think and answer tags
      once each, in order, an sql block in the answer); then `execution` +2 or -2, `result` +3 or -3 by Spider's test
      suite, and of right ones `length`: 0.5 min(thinking + answer, 2048)/2048 + query/answer, in characters.
    - `reasoning_sql` (Pourreza et al. 2025, arXiv:2503.23157), 0 to 7: `execution` 3 by BIRD's rule; 1 each for
      `syntax` (it runs), `schema` (as above), `ngrams` (Jaccard similarity of word pairs) and `format` (reasoning, then
      answer). Its model judge of wrong queries, 0 to 2, is not included: add one by composition.
    - `think2sql` (Papicchio et al. 2025, arXiv:2504.15077), 0 to 1: the mean of QATCH's `cell_precision`, `cell_recall`
      and `cardinality`, at least 0.1 for a query that runs; 0 where it does not, or where, not being 1, the response
      is not all thinking and answer (`format`). The parts are these figures, and do not add up.
    - `arctic` (Yao et al. 2025, arXiv:2505.20315), 0 to 1: 1 by BIRD's rule, else 0.1 for a query that runs.

    Known holes, kept: `arctic`, `think2sql` and `reasoning_sql` pay `SELECT 1` for running; `sql_r1` pays thinking for
    its length up to 2,048 characters and loses what follows `--`, as it joins lines; `think2sql` knows cells and counts
    only, so swapped columns or cells earn 1; `reasoning_sql` pays for naming what the gold query names.
    Not kept: a gold query that fails is the task's fault (SQL-R1 calls it a match), and every variant must agree.

    Metrics: as `sql`.
    """
    rule = OURS if task.preset is None else PRESETS[task.preset]
    gold = gold_tables(task, task.mode, sandbox)
    statement = rule.statement(response)
    if statement is None:
        return _unanswered(rule, response, "no SQL statement")
    if len(statement) > MAX_STATEMENT_CHARS:
        reason = f"the statement is longer than {MAX_STATEMENT_CHARS:,} characters"
        return _unanswered(rule, response, reason, statement)
    compared = compare(task, task.mode, gold, statement, sandbox)
    graded = rule.grade(task.gold_sql, response, statement, compared)
    outcome = Outcome.CORRECT if graded.right else Outcome.PARTIAL if graded.close else Outcome.WRONG
    if compared.failure is not None and compared.failure.kind in NOT_ONE_QUERY:
        outcome = Outcome.UNPARSED
    return verdict_on(compared, outcome, graded.reward, graded.parts, statement)


def _unanswered(rule: Rule, response: str, reason: str, statement: str | None = None) -> Verdict:
    parts = rule.unanswered(response)
    return Verdict(Outcome.UNPARSED, sum(parts.values()), parts, statement, reason)
