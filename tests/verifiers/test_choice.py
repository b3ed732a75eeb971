"""What one payload commits to, and the bounds and costs of `choice`; its cases say the rest."""

import pytest

from veriward.verifiers.choice.grading import DEFAULT_LETTERS, MAX_BARE_CHARS, MAX_OPTION_CHARS, ChoiceTask, choice
from veriward.verifiers.choice.payload import MAX_PAYLOAD_CHARS, letter_in
from veriward.verifiers.conformance import NoSandbox
from veriward.wire.outcomes import Outcome

OPTIONS = {"A": "Lyon", "B": "Paris", "C": "A", "D": "Both A and B"}

PAYLOADS: dict[str, tuple[str, str | None]] = {
    "a letter": ("B", "B"),
    "a letter in parentheses": ("(B)", "B"),
    "a letter in brackets": ("[B]", "B"),
    "a letter in dollars": ("$B$", "B"),
    "a letter in bold": ("**B**", "B"),
    "a letter in LaTeX": (r"\text{B}", "B"),
    "a letter in LaTeX with its number": (r"\textbf{(B)}~12", "B"),
    "a letter in a box": (r"\boxed{B}", "B"),
    "a small letter": ("b", "B"),
    "a small letter, delimited": ("b) Paris", "B"),
    "a letter with a full stop": ("B.", "B"),
    "a letter with an exclamation": ("B!", "B"),
    "a letter with text": ("B. Rome", "B"),
    "a letter with its text": ("B Paris", "B"),
    "a letter with its text in parentheses": ("B (Paris)", "B"),
    "a letter after words": ("the correct option is B", "B"),
    "a letter with is correct": ("B is correct", "B"),
    "a letter and why": ("B because A fails", "B"),
    "a letter, a full stop, and why": ("B. This is because (A) fails.", "B"),
    "a letter, a line, and why": ("B\n\nExplanation: A fails at zero.", "B"),
    "an option's text": ("Paris", "B"),
    "an option's text in another case": ("PARIS.", "B"),
    "an option's text that is a letter is the letter": ("A", "A"),
    "an option's text with letters in it": ("both A and B", "D"),
    "a letter and its text with letters in it": ("D: Both A and B", "D"),
    "nothing": ("", None),
    "marks alone": ("()", None),
    "a word": ("Banana", None),
    "a letter with an apostrophe": ("B's", None),
    "letters together": ("AB", None),
    "letters apart": ("A B", None),
    "letters with a slash": ("A/B", None),
    "letters with a plus": ("A+B", None),
    "letters with an ampersand": ("A & B", None),
    "letters with a hyphen": ("A-C", None),
    "letters in two pairs of parentheses": ("(A)(B)", None),
    "letters in two boxes": (r"\boxed{A}\boxed{B}", None),
    "two labelled texts": ("A) Lyon B) Paris", None),
    "two labelled texts with or": ("A. Rome or B. Oslo", None),
    "a letter, then or": ("B, or maybe C", None),
    "a letter with doubt": ("B?", None),
    "a letter with another's text": ("B. Lyon", None),
    "not a letter": ("not B", None),
    "a letter that is not": ("B is not it", None),
    "a letter that isn't": ("B isn't right", None),
    "a letter that is wrong": ("B is wrong", None),
    "all but a letter": ("all except B", None),
    "a letter that is not allowed": ("E", None),
    "a Greek look-alike": ("Β", None),
}


@pytest.mark.parametrize(("payload", "letter"), PAYLOADS.values(), ids=PAYLOADS.keys())
def test_letter_in(payload: str, letter: str | None) -> None:
    assert letter_in(payload, "ABCD", OPTIONS) == letter


def test_small_and_large_letters_are_apart_where_both_are_allowed() -> None:
    assert letter_in("b", "ABab", {}) == "b"
    assert letter_in("c", "ABCab", {}) == "C"


def test_a_payload_one_step_past_its_bound_is_not_read() -> None:
    assert letter_in("B." + " x" * 999, "ABCD", {}) == "B"
    assert letter_in("B. " + "x" * (MAX_PAYLOAD_CHARS - 2), "ABCD", {}) is None


def test_a_bare_response_one_step_past_its_bound_is_not_an_answer() -> None:
    task = ChoiceTask(answer="B")
    text = "B. " + "x" * (MAX_BARE_CHARS - 3)
    assert choice(text, task, NoSandbox()).outcome is Outcome.CORRECT
    assert choice(text + "x", task, NoSandbox()).outcome is Outcome.UNPARSED


def test_the_letters_are_the_options_then_the_default() -> None:
    assert ChoiceTask(answer="B", options={"A": "1", "B": "2"}).allowed == "AB"
    assert ChoiceTask(answer="B").allowed == DEFAULT_LETTERS


def test_an_option_one_character_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        ChoiceTask(answer="A", options={"A": "x" * (MAX_OPTION_CHARS + 1)})


FLOODS = [
    "Answer: ",
    "the answer is ",
    "B is correct ",
    "(",
    "*",
    "{",
    "\\boxed{",
    "<answer>",
    "option is ",
    "\n",
    "B\n",
]


@pytest.mark.parametrize("piece", FLOODS)
def test_a_million_characters_of_anything_are_judged(piece: str) -> None:
    choice(piece * (1_000_000 // len(piece)), ChoiceTask(answer="B", options=OPTIONS), NoSandbox())
