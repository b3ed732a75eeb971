"""Which words stand for which verdict, and the bounds of `claim`; its cases say the rest."""

import pytest

from veriward.verifiers.claim import MAX_CLASS_CHARS, MAX_CLASSES, MEANINGS, ClaimTask, claim
from veriward.verifiers.conformance import NoSandbox
from veriward.wire.outcomes import Outcome

WORDS = [(word, meaning) for meaning, words in MEANINGS.items() for word in words]


@pytest.mark.parametrize(("word", "meaning"), WORDS)
def test_each_word_is_a_verdict_and_a_gold(word: str, meaning: str) -> None:
    task = ClaimTask(gold=word)
    assert task.gold == meaning
    for said in (word, word.upper(), f"The claim is {word}."):
        assert claim(f"<answer>{said}</answer>", task, NoSandbox()).outcome is Outcome.CORRECT


def test_a_word_for_two_classes_is_a_word_for_none() -> None:
    task = ClaimTask(gold="true", classes=["true", "supported", "false"])
    assert claim("true", task, NoSandbox()).outcome is Outcome.CORRECT
    assert claim("entailed", task, NoSandbox()).outcome is Outcome.UNPARSED


def test_a_class_one_step_past_its_bounds_is_refused() -> None:
    many = [f"class {number}" for number in range(MAX_CLASSES)]
    assert claim("class 1", ClaimTask(gold="class 1", classes=many), NoSandbox()).reward == 1
    with pytest.raises(ValueError, match="at most"):
        ClaimTask(gold="class 1", classes=[*many, "one more"])
    with pytest.raises(ValueError, match="at most"):
        ClaimTask(gold="x", classes=["x", "y" * (MAX_CLASS_CHARS + 1)])


@pytest.mark.parametrize("piece", ["not ", "true ", "not enough ", "{", "cannot be "])
def test_a_million_characters_of_anything_are_judged(piece: str) -> None:
    for response in (piece * (1_000_000 // len(piece)), f"<answer>{(piece * 4_096)[:4_096]}</answer>"):
        claim(response, ClaimTask(gold=True), NoSandbox())  # type: ignore[arg-type]
