"""Opinions of models: scores, rubrics, comparisons, equivalence, probabilities, reward models."""

from veriward.verifiers.model_judge.grading import model_judge
from veriward.verifiers.model_judge.task import ModelJudgeTask

__all__ = ["ModelJudgeTask", "model_judge"]
