"""Checks of ours beside scorers of the library that take wrong answers for right ones."""

import re
from collections import Counter
from typing import Any

from veriward.verifiers.logic.arithmetic import read_equation
from veriward.verifiers.logic.reading import Unread

MAX_ERROR = 5e-4  # of a probability, which is asked for without saying how exactly

_DECIMAL = re.compile(r"\d{0,3}\.?\d{1,30}", re.ASCII)


def fault_beside(name: str, answer: str, entry: dict[str, Any]) -> str | None:
    """What is wrong with the answer, though the scorer may pay it; None where nothing is known to be."""
    if name == "game_of_life_halting":  # compares the truth of two texts, and any text is true
        return None if answer.strip().lower() == str(entry["answer"]).strip().lower() else "it is the other"
    if name == "coin_flip":  # takes any beginning of the right number, such as 0
        return _not_near(answer, entry["answer"])
    if name == "puzzle24":  # takes any four numbers, and rounds the result
        return _not_24(answer, entry["metadata"].get("numbers"))
    return None


def _not_near(answer: str, gold: str) -> str | None:
    if not _DECIMAL.fullmatch(answer.strip()):
        return "it is no decimal number"
    return None if abs(float(answer) - float(gold)) <= MAX_ERROR else "it is another number"


def _not_24(answer: str, numbers: Any) -> str | None:
    try:
        told = read_equation(answer).left
    except Unread as unread:
        return str(unread)
    if isinstance(numbers, list) and Counter(told.numbers) != Counter(numbers):
        return "it does not use every number exactly once"
    return None if told.value == 24 else f"it is {told.value}, not 24"
