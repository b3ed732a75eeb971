"""Ranked lists."""

from veriward.verifiers.ranking.grading import RankingTask, ranking

__all__ = ["RankingTask", "ranking"]
