"""Takes the SQL statement out of a response, and reads of a statement what comparing its rows depends on."""

import re
from typing import TYPE_CHECKING

from veriward.verifiers.answers import answer_region, last_answer_tag, last_fence
from veriward.verifiers.verdict import InvalidTask

if TYPE_CHECKING:
    from sqlglot import Token
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.expressions import Expression

MAX_STATEMENT_CHARS = 20_000

_LANGUAGES = ("sql", "sqlite", "sqlite3", "duckdb", "postgres", "postgresql")
_BARE = re.compile(
    r"^[ \t]*((?:SELECT|VALUES)\b|WITH\s+(?:RECURSIVE\s+)?\w+\s*(?:\([^()]*\)\s*)?AS\b)", re.IGNORECASE | re.MULTILINE
)
_SPLIT_COMPARISON = re.compile(r"([<>!]) =")
_CURRENT_YEAR = re.compile(r"YEAR\s*\(\s*CURDATE\s*\(\s*\)\s*\)\s*", re.IGNORECASE)


def statement_of(response: str) -> str | None:
    """The statement that the response gives as its answer, None if it gives none.

    Looked for in the last `<answer>`, else in all that follows the thinking: the last ```sql block, else the last
    block, else all of the `<answer>`, else the last lines that begin as a query does, to a semicolon or blank line.
    """
    region = answer_region(response)
    if region is None:
        return None
    answer = last_answer_tag(region)
    text = region if answer is None else answer
    found = last_fence(text, _LANGUAGES, unclosed=True)
    if found is None:
        found = last_fence(text, unclosed=True)
    if found is None:
        found = _bare(region) if answer is None else answer
    return found.strip() or None if found else None


def _bare(text: str) -> str | None:
    starts = [match.start(1) for match in _BARE.finditer(text)]
    if not starts:
        return None
    statement = text[starts[-1] :]
    return re.split(r";|\n[ \t]*\n", statement, maxsplit=1)[0]


def orders_rows(query: str, dialect: str = "sqlite") -> bool:
    """Whether the query itself, not one inside its parentheses, has an ORDER BY.

    SQLite allows no parentheses around the whole; where another engine does, they hide the ORDER BY within.

    Raises `InvalidTask` where the query can't be read.
    """
    from sqlglot import TokenType
    from sqlglot.errors import TokenError

    try:
        tokens = _tokens(query, dialect)
    except TokenError as error:
        raise InvalidTask(
            "ordered", f"say whether the order counts: in the gold query it can't be seen ({error})"
        ) from None
    depth = 0
    for token in tokens:
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if depth == 0 and token.token_type is TokenType.ORDER_BY:
            return True
    return False


def as_spider_runs_it(query: str, dialect: str = "sqlite") -> str:
    """The query as Spider's test suite changes it: `> =` joined, the current year 2020, every DISTINCT removed."""
    from sqlglot import TokenType
    from sqlglot.errors import TokenError

    query = _CURRENT_YEAR.sub("2020", _SPLIT_COMPARISON.sub(r"\1=", query))
    try:
        tokens = _tokens(query, dialect)
    except TokenError:
        return query  # the engine will say what is wrong with it
    for token in reversed(tokens):
        if token.token_type is TokenType.DISTINCT:
            query = query[: token.start] + query[token.end + 1 :]
    return query


def parsed(query: str, dialect: str = "sqlite") -> "Expression | None":
    """The syntax tree of the query's first statement, None where it can't be read or is nested too deeply."""
    from sqlglot.errors import SqlglotError
    from sqlglot.expressions import Expression

    try:
        trees = _dialect(dialect).parse(query)
    except (SqlglotError, RecursionError):
        return None
    return trees[0] if trees and isinstance(trees[0], Expression) else None


def _tokens(query: str, dialect: str) -> "list[Token]":
    return _dialect(dialect).tokenize(query)


def _dialect(name: str) -> "Dialect":
    from sqlglot.dialects.dialect import Dialect

    return Dialect.get_or_raise(name)
