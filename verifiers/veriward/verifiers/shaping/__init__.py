"""Shaping: terms beside correctness, on any task."""

from veriward.verifiers.shaping.combination import shaped
from veriward.verifiers.shaping.presets import PRESETS
from veriward.verifiers.shaping.reading import (
    KINDS,
    ShapedTask,
    read_terms,
    shaping_schema,
    wants_messages,
    with_shaping,
)
from veriward.verifiers.shaping.term import Seen, Term

__all__ = [
    "KINDS",
    "PRESETS",
    "Seen",
    "ShapedTask",
    "Term",
    "read_terms",
    "shaped",
    "shaping_schema",
    "wants_messages",
    "with_shaping",
]
