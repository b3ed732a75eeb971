"""Programs, judged by running them: their output, their values, or tests that call them."""

from veriward.verifiers.code.grading import code
from veriward.verifiers.code.task import CodeTask

__all__ = ["CodeTask", "code"]
