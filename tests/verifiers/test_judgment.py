"""How verdicts, preferences and scores are read, and the bounds of `judgment`; its cases say the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.judgment import MAX_CLASS_CHARS, MAX_CLASSES, JudgmentTask, judgment
from veriward.verifiers.verdict import Verdict
from veriward.wire.outcomes import Outcome


def verdict(response: str, **fields: object) -> Verdict:
    return judgment(response, JudgmentTask.model_validate(fields), NoSandbox())


PREFERENCES: dict[str, tuple[str, str | None]] = {
    "a letter": ("A", "A"),
    "a letter in brackets": ("[B]", "B"),
    "a letter in double brackets": ("[[B]]", "B"),
    "the same letter twice": ("[[B]], so [[B]]", "B"),
    "a model": ("Model B", "B"),
    "is better": ("Response B is better", "B"),
    "is better than": ("B is better than A", "B"),
    "is much better than": ("Response A is much better than response B.", "A"),
    "greater": ("A>B", "A"),
    "much greater": ("B >> A", "B"),
    "less": ("A < B", "B"),
    "much less": ("A<<B", "B"),
    "equal": ("A=B", "tie"),
    "a tie": ("It is a tie", "tie"),
    "C in a pair": ("C", "tie"),
    "preferred": ("I strongly prefer B over A.", "B"),
    "is the answer": ("The better response is B", "B"),
    "winner": ("Winner: B", "B"),
    "winner of both": ("Winner: A and B", None),
    "scores": ("7, 9", "B"),
    "equal scores": ("7 7", "tie"),
    "JSON": ('{"winner": "B"}', "B"),
    "with a reason": ("B, because A is too short", "B"),
    "two letters": ("[[A]][[B]]", None),
    "an article": ("A good reply", None),
    "a letter that is no candidate": ("D", None),
    "three scores": ("7 8 9", None),
    "itself": ("A > C", None),
}


@pytest.mark.parametrize(("answer", "named"), PREFERENCES.values(), ids=PREFERENCES.keys())
def test_a_preference(answer: str, named: str | None) -> None:
    response = f"<answer>{answer}</answer>"
    for gold in ("A", "B", "tie"):
        assert verdict(response, gold=gold).reward == (gold == named)
    assert (verdict(response, gold="A").outcome is Outcome.UNPARSED) is (named is None)


SCORES: dict[str, tuple[str, float | None]] = {
    "a number": ("7", 7),
    "half a point": ("7.5", 7.5),
    "out of ten": ("7/10", 7),
    "out of a hundred, in words": ("70 out of 100", 70),
    "in a sentence": ("The score is 7/10.", 7),
    "with a reason": ("7, because it is good", 7),
    "JSON": ('{"score": 7}', 7),
    "in prose": ("I would rate this 7 out of 10", 7),
    "at least": ("I would rate this at least 7", None),
    "a range": ("6-8", None),
    "two": ("6, 8", None),
    "a word": ("good", None),
}


@pytest.mark.parametrize(("answer", "score"), SCORES.values(), ids=SCORES.keys())
def test_a_score(answer: str, score: float | None) -> None:
    told = verdict(f"<answer>{answer}</answer>", gold=score if score is not None else 7)
    assert told.outcome is (Outcome.UNPARSED if score is None else Outcome.CORRECT)


def test_a_score_at_its_tolerance_and_past_it() -> None:
    assert verdict("6.5", gold=7, tolerance=0.5).reward == 1
    assert verdict("6.49", gold=7, tolerance=0.5).reward == 0


def test_a_class_one_step_past_its_bounds_is_refused() -> None:
    many = [f"class {number}" for number in range(MAX_CLASSES)]
    assert verdict("class 3", gold="class 3", classes=many).reward == 1
    with pytest.raises(ValueError, match="at most"):
        verdict("class 3", gold="class 3", classes=[*many, "one more"])
    with pytest.raises(ValueError, match="at most"):
        verdict("x", gold="x", classes=["x", "y" * (MAX_CLASS_CHARS + 1)])


@given(st.text(alphabet=st.sampled_from('AB[]<>= 789/,.{}":isbetrhanow')))
def test_any_text_is_judged(text: str) -> None:
    for gold in ("A", 7, True):
        verdict(f"<answer>{text}</answer>", gold=gold)


@pytest.mark.parametrize("piece", ["[[A]]", "[[", "A>", "response ", "7/", "7 ", "not ", "A is better than "])
def test_a_million_characters_of_anything_are_judged(piece: str) -> None:
    for response in (piece * (1_000_000 // len(piece)), f"<answer>{(piece * 4_096)[:4_096]}</answer>"):
        for gold in ("A", 7, True):
            verdict(response, gold=gold)
