"""The metrics of `ranking` by hand, its reading, its bounds; its cases say the rest."""

from math import log2
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.ranking.grading import MAX_ENTRIES, RankingParams, RankingTask, ranking
from veriward.verifiers.ranking.metrics import average_overlap, ndcg, recall, reciprocal_rank
from veriward.verifiers.ranking.reading import MAX_LIST_CHARS, MAX_POSITION_DIGITS, identified, items
from veriward.wire.outcomes import Outcome

METRICS: dict[str, tuple[float, float]] = {
    "NDCG of the ideal order": (ndcg("abcd", "ab", 10), 1.0),
    "NDCG of one relevant, third: 1/log2(4)": (ndcg("abcd", "c", 10), 0.5),
    "NDCG of two relevant, second and fourth": (
        ndcg("abcd", "bd", 10),
        (1 / log2(3) + 1 / log2(5)) / (1 + 1 / log2(3)),
    ),
    "NDCG beyond k": (ndcg("abcd", "d", 3), 0.0),
    "NDCG of more relevant ones than k": (ndcg("abcd", "abcd", 2), 1.0),
    "recall at 2 of three": (recall("abcd", "bcd", 2), 1 / 3),
    "recall of all": (recall("abcd", "bcd", 4), 1.0),
    "reciprocal rank": (reciprocal_rank("abcd", "cd", 10), 1 / 3),
    "reciprocal rank beyond k": (reciprocal_rank("abcd", "cd", 2), 0.0),
    "overlap of one list with itself": (average_overlap("abc", "abc"), 1.0),
    "overlap of the reverse": (average_overlap("abc", "cba"), (0 + 1 / 2 + 1) / 3),
    "overlap of strangers": (average_overlap("abc", "xyz"), 0.0),
    "overlap down to the shorter list": (average_overlap("abcde", "zca"), (0 + 0 + 2 / 3) / 3),
}


@pytest.mark.parametrize(("value", "by_hand"), METRICS.values(), ids=METRICS.keys())
def test_metrics(value: float, by_hand: float) -> None:
    assert value == pytest.approx(by_hand, abs=1e-12)


LISTS: dict[str, tuple[str, list[str] | None]] = {
    "divided by greater-than": ("[2] > [1]", ["[2]", "[1]"]),
    "lines": ("b\n\na", ["b", "a"]),
    "numbered lines": ("1. b\n2) a", ["b", "a"]),
    "bullets": ("- b\n* a", ["b", "a"]),
    "lines that are not all numbered stay": ("1. b\na", ["1. b", "a"]),
    "JSON texts": ('["b", "a"]', ["b", "a"]),
    "JSON integers": ("[2, 1]", ["[2]", "[1]"]),
    "JSON of other kinds": ("[2.5, 1]", ["[2.5, 1]"]),
    "JSON that nests": ("[" * 60_000, ["[" * 60_000]),
    "a missing entry": ("b > > a", None),
    "nothing": (" ", None),
}


@pytest.mark.parametrize(("text", "entries"), LISTS.values(), ids=LISTS.keys())
def test_items(text: str, entries: list[str] | None) -> None:
    assert items(text) == entries


def test_a_list_one_character_too_long_is_not_read() -> None:
    assert items("a" * MAX_LIST_CHARS) is not None
    assert items("a" * (MAX_LIST_CHARS + 1)) is None


def test_entries_are_positions_or_names() -> None:
    known = ["x", "10", "y"]
    assert identified(["[1]", "2", "10", "y", "[10]", "[0]", "4", "z"], known) == [
        "x", "10", "10", "y", None, None, None, None,
    ]  # fmt: skip


def test_a_position_one_digit_too_long_is_none() -> None:
    known = ["x"]
    assert identified(["1".zfill(MAX_POSITION_DIGITS), "1".zfill(MAX_POSITION_DIGITS + 1)], known) == ["x", None]


def test_one_document_too_many_is_refused() -> None:
    listed = [str(number) for number in range(MAX_ENTRIES + 1)]
    RankingTask(initial_list=listed[:-1], relevant=["0"])
    with pytest.raises(ValueError, match="at most"):
        RankingTask(initial_list=listed, relevant=["0"])


def test_weights_are_the_published_ones_once_any_is_given() -> None:
    fields: dict[str, Any] = {"initial_list": ["a"], "relevant": ["a"], "gold_order": ["a"]}
    given = RankingTask(**fields, params=RankingParams(w_recall=0))
    assert given.weights() == {"ndcg": 1.0, "recall": 0.0, "rbo": 0.1}
    assert sum(RankingTask(**fields).weights().values()) == pytest.approx(1.0)
    del fields["gold_order"]
    assert RankingTask(**fields).weights() == pytest.approx({"ndcg": 1 / 1.2, "recall": 0.2 / 1.2})


@given(st.permutations("abcdef"))
def test_no_order_earns_more_than_the_gold_order(order: list[str]) -> None:
    task = RankingTask(initial_list=list("abcdef"), relevant=["c", "e"], gold_order=list("cefdab"))
    verdict = ranking(f"<answer>{' > '.join(order)}</answer>", task, NoSandbox())
    assert 0 <= verdict.reward <= 1 + 1e-12
    assert (verdict.outcome is Outcome.CORRECT) == (order == list("cefdab"))


@given(st.text(alphabet="[]>\"',0123456789.-* \nab"))
def test_any_text_is_a_list_or_not(text: str) -> None:
    entries = items(text)
    if entries is not None:
        identified(entries, ["a", "b"])


FLOODS = [">", "[1] > ", "[", "a\n", "1. ", "<answer>", "- \n", "9", "[1],"]


@pytest.mark.parametrize("piece", FLOODS)
def test_a_million_characters_of_anything_are_judged(piece: str) -> None:
    task = RankingTask(initial_list=["a", "b"], relevant=["a"])
    ranking(piece * (1_000_000 // len(piece)), task, NoSandbox())
    ranking(f"<answer>{piece * (60_000 // len(piece))}</answer>", task, NoSandbox())
