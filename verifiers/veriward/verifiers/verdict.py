"""What a verifier says of a response, and the one way it may say that the task itself is broken."""

from dataclasses import dataclass, field
from typing import Literal

from veriward.wire.outcomes import Outcome

MAX_EXTRACTED_CHARS = 1_000
MAX_REASON_CHARS = 1_000
WHOLE_TASK = "task"  # the field named where no single one is at fault


class InvalidTask(Exception):
    """The task, not the response, is at fault; `field` names the part to mend. Becomes status `invalid_task`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message

    def within(self, place: str) -> "InvalidTask":
        """The same fault, told of the task that holds the broken one at `place`."""
        return InvalidTask(place if self.field == WHOLE_TASK else f"{place}.{self.field}", self.message)


class Unavailable(InvalidTask):
    """A library or tool that the verifier needs is not installed here: neither task nor response is at fault."""

    def __init__(self, message: str) -> None:
        super().__init__(WHOLE_TASK, f"unavailable: {message}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement about the model's response.

    `parts` are the named components that make `reward`; `metrics` are figures that don't. `isolation` is given by
    verifiers that ran the model's program: (level, layers, backend) as the sandbox stamped it.
    """

    outcome: Outcome
    reward: float
    parts: dict[str, float] = field(default_factory=dict)
    extracted: str | None = None
    reason: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    integrity: Literal["strong", "weak"] = "strong"
    isolation: tuple[str, tuple[str, ...], str] | None = None


def correct(extracted: str | None = None, reason: str = "") -> Verdict:
    return Verdict(Outcome.CORRECT, 1.0, {"answer": 1.0}, extracted, reason)


def wrong(extracted: str | None = None, reason: str = "") -> Verdict:
    return Verdict(Outcome.WRONG, 0.0, {"answer": 0.0}, extracted, reason)


def unparsed(reason: str, extracted: str | None = None) -> Verdict:
    """No answer was found, or it is more than the bounds allow."""
    return Verdict(Outcome.UNPARSED, 0.0, {"answer": 0.0}, extracted, reason)
