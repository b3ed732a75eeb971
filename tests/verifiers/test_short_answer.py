"""Normalisation, F1 by hand, subspan's bounds and costs of `short_answer`; its cases say the rest."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.short_answer import MAX_ALIAS_CHARS, MAX_ALIASES, ShortAnswerTask, short_answer
from veriward.verifiers.verdict import Verdict
from veriward.verifiers.wording import f1, numbers, without_span, words
from veriward.wire.outcomes import Outcome

WORDS: dict[str, tuple[str, str]] = {
    "case, articles, punctuation and blanks": ("  The  quick, brown-fox! ", "quick brownfox"),
    "an article within a word stays": ("theatre an anthem", "theatre anthem"),
    "articles alone stay": ("The", "the"),
    "punctuation of other scripts goes": ("¿Dónde está «Ana»?", "dónde está ana"),
    "digits of full width are digits": ("１９４５", "1945"),
    "a decomposed accent is composed": ("Cafe\u0301", "café"),
    "a Cyrillic letter stays": ("А", "а"),
    "nothing": ("?! .", ""),
}


@pytest.mark.parametrize(("text", "normalised"), WORDS.values(), ids=WORDS.keys())
def test_words(text: str, normalised: str) -> None:
    assert " ".join(words(text)) == normalised


NUMBERS: dict[str, tuple[str, list[str]]] = {
    "thousands": ("1,234", ["1234"]),
    "a point": ("3.14", ["3.14"]),
    "a minus": ("-5", ["-5"]),
    "a sign of minus": ("−5", ["-5"]),
    "a range has no minus": ("1990-1995", ["1990", "1995"]),
    "a comma at its end": ("May 5, 1990", ["5", "1990"]),
    "part of a word": ("B12", []),
}


@pytest.mark.parametrize(("text", "values"), NUMBERS.values(), ids=NUMBERS.keys())
def test_numbers(text: str, values: list[str]) -> None:
    assert numbers(text) == [Decimal(value) for value in values]


# (gold, told, shared tokens, by hand: 2 * shared / (gold + told))
F1: dict[str, tuple[str, str, float]] = {
    "the same": ("new york", "new york", 1.0),
    "another order": ("new york", "york new", 1.0),
    "half of the gold": ("new york", "york", 2 / 3),
    "a word too many": ("york", "new york", 2 / 3),
    "a repeated word counts once": ("york", "york york", 2 / 3),
    "two of four and three": ("a b c d", "x c b", 4 / 7),
    "nothing shared": ("paris", "rome", 0.0),
}


@pytest.mark.parametrize(("gold", "told", "value"), F1.values(), ids=F1.keys())
def test_f1(gold: str, told: str, value: float) -> None:
    assert f1(gold.split(), told.split()) == pytest.approx(value)


def test_the_rest_without_a_span() -> None:
    assert without_span(["it", "is", "new", "york", "now"], ["new", "york"]) == ["it", "is", "now"]
    assert without_span(["newyork"], ["new"]) is None


def verdict(response: str, **fields: object) -> Verdict:
    return short_answer(response, ShortAnswerTask.model_validate(fields), NoSandbox())


SUBSPANS: dict[str, tuple[str, bool]] = {
    "the answer alone": ("Marie Curie", True),
    "a sentence": ("It was Marie Curie", True),
    "with the question's words": ("Marie Curie discovered radium", True),
    "one word more of many": ("Madame Marie Curie", True),
    "two words more": ("Marie Curie Pierre Curie", False),
    "not together": ("Marie and Pierre Curie", False),
    "with another by or": ("Marie Curie or Bohr", False),
    "denied": ("never Marie Curie", False),
}


@pytest.mark.parametrize(("answer", "right"), SUBSPANS.values(), ids=SUBSPANS.keys())
def test_subspan(answer: str, right: bool) -> None:
    told = verdict(
        f"<answer>{answer}</answer>", gold="Marie Curie", match="subspan", question="Who discovered radium first?"
    )
    assert (told.outcome is Outcome.CORRECT) is right


def test_an_alias_one_step_past_its_bounds_is_refused() -> None:
    assert verdict("x", gold=["x" * MAX_ALIAS_CHARS] * MAX_ALIASES).outcome is Outcome.WRONG
    with pytest.raises(ValueError, match="at most"):
        verdict("x", gold=["x" * (MAX_ALIAS_CHARS + 1)])
    with pytest.raises(ValueError, match="at most"):
        verdict("x", gold=["x"] * (MAX_ALIASES + 1))


@given(st.text())
def test_any_text_has_words_and_numbers(text: str) -> None:
    assert " ".join(words(text)) == " ".join(words(" ".join(words(text))))
    numbers(text)


FLOODS = ["<answer>", "<answer>a</answer>", "\\boxed{", "Answer: ", "a ", "paris ", "1,", "\n", "**", "($", "\\text{"]


@pytest.mark.parametrize("match", ["em", "f1", "subspan"])
@pytest.mark.parametrize("piece", FLOODS)
def test_a_million_characters_of_anything_are_judged(piece: str, match: str) -> None:
    flood = piece * (1_000_000 // len(piece))
    verdict(flood, gold=["Paris", "a"], match=match)
    verdict(f"<answer>{flood[:4_096]}</answer>", gold=["Paris a", "a a a"], match=match)
