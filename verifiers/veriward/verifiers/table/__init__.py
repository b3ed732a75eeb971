"""Questions about tables and financial reports."""

from veriward.verifiers.table.grading import TableTask, table

__all__ = ["TableTask", "table"]
