"""The words of a verdict, in one place: every side imports them from here."""

from enum import StrEnum


class Status(StrEnum):
    """What happened to a rollout. Only `GRADED` carries a reward; in every other case it is null, never 0."""

    GRADED = "graded"
    INVALID_TASK = "invalid_task"  # unknown verifier, bad field, broken gold answer
    TIMEOUT = "timeout"  # our own limit, not the model's program
    OVERLOADED = "overloaded"  # dropped before it began
    CANCELLED = "cancelled"
    ERROR = "error"  # infrastructure, after the last try


class Outcome(StrEnum):
    """What a graded result says of the response."""

    CORRECT = "correct"
    WRONG = "wrong"
    PARTIAL = "partial"
    UNPARSED = "unparsed"  # no answer found, or more than the bounds allow


class RunStatus(StrEnum):
    """How a program sent to `/v1/execute` ended."""

    FINISHED = "finished"
    RUNTIME_ERROR = "runtime_error"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    COMPILE_ERROR = "compile_error"
    ERROR = "error"  # ours, not the program's
