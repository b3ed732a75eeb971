"""Answers are found where a careful reader would find them, in time linear in any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.verifiers.answers import (
    MAX_BOX_CHARS,
    answer_phrase_span,
    answer_region,
    last_answer_tag,
    last_boxed,
    last_fence,
)

REGIONS = {
    "text without reasoning is all answer": ("a \\boxed{1}", "a \\boxed{1}"),
    "the reasoning is cut off": ("<think>a</think>b", "b"),
    "a close without an opening counts": ("a</think>b", "b"),
    "the last close counts": ("<think>a</think>b<think>c</think>d", "d"),
    "a nested close does not end the reasoning": ("<think>say </think> then</think>d", "d"),
    "reasoning that never ends leaves nothing": ("<think>a", None),
    "reasoning that opens again and never ends leaves nothing": ("<think>a</think>b<think>c", None),
    "reasoning to the end leaves an empty answer": ("<think>a</think>", ""),
}

BOXES = {
    "the last box counts": (r"\boxed{1} \boxed{2}", "2"),
    "braces are balanced": (r"\boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
    "escaped braces are no braces": (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
    "one escaped brace may stand alone": (r"\boxed{a \} b}", r"a \} b"),
    "a frame counts": (r"\boxed{1} \fbox{2}", "2"),
    "spaces may precede the brace": (r"\boxed {5}", "5"),
    "a box without braces": (r"so $\boxed 7$", "7"),
    "a frame without braces": (r"\fbox 8 is it", "8"),
    "an empty box is found, and empty": (r"\boxed{}", ""),
    "a nested box is part of the outer": (r"\boxed{3 or \boxed{4}}", r"3 or \boxed{4}"),
    "boxes in a row are each their own": (r"\boxed{3}\boxed{4}", "4"),
    "an unclosed box is none": (r"\boxed{3", None),
    "an unclosed last box hides the one before": (r"\boxed{1} \boxed{2", None),
    "a box that an inner brace keeps open is none": (r"\boxed{{3}", None),
    "no box is none": ("3", None),
    "the bare word is none": (r"put it in \boxed", None),
    "a box closed within the bound": (r"\boxed{" + "1" * (MAX_BOX_CHARS - 8) + "}", "1" * (MAX_BOX_CHARS - 8)),
    "a box closed beyond the bound is none": (r"\boxed{" + "1" * MAX_BOX_CHARS + "}", None),
}

TAGS = {
    "the last tag counts": ("<answer>1</answer><answer>2</answer>", "2"),
    "case varies": ("<Answer>1</Answer>", "1"),
    "an unclosed last tag is none": ("<answer>1</answer><answer>2", None),
    "a close alone is none": ("1</answer>", None),
    "an empty tag is found, and empty": ("<answer></answer>", ""),
}

FENCES = {
    "the last block counts": ("```python\na\n```\n```python\nb\n```", ("python",), False, "b\n"),
    "another language does not": ("```python\na\n```\n```json\n{}\n```", ("python",), False, "a\n"),
    "case of the language varies": ("```Python\na\n```", ("python",), False, "a\n"),
    "words after the language are no language": ("```python title=x\na\n```", ("python",), False, "a\n"),
    "a block without a language is asked for by an empty word": ("```\na\n```", ("python", ""), False, "a\n"),
    "any language will do where none is asked for": ("```rust\na\n```", (), False, "a\n"),
    "an unclosed block is none": ("```python\na\n", ("python",), False, None),
    "an unclosed block is found on request": ("```python\na\n", ("python",), True, "a\n"),
    "a closed block before an unclosed one": ("```python\na\n```\n```python\nb", ("python",), False, "a\n"),
    "a block left open ends where the next begins": ("```python\na\n```python\nb\n```", ("python",), False, "b\n"),
    "longer fences hold shorter ones": ("````python\n```\na\n```\n````", ("python",), False, "```\na\n```\n"),
    "tildes are fences": ("~~~python\na\n~~~", ("python",), False, "a\n"),
    "an indented fence is a fence": ("1. So:\n   ```python\n   a\n   ```", ("python",), False, "   a\n"),
    "backticks within a line are none": ("use ```python a``` here", ("python",), False, None),
}  # fmt: skip

PHRASES = {
    "The final answer is 42.": "42.",
    "Answer: 7\nmore": "7",
    "**Answer:** 8": "8",
    "### Final Answer\n\n5": "5",
    "**Final Answer**\n21": "21",
    "Final answer = 3": "3",
    "The answer to the first question is 13": "13",
    "The answer\nis 14": "14",
    "My first answer is 1, but the correct answer is 2": "2",
    "La respuesta final es 9": "9",
    "Respuesta: 9": "9",
    "La réponse finale est 17": "17",
    "Die Antwort lautet 12.": "12.",
    "La risposta è 3": "3",
    "A resposta final é 4": "4",
    "Ответ: 11": "11",
    "答案是 10": "10",
    "最终答案：10": "10",
    "答えは18です": "18です",
    "정답은 16": "16",
    "I have no idea.": None,
    "Answering is hard": None,
    "Answer:": None,
}

HOSTILE = [
    r"\boxed{", r"\boxed", r"\boxed ", r"\boxed{1}", r"{\boxed{", "(", "{", "}", "\\", "`", "```\n",
    "```python\n", "~~~\n", " ", "\n", "<think>", "</think>", "<answer>", "answer ", "answer is", "answer to ",
    "Answer: ", "final ", "*", "final answer\n", "答案", "答えは",
]  # fmt: skip


@pytest.mark.parametrize(("text", "region"), REGIONS.values(), ids=REGIONS)
def test_answer_region(text: str, region: str | None) -> None:
    assert answer_region(text) == region


@pytest.mark.parametrize(("text", "content"), BOXES.values(), ids=BOXES)
def test_last_boxed(text: str, content: str | None) -> None:
    assert last_boxed(text) == content


@pytest.mark.parametrize(("text", "content"), TAGS.values(), ids=TAGS)
def test_last_answer_tag(text: str, content: str | None) -> None:
    assert last_answer_tag(text) == content


@pytest.mark.parametrize(("text", "languages", "unclosed", "body"), FENCES.values(), ids=FENCES)
def test_last_fence(text: str, languages: tuple[str, ...], unclosed: bool, body: str | None) -> None:
    assert last_fence(text, languages, unclosed=unclosed) == body


@pytest.mark.parametrize(("text", "answer"), PHRASES.items(), ids=PHRASES)
def test_answer_phrase(text: str, answer: str | None) -> None:
    span = answer_phrase_span(text)
    assert (None if span is None else text[span.start : span.end]) == answer


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", HOSTILE)
def test_a_million_characters_of_one_piece_are_passed_in_a_moment(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    answer_region(text)
    last_boxed(text)
    last_answer_tag(text)
    last_fence(text, ("python",), unclosed=True)
    answer_phrase_span(text)


BALANCED = st.recursive(
    st.text("ab12+-^_ ", max_size=5),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: "{" + "".join(parts) + "}"),
    max_leaves=8,
)


@given(before=st.text(), content=BALANCED, after=st.text().filter(lambda text: "box" not in text))
def test_a_box_of_balanced_braces_is_found_after_any_text(before: str, content: str, after: str) -> None:
    assert last_boxed(f"{before} \\boxed{{{content}}} {after}") == content


@given(text=st.lists(st.sampled_from([*HOSTILE, "1", "x"]), max_size=40).map("".join))
def test_what_is_found_is_part_of_the_text(text: str) -> None:
    for found in (answer_region(text), last_boxed(text), last_answer_tag(text), last_fence(text)):
        assert found is None or found in text
