"""Likeness of two statements as texts: the tables and columns they name, and their pairs of words."""

from functools import lru_cache
from itertools import pairwise

from veriward.verifiers.sql.statement import parsed

ITEMS_KEPT = 64  # the gold statement's, above all


def jaccard(left: frozenset[object], right: frozenset[object]) -> float:
    """Shared over all; 1 where both are empty."""
    return len(left & right) / len(left | right) if left | right else 1.0


def schema_likeness(gold: str, statement: str, dialect: str = "sqlite") -> float:
    """Jaccard similarity of the tables and columns that the statements name; 0 where `statement` can't be read."""
    named = schema_items(statement, dialect)
    return 0.0 if named is None else jaccard(schema_items(gold, dialect) or frozenset(), named)


def bigram_likeness(gold: str, statement: str) -> float:
    """Jaccard similarity of the pairs of neighbouring words, split at white space, in lower case."""
    return jaccard(_bigrams(gold), _bigrams(statement))


@lru_cache(maxsize=ITEMS_KEPT)
def schema_items(statement: str, dialect: str = "sqlite") -> frozenset[object] | None:
    """("table", name) and ("column", name) in lower case, `*` a column; common table expressions are no tables."""
    from sqlglot import exp

    tree = parsed(statement, dialect)
    if tree is None:
        return None
    own = {expression.alias.lower() for expression in tree.find_all(exp.CTE)}
    tables = {table.name.lower() for table in tree.find_all(exp.Table)} - own
    columns = {column.name.lower() for column in tree.find_all(exp.Column)}
    if any(not isinstance(star.parent, exp.Column | exp.Count) for star in tree.find_all(exp.Star)):
        columns.add("*")
    return frozenset({("table", name) for name in tables if name} | {("column", name) for name in columns})


def _bigrams(statement: str) -> frozenset[object]:
    return frozenset(pairwise(statement.lower().split()))
