"""The kinds of shaping that recipes need: a prompt's own tags, and a cosine of length."""

import math
from typing import Any

import pytest

from veriward.verifiers import InvalidTask
from veriward.verifiers.shaping import Seen, read_terms
from veriward.verifiers.shaping.tags import MAX_TAGS


def quality(term: dict[str, Any], response: str) -> float:
    (read,) = read_terms(None, [term])
    return read.quality(Seen(response))


TAGS = {"kind": "tags", "tags": ["think", "rethink", "answer"]}
EMPTY = {"kind": "tags", "tags": ["think", "answer"], "may_be_empty": ["think"]}
SHARE = {"kind": "tags", "tags": ["think", "answer"], "score": "share"}
COSINE = {"kind": "cosine_length", "max_tokens": 100, "least": 0.5, "characters_per_token": 1}
FREE = {**COSINE, "free_tokens": 60}
WHOLE = "<think>a</think> <rethink>b</rethink>\n<answer>c</answer>"

QUALITIES: dict[str, tuple[dict[str, Any], str, float]] = {
    "every tag once, in order": (TAGS, WHOLE, 1),
    "blanks around them": (TAGS, f"\n {WHOLE} \n", 1),
    "words between them": (TAGS, WHOLE.replace("> <", "> so <"), 0),
    "words before them": (TAGS, f"Well. {WHOLE}", 0),
    "words after them": (TAGS, f"{WHOLE} Done.", 0),
    "another order": (TAGS, "<rethink>b</rethink><think>a</think><answer>c</answer>", 0),
    "a tag missing": (TAGS, "<think>a</think><answer>c</answer>", 0),
    "a tag twice": (TAGS, f"{WHOLE}<answer>c</answer>", 0),
    "a tag that never closes": (TAGS, WHOLE.removesuffix("</answer>"), 0),
    "a tag within another": (TAGS, "<think>a<rethink>b</rethink></think><answer>c</answer>", 0),
    "an empty tag": (TAGS, WHOLE.replace(">b<", "> <"), 0),
    "a tag that may be empty": (EMPTY, "<think>\n\n</think>\n\n<answer>4</answer>", 1),
    "it may be full as well": (EMPTY, "<think>2 + 2</think><answer>4</answer>", 1),
    "the others may not": (EMPTY, "<think>a</think><answer></answer>", 0),
    "a quarter for each of four marks": (SHARE, "<think>a</think> 4", 0.5),
    "one of them": (SHARE, "a</think> 4", 0.25),
    "a mark twice is none": (SHARE, "<think><think>a</think><answer>4</answer>", 0.75),
    "no mark": (SHARE, "4", 0),
    "an empty response is the shortest": (COSINE, "", 1),
    "half of the length: 0.5 + 0.5 × 0.5": (COSINE, "x" * 50, 0.75),
    "a quarter: 0.5 + 0.25 × (1 + cos(π/4))": (COSINE, "x" * 25, 0.5 + 0.25 * (1 + math.cos(math.pi / 4))),
    "all of it": (COSINE, "x" * 100, 0.5),
    "beyond it no less": (COSINE, "x" * 1_000, 0.5),
    "what is free costs nothing": (FREE, "x" * 60, 1),
    "half of what is left": (FREE, "x" * 80, 0.75),
}


@pytest.mark.parametrize(("term", "response", "expected"), QUALITIES.values(), ids=QUALITIES)
def test_a_quality_is_that_of_the_formula(term: dict[str, Any], response: str, expected: float) -> None:
    assert quality(term, response) == pytest.approx(expected)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a tag that is no name": ({**TAGS, "tags": ["think>"]}, "tags[0]"),
    "no tag": ({**TAGS, "tags": []}, "tags"),
    "one tag too many": ({**TAGS, "tags": [f"t{at}" for at in range(MAX_TAGS + 1)]}, "tags"),
    "a tag of 41 letters": ({**TAGS, "tags": ["t" * 41]}, "tags[0]"),
    "nothing left to fall over": ({**COSINE, "free_tokens": 100}, ""),
    "a share past 1": ({**COSINE, "least": 1.5}, "least"),
}


@pytest.mark.parametrize(("term", "field"), REFUSED.values(), ids=REFUSED)
def test_a_broken_term_is_named(term: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidTask) as refused:
        read_terms(None, [term])
    assert refused.value.field == ("shaping[0]" + (f".{field}" if field else ""))
