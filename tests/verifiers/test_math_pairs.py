"""Pairs of gold and answer, a sentence per group: what is the same, and what only looks it."""

import tomllib
from pathlib import Path

import pytest

from veriward.verifiers.math import MathTask, math
from veriward.wire.outcomes import Outcome

PAIRS = tomllib.loads(Path(__file__).with_name("math_pairs.toml").read_text("utf-8"))


def rows(kind: str) -> list[object]:
    return [
        pytest.param(gold, answer, id=f"{sentence}: {gold} | {answer}")
        for sentence, group in PAIRS.items()
        for gold, answer in group.get(kind, [])
    ]


def outcome(gold: str, answer: str) -> Outcome:
    return math(f"So it is \\boxed{{{answer}}}.", MathTask(answer=gold), None).outcome


@pytest.mark.parametrize(("gold", "answer"), rows("accept"))
def test_says_the_same(gold: str, answer: str) -> None:
    assert outcome(gold, answer) is Outcome.CORRECT


@pytest.mark.parametrize(("gold", "answer"), rows("reject"))
def test_says_something_else(gold: str, answer: str) -> None:
    assert outcome(gold, answer) in (Outcome.WRONG, Outcome.UNPARSED)


@pytest.mark.parametrize(("gold", "answer"), rows("accept") + rows("reject"))
def test_every_gold_answer_accepts_itself(gold: str, answer: str) -> None:
    assert outcome(gold, gold) is Outcome.CORRECT
