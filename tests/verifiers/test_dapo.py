"""The Minerva normal form and the bounds of `math.dapo`; its cases say the rest."""

import pytest

from veriward.verifiers.math.dapo import MAX_ANSWER_CHARS, DapoTask, normalised

FORMS = {
    "spaces go": ("1 000", "1000"),
    "an article goes": ("a square", ""),
    "a box goes": (r"\boxed{34}", "34"),
    "text is unwrapped": (r"34\text{ apples}", "34apples"),
    "mbox is text": (r"\mbox{34}", "34"),
    "bold is unwrapped": (r"\textbf{34}", "34"),
    "a bar is unwrapped": (r"\overline{AB}", "AB"),
    "degrees go": (r"90^\circ", "90"),
    "what stands between dollars is taken": ("it is $34$ exactly", "34"),
    "the last right side is taken": ("x=y=34", "34"),
    "a short fraction": (r"\frac12", r"\frac{1}{2}"),
    "a short fraction with more behind it": (r"\frac123", r"\frac{1}{2}3"),
    "a full fraction stays": (r"\frac{12}{34}", r"\frac{12}{34}"),
    "a short root": (r"\sqrt2", r"\sqrt{2}"),
    "commas within digits go": ("12,345", "12345"),
    "commas elsewhere stay": ("(1,2)", "(1,2)"),
    "LaTeX commas go": ("12{,}345", "12345"),
    "units of the list go": ("34 inches", "34"),
    "units glue text, as published": ("tissue", "tis"),
}


@pytest.mark.parametrize(("answer", "form"), FORMS.values(), ids=FORMS.keys())
def test_normalised(answer: str, form: str) -> None:
    assert normalised(answer) == form


def test_a_gold_answer_one_character_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        DapoTask(answer="1" * (MAX_ANSWER_CHARS + 1))
