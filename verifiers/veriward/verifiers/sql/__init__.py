"""Text-to-SQL, judged by what a query returns."""

from veriward.verifiers.sql.execution import SqlTask, sql

__all__ = ["SqlTask", "sql"]
