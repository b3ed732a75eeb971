"""Each metric by hand and by its library, and the bounds and costs of `text`; its cases say the rest."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import sentence_chrf
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.text import (
    MAX_REFERENCES,
    MAX_ROUGE_REFERENCE_WORDS,
    MAX_ROUGE_WORDS,
    MAX_TEXT_CHARS,
    MAX_TEXTS_CACHED,
    METRICS,
    TextTask,
    text,
)
from veriward.verifiers.verdict import Verdict
from veriward.wire.outcomes import Outcome


def verdict(response: str, metric: str, gold: str | list[str]) -> Verdict:
    return text(response, TextTask.model_validate({"metric": metric, "gold": gold}), NoSandbox())


MAT = "the cat sat on the mat"
# metric, references, text, by hand
BY_HAND: dict[str, tuple[str, list[str], str, float]] = {
    "rouge_l: LCS 5 of 6 and 6": ("rouge_l", [MAT], "the cat is on the mat", 5 / 6),
    "rouge_l: LCS 2 of 6 and 2, P 1, R 1/3": ("rouge_l", [MAT], "cat mat", 0.5),
    "rouge_l: the nearest reference": ("rouge_l", ["no", MAT], "the cat is on the mat", 5 / 6),
    # p1..p4 = 5/5, 3/4, 2/3, 1/2; brevity exp(1 - 6/5)
    "bleu: a word left out": ("bleu", [MAT], "the cat sat on mat", (0.25**0.25) * math.exp(-0.2)),
    # p1, p2 = 2/2, 1/1; higher orders do not exist in the text; brevity exp(1 - 6/2)
    "bleu: the effective order": ("bleu", [MAT], "the cat", math.exp(-2)),
    # characters: 1/2 and 0/1, averaged over the two orders that exist: P = R = 1/4
    "chrf: one letter of two": ("chrf", ["ab"], "ac", 0.25),
    # tokens without articles: cat, on, mat of cat sat on mat and cat is on mat
    "f1: three of four and four": ("f1", [MAT], "The cat is on the mat.", 0.75),
    "edit: three of seven": ("edit", ["sitting"], "kitten", 4 / 7),
    "edit: the nearest reference": ("edit", ["zzzzzzz", "sitting"], "kitten", 4 / 7),
    "exact: case counts": ("exact", ["Cat"], "cat", 0.0),
}


@pytest.mark.parametrize(("metric", "gold", "told", "score"), BY_HAND.values(), ids=BY_HAND.keys())
def test_a_score_by_hand(metric: str, gold: list[str], told: str, score: float) -> None:
    found = verdict(told, metric, gold)
    assert found.reward == pytest.approx(score, abs=1e-9)
    assert found.parts == {metric: found.reward}
    assert found.outcome is (Outcome.PARTIAL if score else Outcome.WRONG)


PAIRS = [
    (["The quick brown fox jumps over the lazy dog."], "A quick brown fox jumped over a lazy dog."),
    (["It is 3.5 % cheaper, they said.", "They said that it was 3.5% cheaper."], "They said it's 3.5% cheaper."),
    (["Der Hund läuft."], "Der Hund lief schnell."),
]


@pytest.mark.parametrize(("gold", "told"), PAIRS)
def test_the_scores_are_those_of_the_libraries(gold: list[str], told: str) -> None:
    rouge = RougeScorer(["rougeL"]).score_multi(gold, told)["rougeL"].fmeasure
    assert verdict(told, "rouge_l", gold).reward == rouge
    assert verdict(told, "bleu", gold).reward == BLEU(effective_order=True).sentence_score(told, gold).score / 100
    assert verdict(told, "chrf", gold).reward == sentence_chrf(told, gold).score / 100


@pytest.mark.parametrize("metric", METRICS)
@given(words=st.lists(st.sampled_from(["cat", "mat", "sat", "1.5", "it's", "Öl"]), min_size=1, max_size=12))
def test_a_text_is_nearest_to_itself(metric: str, words: list[str]) -> None:
    told = " ".join(words)
    if metric != "rouge_l" or any(word.isascii() for word in words):
        assert verdict(told, metric, told).reward == 1
        assert 0 <= verdict(told + " dog", metric, told).reward < 1


@pytest.mark.parametrize("metric", METRICS)
@given(told=st.text())
def test_any_text_has_a_score(metric: str, told: str) -> None:
    assert 0 <= verdict(told, metric, ["a b.", "c"]).reward <= 1


def test_a_text_one_step_past_its_bounds_is_not_scored() -> None:
    assert verdict("x" * MAX_TEXT_CHARS, "edit", "x").outcome is Outcome.PARTIAL
    assert verdict("x" * (MAX_TEXT_CHARS + 1), "edit", "x").outcome is Outcome.UNPARSED
    assert verdict("x " * MAX_ROUGE_WORDS, "rouge_l", "x").outcome is Outcome.PARTIAL
    assert verdict("x " * (MAX_ROUGE_WORDS + 1), "rouge_l", "x").outcome is Outcome.UNPARSED


def test_references_one_step_past_their_bounds_are_refused() -> None:
    assert verdict("x", "edit", ["x"] * MAX_REFERENCES).reward == 1
    words = "x " * MAX_ROUGE_REFERENCE_WORDS
    assert verdict("x", "rouge_l", words).outcome is Outcome.PARTIAL
    for metric, gold in (
        ("edit", ["x"] * (MAX_REFERENCES + 1)),
        ("edit", ["x" * (MAX_TEXT_CHARS + 1)]),
        ("rouge_l", [words, "x"]),
    ):
        with pytest.raises(ValueError, match=r"at most|more than"):
            verdict("x", metric, gold)


def test_the_librarys_cache_of_texts_stays_small() -> None:
    for number in range(3 * MAX_TEXTS_CACHED):
        verdict(f"text {number}", "bleu", "text")
    assert Tokenizer13a.__call__.cache_info().currsize <= MAX_TEXTS_CACHED + MAX_REFERENCES + 1


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("piece", ["a", "a ", "a b ", ".", "<answer>", "-\n", "&quot;", "猫"])
def test_a_million_characters_of_anything_are_judged(piece: str, metric: str) -> None:
    for times in (1_000_000, MAX_TEXT_CHARS):
        verdict(piece * (times // len(piece)), metric, "a b c")
