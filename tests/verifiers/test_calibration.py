"""The form and the sums of `calibration`; its cases say the rest."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.verifiers import InvalidTask, Replies
from veriward.verifiers.calibration import (
    MAX_ANSWER_CHARS,
    MAX_CONFIDENCE_CHARS,
    CalibrationParams,
    CalibrationTask,
    Weights,
    calibration,
    read,
)
from veriward.verifiers.conformance import NoSandbox


def said(answer: str = "A", confidence: str = "0.5", analysis: str | None = None) -> str:
    between = "" if analysis is None else f"<analysis>{analysis}</analysis>\n"
    return f"<think>…</think>\n<answer>{answer}</answer>\n{between}<confidence>{confidence}</confidence>"


CONFIDENCES: dict[str, tuple[str, float | None]] = {
    "a fraction": ("0.5", 0.5),
    "with blanks": (" 0.5\n", 0.5),
    "without a zero": (".5", 0.5),
    "zero": ("0", 0.0),
    "one": ("1", 1.0),
    "one point": ("1.", 1.0),
    "one and zeros": ("1.000", 1.0),
    "more than one": ("1.5", None),
    "two": ("2", None),
    "negative": ("-0.5", None),
    "an exponent": ("1e-1", None),
    "percent": ("50%", None),
    "nan": ("nan", None),
    "inf": ("inf", None),
    "an underscore": ("0.5_0", None),
    "digits of another script": ("٠.٥", None),
    "words": ("high", None),
    "nothing": ("", None),
}


@pytest.mark.parametrize(("confidence", "value"), CONFIDENCES.values(), ids=CONFIDENCES.keys())
def test_confidence(confidence: str, value: float | None) -> None:
    found = read(said(confidence=confidence), "tac")
    assert (found and found.confidence) == value


FORMS: dict[str, tuple[str, Literal["tac", "tabc"], bool]] = {
    "answer and confidence": (said(), "tac", True),
    "an analysis where none is asked for": (said(analysis="so"), "tac", False),
    "answer, analysis, confidence": (said(analysis="so"), "tabc", True),
    "no analysis where one is asked for": (said(), "tabc", False),
    "an empty analysis, as published": (said(analysis=""), "tabc", True),
    "text between answer and confidence": (said().replace("</answer>", "</answer> so"), "tac", False),
    "text between thinking and answer": (said().replace("</think>", "</think> so"), "tac", False),
    "an answer closed twice": (said("A</answer>B"), "tac", False),
}


@pytest.mark.parametrize(("response", "form", "kept"), FORMS.values(), ids=FORMS.keys())
def test_form(response: str, form: Literal["tac", "tabc"], kept: bool) -> None:
    assert (read(response, form) is not None) is kept


def test_bounds_one_step_past() -> None:
    assert read(said("x" * MAX_ANSWER_CHARS), "tac") is not None
    assert read(said("x" * (MAX_ANSWER_CHARS + 1)), "tac") is None
    longest = "0." + "5" * (MAX_CONFIDENCE_CHARS - 2)
    assert read(said(confidence=longest), "tac") is not None
    assert read(said(confidence=longest + "5"), "tac") is None


@given(st.floats(0, 1), st.floats(0, 1))
def test_no_wrong_answer_earns_more_than_a_right_one(mine: float, other: float) -> None:
    for params in (CalibrationParams(), CalibrationParams(weights=Weights(accuracy=1, brier=1, format=0.1))):
        task = CalibrationTask(gold="A", params=params)
        right = calibration(said("A", f"{mine:.6f}"), task, NoSandbox(), Replies())
        wrong = calibration(said("B", f"{other:.6f}"), task, NoSandbox(), Replies())
        assert right.reward >= wrong.reward >= 0


def test_a_wrong_answers_best_confidence_is_none_and_a_right_ones_is_full() -> None:
    task = CalibrationTask(gold="A")
    rewards = [[calibration(said(a, c), task, NoSandbox(), Replies()).reward for c in ("0", "0.5", "1")] for a in "AB"]
    assert rewards == [[0.5, 0.875, 1.0], [0.5, 0.375, 0.0]]


def test_the_task_is_read_even_where_the_response_is_not() -> None:
    with pytest.raises(InvalidTask):
        calibration("", CalibrationTask(gold="?!"), NoSandbox(), Replies())


@pytest.mark.parametrize("piece", ["<answer>", "</answer>", "<confidence>", "</confidence>", "</think>", " ", "1"])
def test_a_million_characters_of_anything_are_judged(piece: str) -> None:
    flood = piece * (1_000_000 // len(piece))
    calibration(flood, CalibrationTask(gold="A"), NoSandbox(), Replies())
    assert read(said(flood), "tac") is None
