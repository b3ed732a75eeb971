"""Where a short answer is looked for, how it is unwrapped, and where its explanation begins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.verifiers.final import MAX_FINAL_CHARS, NoAnswer, final_answer, head_of, unwrapped

FOUND: dict[str, tuple[str, str]] = {
    "a tag": ("<answer> Paris </answer>", "Paris"),
    "runs of blanks are one": ("<answer>a \t b\n\n c</answer>", "a b\nc"),
    "the last tag": ("<answer>a</answer><answer>b</answer>", "b"),
    "a box": ("\\boxed{Paris}", "Paris"),
    "the last box": ("\\boxed{a} \\boxed{b}", "b"),
    "a box after a tag": ("<answer>a</answer> \\boxed{b}", "b"),
    "a tag after a box": ("\\boxed{a} <answer>b</answer>", "b"),
    "a box in a tag": ("<answer>so \\boxed{b}</answer>", "b"),
    "a sentence in a tag": ("<answer>The final answer is Paris</answer>", "Paris"),
    "after the thinking": ("<think>\\boxed{a}</think> Answer: b", "b"),
    "the answer line": ("Answer: a\nOn reflection, the answer is b", "b"),
    "the answer line before later talk": ("Answer: b\nThat is all.", "b"),
    "a fenced block at the end": ("So:\n```\nb\n```\n", "b"),
    "the last line": ("Some words.\n\nb\n", "b"),
    "the last line of a list": ("Some words.\n- b", "b"),
    "the last line in bold": ("Some words.\n**b**", "b"),
    "the last line's bold end": ("Some words.\nIt must be **b**.", "b"),
    "the last line with bold within": ("It must **not** be b", "It must **not** be b"),
    "bold that is denied": ("It is not **b**", "It is not **b**"),
    "two in bold": ("It is **a** or **b**", "It is **a** or **b**"),
}


@pytest.mark.parametrize(("response", "answer"), FOUND.values(), ids=FOUND.keys())
def test_it_is_found(response: str, answer: str) -> None:
    assert final_answer(response) == answer


NONE: dict[str, tuple[str, str]] = {
    "nothing": ("  ", "no answer"),
    "an empty box": ("Answer: a \\boxed{}", "empty"),
    "an open box": ("Answer: a \\boxed{b", "never closed"),
    "an open tag": ("Answer: a <answer>b", "never closed"),
    "open thinking": ("Answer: a <think>b", "never ends"),
    "one character past the bound": ("x" * (MAX_FINAL_CHARS + 1), "longer than"),
}


@pytest.mark.parametrize(("response", "reason"), NONE.values(), ids=NONE.keys())
def test_there_is_none(response: str, reason: str) -> None:
    with pytest.raises(NoAnswer, match=reason):
        final_answer(response)


def test_an_answer_at_the_bound_is_found() -> None:
    assert len(final_answer("x" * MAX_FINAL_CHARS)) == MAX_FINAL_CHARS


UNWRAPPED: dict[str, tuple[str, str]] = {
    "bold": ("**a**", "a"),
    "bold in quotes": ('"**a**"', "a"),
    "text in dollars": ("$\\text{a b}$", "a b"),
    "code": ("`a`", "a"),
    "two quotes are no wrapper": ('"a" or "b"', '"a" or "b"'),
    "a price keeps its dollar": ("$5", "$5"),
    "escapes": ("5\\% \\$3", "5% $3"),
    "a thousand in LaTeX": ("1{,}000", "1,000"),
    "brackets stay": ("[a]", "[a]"),
}


@pytest.mark.parametrize(("text", "inside"), UNWRAPPED.values(), ids=UNWRAPPED.keys())
def test_it_is_unwrapped(text: str, inside: str) -> None:
    assert unwrapped(text) == inside


HEADS: dict[str, tuple[str, str | None]] = {
    "a sentence follows": ("Paris. It lies on the Seine.", "Paris"),
    "because": ("Paris, because it lies there", "Paris"),
    "because, in two words": ("Yes, because sales rose", "Yes"),
    "a remark in brackets": ("93.5% (up from 90%)", "93.5%"),
    "a word in brackets": ("Paris (France)", None),
    "another answer in brackets": ("Paris (or maybe it is Lyon)", None),
    "another answer left open": ("Paris. Lyon is also possible here.", None),
    "a line of explanation": ("Paris\nExplanation: it lies on the Seine", "Paris"),
    "nothing follows": ("Paris.", None),
    "an initial": ("J. K. Rowling wrote it", None),
    "an abbreviation": ("St. Louis is it", None),
    "or": ("Paris. Or maybe it is Lyon.", None),
    "a correction": ("Paris. Wait, it is Lyon.", None),
    "another answer": ("Paris. Lyon. It is there.", None),
    "another line": ("Paris\nLyon", None),
    "an explanation alone": ("because it is", None),
}


@pytest.mark.parametrize(("answer", "head"), HEADS.values(), ids=HEADS.keys())
def test_its_head(answer: str, head: str | None) -> None:
    assert head_of(answer) == head


@given(st.text(alphabet=st.sampled_from("<answer>/\\boxed{}$*`\"' .\nab")))
def test_any_text_has_an_answer_or_none(text: str) -> None:
    try:
        answer = final_answer(text)
    except NoAnswer:
        return
    assert answer
    head_of(answer)
