"""Shaping: each kind's quality against its formula, the sums, the bounds, and that no wrong answer comes out on top."""

import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from veriward.verifiers import InvalidTask, Verdict, verifiers
from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.judging import judge, parse_task
from veriward.verifiers.shaping import KINDS, PRESETS, Seen, read_terms, shaped, wants_messages
from veriward.verifiers.shaping.combination import UNSHAPED
from veriward.verifiers.shaping.language import MAX_READ_CHARS
from veriward.verifiers.shaping.reading import MAX_TERMS
from veriward.verifiers.shaping.repetition import MAX_WORDS
from veriward.wire.outcomes import Outcome

FORM = "<think>Two and two.</think>\n<answer>4</answer>"
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}, {"id": "2"}]}
USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "1"}, {"type": "text", "text": "so"}]}


def quality(term: dict[str, Any], response: str, messages: list[dict[str, Any]] | None = None) -> float:
    (read,) = read_terms(None, [term])
    return read.quality(Seen(response, messages or ()))


def cos_of(calls: int, smoothing: float = 4.0) -> float:
    return math.cos(calls * math.pi / (2 * calls + smoothing))


F, T = {"kind": "format"}, {"kind": "think_mode"}
OVERLONG = {"kind": "overlong", "max_tokens": 20, "buffer_tokens": 10, "characters_per_token": 1}
EXACT = {"kind": "length_budget", "budget_tokens": 10, "alpha": 0.1, "characters_per_token": 1}
LANGUAGE = {"kind": "language", "where": "all"}
REPETITION = {"kind": "repetition", "ngram_words": 2}
TOOLS = {"kind": "tool_use"}

QUALITIES: dict[str, tuple[dict[str, Any], str, float]] = {
    "the form of R1": (F, FORM, 1),
    "blanks around it": (F, f"\n {FORM}\n", 1),
    "text after the answer": (F, f"{FORM} So 4.", 0),
    "text before the thinking": (F, f"Well. {FORM}", 0),
    "text between": (F, FORM.replace("\n", " so "), 0),
    "no thinking tag": (F, "Two.</think><answer>4</answer>", 0),
    "the prompt opened it": ({**F, "opened_by_prompt": True}, "Two.</think><answer>4</answer>", 1),
    "an empty thought": (F, "<think> </think><answer>4</answer>", 0),
    "an empty answer": (F, "<think>Two.</think><answer> </answer>", 0),
    "two answers": (F, f"{FORM}<answer>4</answer>", 0),
    "the wrong order": (F, "<answer>4</answer><think>Two.</think>", 0),
    "an answer within the thought": (F, "<think><answer>4</think></answer>", 0),
    "thinking, then anything": ({**F, "form": "think"}, "<think>a</think> b", 1),
    "thinking, then nothing": ({**F, "form": "think"}, "<think>a</think> ", 0),
    "thinking twice": ({**F, "form": "think"}, "<think>a</think> b<think>c</think> d", 0),
    "no opening": ({**F, "form": "think"}, "a</think> b", 0),
    "an answer tag": ({**F, "form": "answer"}, "so <answer>4</answer>", 1),
    "an answer tag in the thought": ({**F, "form": "answer"}, "<answer>4</answer></think>", 0),
    "a box": ({**F, "form": "boxed"}, r"so \boxed{4}", 1),
    "an open box": ({**F, "form": "boxed"}, r"so \boxed{4", 0),
    "within the length": (OVERLONG, "x" * 10, 1),
    "half of the buffer": (OVERLONG, "x" * 15, 0.5),
    "at the end of the buffer": (OVERLONG, "x" * 20, 0),
    "beyond": (OVERLONG, "x" * 1000, 0),
    "tokens of four characters": ({**OVERLONG, "characters_per_token": 4}, "x" * 60, 0.5),
    "on the budget": (EXACT, "x" * 10, 1),
    "three below it": (EXACT, "x" * 7, 0.7),
    "three above it": (EXACT, "x" * 13, 0.7),
    "far from it": (EXACT, "x" * 1000, 0),
    "max: on the budget": ({**EXACT, "rule": "max"}, "x" * 10, 0.5),
    "max: three below it": ({**EXACT, "rule": "max"}, "x" * 7, 0.8),
    "max: far below it": ({**EXACT, "rule": "max"}, "", 1),
    "max: far above it": ({**EXACT, "rule": "max"}, "x" * 1000, 0),
    "English in English": (LANGUAGE, "Two and two are four: $x$", 1),
    "half Russian": (LANGUAGE, "two слова and слова", 0.5),
    "two letters of Chinese count as two words": (LANGUAGE, "two words 两个", 0.5),
    "Japanese has kana and kanji": ({**LANGUAGE, "language": "ja"}, "答えは", 1),
    "Chinese has no kana": ({**LANGUAGE, "language": "zh"}, "答案は", 2 / 3),
    "code and formulas are of no language": (
        {**LANGUAGE, "language": "ru"},
        "Ответ ```python\nprint(x)\n``` `y` $z$ \\(\\frac{a}{b}\\) \\[c\\] \\alpha <answer>четыре</answer>",
        1,
    ),
    "no words are of every language": (LANGUAGE, "4 + 4 = 8", 1),
    "the thinking alone": ({"kind": "language"}, "two</think>ответ ответ", 1),
    "no thinking: all": ({"kind": "language"}, "two ответ", 0.5),
    "no bigram twice": (REPETITION, "a b c d", 1),
    "one bigram of three twice": (REPETITION, "a b a B", 2 / 3),
    "one word for ever": (REPETITION, "a " * 101, 0.01),
    "fewer words than an n-gram": (REPETITION, "a", 1),
    "n-grams of three": ({**REPETITION, "ngram_words": 3}, "a b c a b c", 3 / 4),
    "n-grams of five, overlapping halves": ({**REPETITION, "ngram_words": 5}, "a b c d e a b c d e", 5 / 6),
    "Chinese letters are words": (REPETITION, "一二一二", 2 / 3),
    "no call": (TOOLS, "4", 1),
    "one call in the text": (TOOLS, "<tool_call>{}</tool_call> 4", cos_of(1)),
    "two searches": ({**TOOLS, "tags": ["search"]}, "<search>a</search><search>b</search>", cos_of(2)),
    "thought, and thought is asked for": (T, "<think>a</think>b", 1),
    "not thought": (T, "b", 0),
    "an empty thought is none": (T, "<think>\n</think>b", 0),
    "thought without an end": (T, "<think>a", 0),
    "thought for nothing": (T, "<think>a</think>", 0),
    "no thought, and none is asked for": ({**T, "mode": "no_think"}, "b", 1),
    "an empty thought, and none is asked for": ({**T, "mode": "no_think"}, "<think>\n</think>b", 1),
    "thought, and none is asked for": ({**T, "mode": "no_think"}, "<think>a</think>b", 0),
    "an endless thought, and none is asked for": ({**T, "mode": "no_think"}, "<think>a", 0),
}


@pytest.mark.parametrize(("term", "response", "expected"), QUALITIES.values(), ids=QUALITIES)
def test_quality(term: dict[str, Any], response: str, expected: float) -> None:
    assert quality(term, response) == pytest.approx(expected)


def test_calls_are_counted_over_the_assistants_messages() -> None:
    chat: list[dict[str, Any]] = [
        {"role": "user", "content": "<tool_call>"},
        CALL,
        {"role": "tool", "content": "x"},
        USE,
    ]
    chat += [{"role": "assistant", "content": "<tool_call>…</tool_call> 4"}]
    assert quality(TOOLS, "4", chat) == pytest.approx(cos_of(4))


@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(1, 9))
def test_repetition_counts_as_counting_does(words: list[str], n: int) -> None:
    ngrams = [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
    expected = len(set(ngrams)) / len(ngrams) if ngrams else 1.0
    assert quality({"kind": "repetition", "ngram_words": n}, " ".join(words)) == pytest.approx(expected)


RIGHT, WRONG = Verdict(Outcome.CORRECT, 1.0, {"answer": 1.0}), Verdict(Outcome.WRONG, 0.0, {"answer": 0.0})
BAD = Verdict(Outcome.WRONG, -1.0)
PARTLY, DOUBTED = Verdict(Outcome.PARTIAL, 0.6), Verdict(Outcome.WRONG, 0.5)
NOT_FORM = "4"  # of the form: 0

SUMS: dict[str, tuple[Verdict, list[dict[str, Any]], str, float]] = {
    "gate open": (RIGHT, [{**F, "apply": "gate"}], FORM, 1),
    "gate shut": (RIGHT, [{**F, "apply": "gate"}], NOT_FORM, 0),
    "multiplied: 1 - 0.2": (RIGHT, [{**F, "apply": "multiply", "weight": 0.2}], NOT_FORM, 0.8),
    "a bonus: 1 + 0.1": (RIGHT, [{**F, "weight": 0.1}], FORM, 1.1),
    "a wrong answer gets none": (WRONG, [{**F, "weight": 0.1}], FORM, 0),
    "nor does one that is partly right": (PARTLY, [{**F, "weight": 0.1}], FORM, 0.6),
    "unless it is paid regardless": (WRONG, [{**F, "weight": 0.1, "regardless": True}], FORM, 0.1),
    "regardless, up to what the least of the right ones earn": (
        PARTLY,
        [{**F, "regardless": True}],
        FORM,
        1,
    ),
    "regardless of a gate that a right answer may meet shut": (
        WRONG,
        [{**F, "regardless": True}, {**T, "apply": "gate"}],
        FORM,
        0,
    ),
    "a penalty: 1 - 0.5": (RIGHT, [OVERLONG], "x" * 15, 0.5),
    "a penalty of a wrong answer: 0 - 0.5": (WRONG, [OVERLONG], "x" * 15, -0.5),
    "as published on ±1: -1 - 0.5": (BAD, [OVERLONG], "x" * 15, -1.5),
    "penalties take no more than was earned": (RIGHT, [OVERLONG, {**OVERLONG, "max_tokens": 11}], "x" * 30, 0),
    "nor from a right answer that earns nothing": (Verdict(Outcome.CORRECT, -0.5), [OVERLONG], "x" * 30, -0.5),
    "a factor leaves what is below 0": (BAD, [{**F, "apply": "multiply"}], NOT_FORM, -1),
    "a gate leaves what is below 0": (BAD, [{**F, "apply": "gate"}], NOT_FORM, -1),
    "a wrong answer that earns is paid as if it kept nothing": (DOUBTED, [{**F, "apply": "multiply"}], FORM, 0),
    "partly right is shaped as it is": (PARTLY, [{**F, "apply": "multiply", "weight": 0.5}], NOT_FORM, 0.3),
    "factors first, then summands: 0.5 × 1 - 0.5 + 0": (
        RIGHT,
        [{**T, "apply": "multiply", "weight": 0.5}, OVERLONG],
        "x" * 14,
        0.1,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("verdict", "terms", "response", "reward"), SUMS.values(), ids=SUMS)
def test_combination(verdict: Verdict, terms: list[dict[str, Any]], response: str, reward: float) -> None:
    paid = shaped(verdict, read_terms(None, terms), Seen(response))
    assert paid.reward == pytest.approx(reward)
    assert paid.outcome is verdict.outcome
    assert paid.parts[UNSHAPED] == verdict.reward


def test_every_term_is_named_and_the_sum_can_be_followed() -> None:
    terms = [F, {**F, "form": "boxed", "weight": 0.5}, OVERLONG, {**T, "apply": "multiply", "weight": 0.5}]
    paid = shaped(RIGHT, read_terms(None, terms), Seen("x" * 18))
    assert paid.parts == pytest.approx(
        {
            "answer": 1.0,
            "unshaped": 1.0,
            "shaping.format": 0.0,
            "shaping.format[2]": 0.0,
            "shaping.overlong": -0.8,
            "shaping.think_mode": 0.5,
            "shaping.bound": 0.3,
        }
    )
    assert paid.reward == 0
    assert paid.metrics["shaping.overlong"] == pytest.approx(0.2)


TEXTS = st.one_of(
    st.sampled_from([FORM, NOT_FORM, "", "x" * 90_000, "<think>a</think>b", "слово " * 100, "<tool_call>" * 9]),
    st.text(max_size=40),
    st.lists(st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "a ", "\n", "是", "$", "`"])).map(
        "".join
    ),
)
# Terms that short texts keep or break.
TERM = st.builds(
    lambda term, weight, apply: {**term, "weight": weight, "apply": apply},
    st.sampled_from([F, T, OVERLONG, EXACT, {**EXACT, "rule": "max"}, {"kind": "language"}, REPETITION, TOOLS]),
    st.floats(0, 1),
    st.sampled_from(["gate", "multiply", "add"]),
)
SHORT = st.sampled_from([FORM, NOT_FORM, "x" * 30, "a " * 30, "слово", "<tool_call>" * 9]) | TEXTS
WRONGS = st.sampled_from([Outcome.WRONG, Outcome.UNPARSED])


@pytest.mark.parametrize("preset", sorted(PRESETS))
@given(right=TEXTS, wrong=TEXTS, outcome=WRONGS, scale=st.sampled_from([(1.0, 0.0), (1.0, -1.0), (3.0, -3.0)]))
@settings(max_examples=100, deadline=None)
def test_under_no_preset_a_wrong_answer_outranks_a_right_one(
    preset: str, right: str, wrong: str, outcome: Outcome, scale: tuple[float, float]
) -> None:
    terms = read_terms(preset, [])
    assert _paid(Outcome.CORRECT, scale[0], terms, right) >= _paid(outcome, scale[1], terms, wrong)


@given(
    SHORT,
    SHORT,
    WRONGS,
    st.lists(TERM, min_size=1, max_size=3),
    st.sampled_from([0.0, -1.0, 0.5]) | st.floats(-3, 3),
    st.floats(0, 1) | st.floats(0, 3),
)
@example(NOT_FORM, FORM, Outcome.WRONG, [{**F, "apply": "add"}], 0.0, 0.5)
@settings(max_examples=500, deadline=None)
def test_under_no_shaping_a_wrong_answer_outranks_a_right_one(
    right: str, wrong: str, outcome: Outcome, shaping: list[dict[str, Any]], base: float, more: float
) -> None:
    """Whatever the verifier pays, as long as it pays a wrong answer no more."""
    terms = read_terms(None, shaping)
    assert _paid(Outcome.CORRECT, base + more, terms, right) >= _paid(outcome, base, terms, wrong) - 1e-9


@given(SHORT, SHORT, WRONGS, st.lists(TERM, max_size=3), st.sampled_from([0.0, -1.0]))
@example(NOT_FORM, FORM, Outcome.WRONG, [{**F, "apply": "gate"}], 0.0)
@settings(max_examples=300, deadline=None)
def test_what_is_paid_regardless_lifts_none_above_a_right_answer_that_earns_1(
    right: str, wrong: str, outcome: Outcome, shaping: list[dict[str, Any]], low: float
) -> None:
    terms = read_terms("deepseek_r1", shaping)
    assert _paid(Outcome.CORRECT, 1.0, terms, right) >= _paid(outcome, low, terms, wrong) - 1e-9


def _paid(outcome: Outcome, reward: float, terms: Any, response: str) -> float:
    return shaped(Verdict(outcome, reward), terms, Seen(response)).reward


def judged(task: dict[str, Any], response: Any) -> Verdict:
    fields = dict(task)
    found = verifiers()[fields.pop("verifier")]
    return judge(found, parse_task(found, fields), response, NoSandbox())


CHOICE = {"verifier": "choice", "answer": "B"}
GOOD = "<think>So B.</think><answer>B</answer>"

JUDGED: dict[str, tuple[dict[str, Any], Any, float]] = {
    "a preset": ({**CHOICE, "preset": "format_gate"}, "Answer: B", 0),
    "a preset that is kept": ({**CHOICE, "preset": "format_gate"}, GOOD, 1),
    "a preset and a term of one's own": (
        {**CHOICE, "preset": "deepseek_r1", "shaping": [{**F, "weight": 0.5}]},
        GOOD,
        2.5,
    ),
    "no terms are no shaping": ({**CHOICE, "shaping": []}, "Answer: B", 1),
    "a chat": (
        {**CHOICE, "preset": "otc"},
        [CALL, {"role": "tool", "content": "?"}, {"role": "assistant", "content": "Answer: B"}],
        cos_of(2),
    ),
    "an inner task": (
        {"verifier": "all_of", "parts": [{**CHOICE, "shaping": [{**F, "apply": "multiply", "weight": 0.5}]}]},
        "Answer: B",
        0.5,
    ),
}


@pytest.mark.parametrize(("task", "response", "reward"), JUDGED.values(), ids=JUDGED)
def test_any_task_may_be_shaped(task: dict[str, Any], response: Any, reward: float) -> None:
    assert judged(task, response).reward == pytest.approx(reward)


def test_a_verifiers_own_preset_is_its_own() -> None:
    found = verifiers()["sql.partial"]
    assert "preset" in found.task.model_fields
    with pytest.raises(InvalidTask) as refused:
        parse_task(found, {"schema": ["CREATE TABLE t (a)"], "gold_sql": "SELECT a FROM t", "preset": "deepseek_r1"})
    assert refused.value.field == "preset"
    assert "sql_r1" in refused.value.message


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown preset": ({"preset": "deepseek_r2"}, "preset"),
    "a preset that is no name": ({"preset": ["deepseek_r1"]}, "preset"),
    "shaping that is no list": ({"shaping": F}, "shaping"),
    "a term that is no object": ({"shaping": ["format"]}, "shaping[0]"),
    "no kind": ({"shaping": [{}]}, "shaping[0].kind"),
    "an unknown kind": ({"shaping": [F, {"kind": "fun"}]}, "shaping[1].kind"),
    "an unknown field": ({"shaping": [{**F, "wieght": 1}]}, "shaping[0].wieght"),
    "another way": ({"shaping": [{**F, "apply": "divide"}]}, "shaping[0].apply"),
    "a weight past the bound": ({"shaping": [{**F, "weight": 1.01}]}, "shaping[0].weight"),
    "a weight that is no number": ({"shaping": [{**F, "weight": float("nan")}]}, "shaping[0].weight"),
    "a buffer longer than all": ({"shaping": [{**OVERLONG, "buffer_tokens": 21}]}, "shaping[0]"),
    "a length past the bound": ({"shaping": [{**OVERLONG, "max_tokens": 10_000_001}]}, "shaping[0].max_tokens"),
    "n-grams past the bound": ({"shaping": [{**REPETITION, "ngram_words": 101}]}, "shaping[0].ngram_words"),
    "a tag that is none": ({"shaping": [{**TOOLS, "tags": ["a b"]}]}, "shaping[0].tags[0]"),
    "one tag past the bound": ({"shaping": [{**TOOLS, "tags": ["a"] * 17}]}, "shaping[0].tags"),
    "a penalty paid regardless": ({"shaping": [{**OVERLONG, "regardless": True}]}, "shaping[0].regardless"),
    "a gate paid regardless": ({"shaping": [{**T, "regardless": True}]}, "shaping[0].regardless"),
    "one term past the bound": ({"shaping": [F] * (MAX_TERMS + 1)}, "shaping"),
}


@pytest.mark.parametrize(("fields", "field"), REFUSED.values(), ids=REFUSED)
def test_a_broken_shaping_is_the_tasks_fault(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidTask) as refused:
        parse_task(verifiers()["choice"], {"answer": "B", **fields})
    assert refused.value.field == field


def test_the_most_terms_are_read() -> None:
    assert len(read_terms(None, [F] * MAX_TERMS)) == MAX_TERMS


MESSAGES: dict[str, tuple[Any, bool]] = {
    "nothing": ({}, False),
    "a term of the text": ({"shaping": [F]}, False),
    "tool use": ({"shaping": [F, TOOLS]}, True),
    "a preset of tool use": ({"preset": "otc"}, True),
    "a preset of the text": ({"preset": "deepseek_r1"}, False),
    "what is broken": ({"preset": ["otc"], "shaping": [1, {"kind": ["tool_use"]}]}, False),
    "what is no list": ({"shaping": "tool_use"}, False),
}


@pytest.mark.parametrize(("fields", "wanted"), MESSAGES.values(), ids=MESSAGES)
def test_which_tasks_want_the_messages(fields: Any, wanted: bool) -> None:
    assert wants_messages(fields) is wanted


PIECES = [
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "`",
    "```",
    "$",
    "\\(",
    "\\[",
    "\\",
    "<",
    "a ",
    "是",
    "<tool_call>",
]


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_million_characters_of_anything_are_shaped(kind: str, piece: str) -> None:
    assert 0 <= quality({"kind": kind}, piece * (1_000_000 // len(piece))) <= 1


def test_repetition_looks_at_the_last_words_and_language_at_the_first_characters() -> None:
    loop = "b " * MAX_WORDS
    assert quality(REPETITION, "a c d " + loop) == quality(REPETITION, loop)
    assert quality(LANGUAGE, "word " * (MAX_READ_CHARS // 5) + "слово " * 1000) == 1


@given(TEXTS, st.sampled_from(sorted(KINDS)))
def test_every_quality_is_from_0_to_1(text: str, kind: str) -> None:
    assert 0 <= quality({"kind": kind}, text) <= 1
