"""Games: each is one file with its rules, its prompt and its generator; what they share is exported here."""

from veriward.verifiers.logic.game import GameTask, judged, published
from veriward.verifiers.logic.reading import Unread, last_grid, last_literal, last_text, whole_numbers
from veriward.verifiers.logic.solving import Puzzle

__all__ = [
    "GameTask",
    "Puzzle",
    "Unread",
    "judged",
    "last_grid",
    "last_literal",
    "last_text",
    "published",
    "whole_numbers",
]
