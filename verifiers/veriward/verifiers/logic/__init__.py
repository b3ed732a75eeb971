"""Games: each is one file with its rules, its prompt and its generator; what they share is exported here."""

from veriward.verifiers.logic.game import GameTask, judged, published, stored
from veriward.verifiers.logic.reading import (
    Unread,
    container,
    last_grid,
    last_literal,
    last_text,
    last_whole_number,
    parse_literal,
    whole_numbers,
)
from veriward.verifiers.logic.solving import Puzzle

__all__ = [
    "GameTask",
    "Puzzle",
    "Unread",
    "container",
    "judged",
    "last_grid",
    "last_literal",
    "last_text",
    "last_whole_number",
    "parse_literal",
    "published",
    "stored",
    "whole_numbers",
]
