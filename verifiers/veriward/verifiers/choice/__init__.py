"""Multiple choice."""

from veriward.verifiers.choice.grading import ChoiceTask, choice

__all__ = ["ChoiceTask", "choice"]
