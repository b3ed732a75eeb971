"""`sql`: explore a database, then answer with a query or a value; any verifier judges."""

from random import Random
from typing import Any

from pydantic import Field, model_validator

from veriward.environments import (
    Call,
    Environment,
    Example,
    Interpreter,
    JudgedTask,
    Step,
    ToolError,
    environment,
    tool,
)
from veriward.environments.showing import shown
from veriward.environments.sql_rows import LIST_TABLES, describe, opening, query
from veriward.verifiers.verdict import InvalidTask

MAX_SCRIPT_CHARS = 1_000_000
MAX_QUERY_CHARS = 20_000
MAX_ROWS = 1_000
MAX_TABLE_CHARS = 200


class SqlTask(JudgedTask):
    """`{"verifier": "sql", "schema", "gold_sql"}` alone; or that, or any verifier's task, in `judge`.

    `script` makes the database; left out, it is the first of the judge's `schema`. `rows`: of a query that are shown.
    """

    script: str | None = Field(default=None, max_length=MAX_SCRIPT_CHARS)
    rows: int = Field(default=50, ge=1, le=MAX_ROWS)

    @model_validator(mode="after")
    def _with_a_script(self) -> "SqlTask":
        self.made_by()
        return self

    def made_by(self) -> str:
        """The script that makes the database. Raises `InvalidTask`."""
        schema: Any = self.judge.fields.get("schema")
        if self.script is None and not (isinstance(schema, list) and schema and isinstance(schema[0], str)):
            raise InvalidTask("script", "is needed where the judge's task has no `schema`")
        return self.script if self.script is not None else str(schema[0])


_SCHOOL = "create table pupil (name text, age integer); insert into pupil values ('Ada', 9), ('Bo', 11), ('Cy', 12);"


@environment(
    "sql",
    version=1,
    task=SqlTask,
    uses=("python", "judge"),
    examples=(
        Example(
            {"verifier": "sql", "schema": [_SCHOOL], "gold_sql": "select name from pupil where age > 10"},
            (
                '<tool_call>{"name": "list_tables", "arguments": {}}</tool_call>',
                '<tool_call>{"name": "describe", "arguments": {"table": "pupil"}}</tool_call>',
                '<tool_call>{"name": "query", "arguments": {"sql": "select * from pupil"}}</tool_call>',
                "```sql\nselect name from pupil where age > 10\n```",
            ),
            "a query to write",
        ),
        Example(
            {
                "prompt": "How old are the pupils together?",
                "script": _SCHOOL,
                "judge": {"verifier": "math", "answer": "32"},
            },
            (
                '<tool_call>{"name": "query", "arguments": {"sql": "select sum(age) from pupil"}}</tool_call>',
                "\\boxed{32}",
            ),
            "a value to find",
        ),
    ),
)
class Sql(Environment[SqlTask]):
    """Explore a SQLite database by listing, describing and querying; a turn without a call is the answer.

    Each episode has a copy of its own, in a session of the sandbox: what is changed there, no other episode sees, and
    the verifier neither. A query past its time is stopped, and rows past `rows` are not shown.
    """

    def reset(self) -> str:
        self.is_open = False
        told = "You have a SQLite database. Look around with the tools; a turn without a call is your answer."
        return f"{self.task.prompt}\n\n{told}" if self.task.prompt else told

    @tool
    def list_tables(self) -> Step:
        """Name all tables and views."""
        return self._asked(LIST_TABLES)

    @tool
    def describe(self, table: str) -> Step:
        """Tell the columns of a table."""
        if len(table) > MAX_TABLE_CHARS:
            raise ToolError("there is no such table")
        return self._asked(describe(table))

    @tool(fence=("sql", "sqlite"))
    def query(self, sql: str) -> Step:
        """Run a statement; the first rows come back."""
        if len(sql) > MAX_QUERY_CHARS:
            raise ToolError(f"a statement has at most {MAX_QUERY_CHARS:,} characters")
        return self._asked(sql)

    def answer(self, text: str) -> Step:
        judged = self.world.judge(self.task.judge.fields, text)
        return Step(outcome=judged.reward, verdict=judged.result, reason=judged.reason)

    def chance(self, rng: Random) -> Call | str:
        return rng.choice(
            (Call("list_tables", {}), Call("query", {"sql": f"select {rng.random()}"}), "```sql\nselect 1\n```")
        )

    def _asked(self, sql: str) -> Step:
        interpreter = Interpreter(files={"database.sql": self.task.made_by()}, cpu_seconds=10.0, wall_seconds=20.0)
        if not self.is_open:
            opened = self.world.python(opening(), interpreter)
            if not opened.ok:
                raise InvalidTask("script", f"makes no database: {opened.error or opened.reason}")
            self.is_open = True
        cell = self.world.python(query(sql, self.task.rows), interpreter)
        self.is_open = not cell.lost
        if not cell.ok and cell.error.startswith("RuntimeError: "):
            told = cell.error.removeprefix("RuntimeError: ")
            return Step(f"Error: {told}", error=True, cpu_seconds=cell.cpu_seconds, wall_seconds=cell.wall_seconds)
        return shown(cell)
