"""Group shaping against its formulas, and that no wrong answer comes out on top."""

from math import exp
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.verifiers.shaping.groups import MAX_COMPARED_CHARS, GroupTerm, Rollout, answer_key, shape_group
from veriward.wire.outcomes import Outcome

RIGHT, WRONG, PARTIAL, UNPARSED = Outcome.CORRECT, Outcome.WRONG, Outcome.PARTIAL, Outcome.UNPARSED


def right(text: str = "", said: str = "72", reward: float = 1.0) -> Rollout:
    return Rollout(text, reward, RIGHT, said)


def wrong(text: str = "", said: str = "71", reward: float = 0.0) -> Rollout:
    return Rollout(text, reward, WRONG, said)


def rewards(term: GroupTerm, *rollouts: Rollout) -> list[float]:
    return [rollout.reward for rollout in shape_group([term], rollouts)]


def sigmoid(z: float) -> float:
    return 1 / (1 + exp(-z))


LENGTH, HALF, DIVERSE = GroupTerm("relative_length"), GroupTerm("relative_length", 0.5), GroupTerm("diversity")

SHAPED: dict[str, tuple[GroupTerm, list[Rollout], list[float]]] = {
    "lengths 10 and 20: mean 15, deviation 5": (
        LENGTH,
        [right("x" * 10), right("x" * 20)],
        [1 - 0.1 * sigmoid(-1), 1 - 0.1 * sigmoid(1)],
    ),
    "the lengths of wrong answers do not count": (
        HALF,
        [right("x" * 10), wrong("x" * 900), right("x" * 20)],
        [1 - 0.5 * sigmoid(-1), 0, 1 - 0.5 * sigmoid(1)],
    ),
    "one right answer is of mean length": (LENGTH, [right("xx"), wrong("x")], [0.95, 0]),
    "right answers of one length": (LENGTH, [right("xx"), right("yy")], [0.95, 0.95]),
    "no right answer": (LENGTH, [wrong("x"), wrong("xx")], [0, 0]),
    "what is below 0 stays": (LENGTH, [wrong(reward=-1.0)], [-1]),
    "wrong and paid all the same": (HALF, [right("x"), wrong(reward=0.5)], [0.75, 0.25]),
    "partly right: the least factor": (HALF, [right("x"), Rollout("x", 0.6, PARTIAL)], [0.75, 0.3]),
    "the same twice: 1 / (1 + 1)": (DIVERSE, [right("a b c d"), right("a b c d")], [0.5, 0.5]),
    "nothing in common": (DIVERSE, [right("a b c d"), right("e f g h")], [1, 1]),
    "one trigram of three: 1 / (1 + 1/3)": (DIVERSE, [right("a b c d"), right("b c d e")], [0.75, 0.75]),
    "at half the weight: 1 / (1 + 1/2)": (GroupTerm("diversity", 0.5), [right("a"), right("a")], [2 / 3, 2 / 3]),
    "a wrong answer is no company": (DIVERSE, [right("a b c d"), wrong("a b c d")], [1, 0]),
    "alone": (DIVERSE, [right("a")], [1]),
    "most say 71": (GroupTerm("majority"), [right(), wrong(), wrong()], [0, 1, 1]),
    "the same number otherwise written": (
        GroupTerm("majority"),
        [right(said="1,072.0"), right(said="$1072$"), wrong(said="71"), wrong(said=r"\text{1072}")],
        [1, 1, 0, 1],
    ),
    "a tie goes to the first": (GroupTerm("majority"), [wrong(said="a"), wrong(said="b")], [1, 0]),
    "no answer has no vote": (
        GroupTerm("majority"),
        [Rollout("", 0, UNPARSED, "1"), Rollout("", 0, UNPARSED), Rollout("", 0, WRONG, " "), wrong(said="b")],
        [0, 0, 0, 1],
    ),
    "nobody votes": (GroupTerm("majority"), [Rollout("", 0, UNPARSED)], [0]),
    "nobody is there": (GroupTerm("majority"), [], []),
}


@pytest.mark.parametrize(("term", "rollouts", "expected"), SHAPED.values(), ids=SHAPED)
def test_rewards(term: GroupTerm, rollouts: list[Rollout], expected: list[float]) -> None:
    assert rewards(term, *rollouts) == pytest.approx(expected)


def test_what_was_done_is_named() -> None:
    first, second, third = shape_group([GroupTerm("majority"), HALF], [wrong("xx"), wrong("x"), right("x")])
    assert (first.outcome, second.outcome, third.outcome) == (RIGHT, RIGHT, WRONG)
    assert first.parts == pytest.approx(
        {"ungrouped": 0.0, "group.majority": 1.0, "group.relative_length": 1 - 0.5 * sigmoid(1)}
    )
    assert first.reward == pytest.approx(1 - 0.5 * sigmoid(1))
    assert third.parts == {"ungrouped": 1.0, "group.majority": 0.0, "group.relative_length": 1.0}
    assert first.metrics == {"group.majority_share": pytest.approx(2 / 3)}


KEYS = {
    "a whole number": ("72", "72"),
    "with zeros": ("72.00", "72"),
    "with thousands": ("1,072", "1072"),
    "badly grouped thousands are text": ("10,72", "10,72"),
    "zero is zero": ("-0.0", "0"),
    "a plus": ("+3", "3"),
    "small letters and blanks": ("  The  Red\nFox. ", "the red fox"),
    "wrapping": (r"\text{Paris}", "paris"),
    "digits of another script are text": ("٧٢", "٧٢"),
    "a number past the bound is text": ("1" * 41 + ".0", "1" * 41 + ".0"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("answer", "key"), KEYS.values(), ids=KEYS)
def test_answer_key(answer: str, key: str) -> None:
    assert answer_key(answer) == key


@given(st.text(max_size=60))
def test_any_answer_has_a_key(answer: str) -> None:
    assert isinstance(answer_key(answer), str)


ROLLOUT = st.builds(
    Rollout,
    st.one_of(st.text(alphabet="ab ", max_size=30), st.integers(0, 900).map("x ".__mul__)),
    st.floats(-3, 3),
    st.sampled_from(Outcome),
    st.sampled_from(["a", "b", " ", None]),
)
TERMS = st.lists(
    st.builds(GroupTerm, st.sampled_from(["relative_length", "diversity"]), st.none() | st.floats(0, 1)),
    min_size=1,
    max_size=3,
)


@given(TERMS, st.lists(ROLLOUT, max_size=8))
def test_no_wrong_answer_comes_to_outrank_a_right_one(terms: Any, group: list[Rollout]) -> None:
    shaped = shape_group(terms, group)
    assert len(shaped) == len(group)
    for before, after in zip(group, shaped, strict=True):
        assert abs(after.reward) <= abs(before.reward)
        for other, other_after in zip(group, shaped, strict=True):
            if before.right and not other.right and other.reward <= before.reward:
                assert other_after.reward <= after.reward + 1e-9


@given(st.lists(ROLLOUT, max_size=8))
def test_the_majority_pays_1_or_0_and_each_answer_alike(group: list[Rollout]) -> None:
    shaped = shape_group([GroupTerm("majority")], group)
    paid = {rollout.extracted: rollout.reward for rollout in shaped if rollout.outcome is not UNPARSED}
    assert {rollout.reward for rollout in shaped} <= {0.0, 1.0}
    assert sorted(paid.values())[-1:] in ([], [1.0])
    assert all(rollout.reward == paid[rollout.extracted] for rollout in shaped if rollout.outcome is not UNPARSED)


def test_diversity_compares_the_last_characters() -> None:
    same = "a b c " * (MAX_COMPARED_CHARS // 6 + 1)
    assert rewards(DIVERSE, right("one two three " + same), right("four five six " + same)) == [0.5, 0.5]
