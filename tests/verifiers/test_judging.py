"""The one way a response is judged: the task read, the response bounded, its text picked."""

from collections.abc import Callable
from typing import Any

import pytest

from veriward.verifiers import InvalidTask, Task, Verdict, Verifier, correct, verifiers
from veriward.verifiers.answers import MAX_RESPONSE_CHARS
from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.judging import Response, judge, parse_task, text_of
from veriward.verifiers.verdict import MAX_EXTRACTED_CHARS, MAX_REASON_CHARS
from veriward.wire.outcomes import Outcome


class Inner(Task):
    text: str


class OuterTask(Task):
    inner: list[Inner]
    weight: float = 1.0


def declared(function: Callable[[Any, Any, Any], Verdict], **more: Any) -> Verifier:
    return Verifier("probe", 1, OuterTask, function, **more)


ECHO = declared(lambda response, task, sandbox: correct(str(response)))
TASK = OuterTask(inner=[])

FIELDS = {
    "a missing field": ({}, "inner"),
    "a wrong type deep inside": ({"inner": [{"text": "a"}, {"text": 1}]}, "inner[1].text"),
    "an unknown field deep inside": ({"inner": [{"text": "a", "txt": "b"}]}, "inner[0].txt"),
    "NaN": ({"inner": [], "weight": float("nan")}, "weight"),
    "text for a number": ({"inner": [], "weight": "1"}, "weight"),
}


@pytest.mark.parametrize(("fields", "field"), FIELDS.values(), ids=FIELDS.keys())
def test_the_first_bad_field_is_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidTask) as refused:
        parse_task(ECHO, fields)
    assert refused.value.field == field


def test_a_verifiers_own_check_is_told_in_its_own_words() -> None:
    with pytest.raises(InvalidTask, match=r"^letters: a letter is listed twice$"):
        parse_task(verifiers()["choice"], {"letters": "AA", "answer": "A"})


TEXTS: dict[str, tuple[Response, str | None]] = {
    "a text is itself": ("72", "72"),
    "the last message of the assistant": (
        [
            {"role": "assistant", "content": "1"},
            {"role": "assistant", "content": "2"},
            {"role": "user", "content": "3"},
        ],
        "2",
    ),
    "text parts are joined, others are not text": (
        [
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "7"},
                    {"type": "image", "text": "x"},
                    {"type": "text", "text": "2"},
                ],
            }
        ],
        "72",
    ),
    "a message without content is empty": ([{"role": "assistant", "content": None}], ""),
    "parts of another shape are not text": ([{"role": "assistant", "content": ["x", {"type": "text", "text": 7}]}], ""),
    "no message of the assistant": ([{"role": "user", "content": "72"}], None),
    "no messages": ([], None),
}


@pytest.mark.parametrize(("response", "text"), TEXTS.values(), ids=TEXTS.keys())
def test_text_of(response: Response, text: str | None) -> None:
    assert text_of(response) == text


def test_the_longest_response_is_judged() -> None:
    assert judge(ECHO, TASK, "x" * MAX_RESPONSE_CHARS, NoSandbox()).outcome is Outcome.CORRECT


UNSEEN: dict[str, tuple[Response, str]] = {
    "one character too many": ("x" * (MAX_RESPONSE_CHARS + 1), "1,000,001 characters"),
    "a lone surrogate": ("a\ud800", "lone surrogate"),
    "no assistant message": ([{"role": "user", "content": "72"}], "no assistant message"),
}


def always(reward: float) -> Callable[..., Verdict]:
    return lambda *_: Verdict(Outcome.CORRECT, reward, {"answer": reward})


@pytest.mark.parametrize(("response", "reason"), UNSEEN.values(), ids=UNSEEN.keys())
def test_what_no_verifier_sees_is_unparsed_for_what_an_empty_response_earns_at_most_0(
    response: Response, reason: str
) -> None:
    for of_empty, lowest in ((1.0, 0.0), (0.0, 0.0), (-1.0, -1.0)):
        verdict = judge(declared(always(of_empty)), TASK, response, NoSandbox())
        assert (verdict.outcome, verdict.reward, verdict.parts) == (Outcome.UNPARSED, lowest, {"answer": lowest})
        assert reason in verdict.reason


def test_a_verifier_of_messages_gets_them_all() -> None:
    messages = [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}]
    counting = declared(lambda response, task, sandbox: correct(f"{len(response)} messages"), messages=True)
    assert judge(counting, TASK, messages, NoSandbox()).extracted == "2 messages"


def test_what_a_verdict_says_is_clipped() -> None:
    verdict = judge(declared(lambda *_: correct("x" * 10_000, "y" * 10_000)), TASK, "72", NoSandbox())
    assert verdict.extracted == "x" * MAX_EXTRACTED_CHARS
    assert verdict.reason == "y" * MAX_REASON_CHARS


SHAPED_UNSEEN = {
    "a penalty is taken in full": ([{"kind": "overlong", "max_tokens": 100, "buffer_tokens": 10}], -1.0),
    "a bonus is not paid": ([{"kind": "format", "apply": "add", "weight": 0.5, "regardless": True}], 0.0),
    "a factor leaves nothing as it is": ([{"kind": "format", "apply": "multiply", "weight": 0.5}], 0.0),
}


@pytest.mark.parametrize(("terms", "reward"), SHAPED_UNSEEN.values(), ids=SHAPED_UNSEEN.keys())
def test_a_response_that_is_refused_unseen_keeps_no_term(terms: list[dict[str, Any]], reward: float) -> None:
    """Or one character beyond what is read would be the way out of every penalty for length."""
    known = verifiers()["math"]
    task = parse_task(known, {"answer": "72", "shaping": terms})
    for response in (
        "x" * (MAX_RESPONSE_CHARS + 1),
        {"refused": "too long"},
        "\ud800",
        [{"role": "user", "content": "?"}],
    ):
        verdict = judge(known, task, response, NoSandbox())
        assert (verdict.outcome, verdict.reward) == (Outcome.UNPARSED, reward)
