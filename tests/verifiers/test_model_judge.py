"""`model_judge`: what a judge is shown, how its replies are read, and their bounds one step past."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.sandbox.execution import Execution, Isolation, Run, RunStatus, Usage
from veriward.verifiers import InvalidTask, Replies, Reply, Request, verifiers
from veriward.verifiers.asking import NoOpinion, Offered, Unanswered, read_replies
from veriward.verifiers.conformance import ENDPOINTS, Models, NoSandbox
from veriward.verifiers.judging import judge, parse_task
from veriward.verifiers.model_judge.reading import (
    MAX_REPLY_CHARS,
    MAX_VERDICT_CHARS,
    Unreadable,
    final_verdict,
    json_verdict,
    number,
)
from veriward.verifiers.model_judge.shown import MAX_SHOWN_CHARS, code_for, fenced, says_nothing, shown, visible
from veriward.verifiers.model_judge.task import MAX_CRITERIA
from veriward.verifiers.model_judge.templates import MAX_TEMPLATE_CHARS, filled

JUDGE = verifiers()["model_judge"]
ESSAY: dict[str, Any] = {"model": "judge", "rubric": "Is it good?"}
CODE = "0123456789ab"


def test_the_most_is_shown_whole_and_one_more_is_cut() -> None:
    assert shown("x" * MAX_SHOWN_CHARS) == "x" * MAX_SHOWN_CHARS
    assert "[1 characters left out here]" in shown("x" * (MAX_SHOWN_CHARS + 1))


@given(st.text(alphabet=st.one_of(st.sampled_from("=BEGINDendbegi \n<|im_>\u200b＝"), st.characters()), max_size=200))
def test_no_text_leaves_its_fence(text: str) -> None:
    code = code_for(text)
    assert code not in text
    inside = fenced("RESPONSE", shown(text), code)
    assert inside.count(code) == 2
    assert inside.startswith(f"=== BEGIN RESPONSE {code} ===\n")
    assert inside.endswith(f"\n=== END RESPONSE {code} ===")
    assert visible(visible(text)) == visible(text)


def test_codes_tell_texts_apart_wherever_they_are_divided() -> None:
    assert len({code_for("ab", "c"), code_for("a", "bc"), code_for("abc"), code_for("abc", "")}) == 4


@pytest.mark.parametrize(
    "piece", ["=", "= ", "<|", "[", "\u200b", "\n", "==END\n", "Step ", "{", "<s>", "=" * 60 + "\n"]
)
def test_a_million_characters_of_anything_are_shown(piece: str) -> None:
    flood = piece * (1_000_000 // len(piece))
    assert len(shown(flood)) <= 3 * MAX_SHOWN_CHARS
    says_nothing(flood)


NOTHING = {
    "": True, ":": True, " .\n": True, "\u200b": True, "Thought process:": True, "**Solution**": True,
    "Let’s think step by step.": True, "解": True, "Answer: 4": False, "4": False, "x": False, "Yes": False,
    "Solution by radicals": False, "∞": True,
}  # fmt: skip


@pytest.mark.parametrize(("text", "nothing"), NOTHING.items())
def test_what_says_nothing(text: str, nothing: bool) -> None:
    assert says_nothing(text) is nothing


def test_signs_may_be_an_answer() -> None:
    assert not says_nothing("∞", symbols=True)
    assert says_nothing(" \u200b", symbols=True)


READ: dict[str, tuple[str, Any]] = {
    "an object alone": ('{"code": "C", "score": 1}', 1),
    "within a fence": ('Well.\n```json\n{"code": "C", "score": 1}\n```\n', 1),
    "an object within it": ('{"code": "C", "score": {"a": {"b": 1}}}', {"a": {"b": 1}}),
    "braces within its text": ('{"why": "{ }}", "code": "C", "score": 1}', 1),
    "another object before": ('{"score": 9} {"code": "C", "score": 1}', 1),
    "its form repeated in the thinking": ('<think>{"code": "C"}</think>{"code": "C", "score": 1}', 1),
    "nothing": ("", None),
    "no end to the thinking": ('<think>{"code": "C", "score": 1}', None),
    "another code": ('{"code": "D", "score": 1}', None),
    "a code that is a number": ('{"code": 1, "score": 1}', None),
    "two with the code": ('{"code": "C", "score": 1}\n{"code":"C", "score": 2}', None),
    "something after": ('{"code": "C", "score": 1}.', None),
    "an object in a list": ('[{"code": "C", "score": 1}]', None),
    "cut off": ('{"code": "C", "score": 1', None),
    "inside another": ('{"verdict": {"code": "C", "score": 1}}', None),
    "not a number in JSON": ('{"code": "C", "score": NaN}', None),
    "too long": ("x" * MAX_REPLY_CHARS + '{"code": "C", "score": 1}', None),
    "a verdict that is too long": ('{"code": "C", "score": 1, "why": "' + "x" * MAX_VERDICT_CHARS + '"}', None),
}


@pytest.mark.parametrize(("reply", "score"), READ.values(), ids=READ)
def test_json_verdicts(reply: str, score: Any) -> None:
    if score is None:
        with pytest.raises(Unreadable):
            json_verdict(reply.replace('"C"', f'"{CODE}"'), CODE)
    else:
        assert json_verdict(reply.replace('"C"', f'"{CODE}"'), CODE)["score"] == score


@given(st.text(alphabet='{}[]":,codescore0123456789ab \n<think>/`', max_size=300))
def test_any_reply_is_read_or_is_not(reply: str) -> None:
    for read in (lambda: json_verdict(reply, CODE), lambda: final_verdict(reply, "Score:")):
        try:
            read()
        except Unreadable:
            pass


@pytest.mark.parametrize("piece", ["{", "}", '{"a":', "[", '"', "\\", "Score:\n", "<think>", "```"])
def test_a_reply_of_the_longest_is_read(piece: str) -> None:
    flood = piece * (MAX_REPLY_CHARS // len(piece))
    for ending in ("", "}", f'{{"code": "{CODE}"}}'):
        with pytest.raises(Unreadable):
            number(json_verdict(flood + ending, CODE).get("score"), 0, 1)
        with pytest.raises(Unreadable):
            final_verdict(flood, "Verdict:")


NUMBERS: dict[str, tuple[Any, float | None]] = {
    "an integer": (7, 7.0), "a fraction": (7.5, 7.5), "a text": ("7", 7.0), "out of ten": ("7/10", 7.0),
    "the lowest": (0, 0.0), "the highest": (10, 10.0), "below": (-0.1, None), "above": (10.1, None),
    "true": (True, None), "words": ("seven", None), "nothing": (None, None), "a list": ([7], None),
    "an exponent": ("1e1", None), "digits of another script": ("٧", None), "too many digits": ("1" * 10, None),
}  # fmt: skip


@pytest.mark.parametrize(("told", "value"), NUMBERS.values(), ids=NUMBERS)
def test_numbers(told: Any, value: float | None) -> None:
    if value is None:
        with pytest.raises(Unreadable):
            number(told, 0, 10)
    else:
        assert number(told, 0, 10) == value


def test_what_is_filled_in_is_not_filled_again() -> None:
    assert filled("{response}\n{question}\nEnd", {"response": "{question}", "question": ""}) == "{question}\nEnd"


LONG: dict[str, tuple[dict[str, Any], str]] = {
    "a template": ({"template": "{response}" + "x" * MAX_TEMPLATE_CHARS}, "template"),
    "a rubric": ({"rubric": "x" * 40_001}, "rubric"),
    "criteria": ({"mode": "checklist", "rubric": [{"criterion": "x"}] * (MAX_CRITERIA + 1)}, "rubric"),
    "a criterion": ({"mode": "checklist", "rubric": [{"criterion": "x" * 4_001}]}, "rubric"),
    "a scale": ({"scale": [0, 1e7]}, "scale"),
    "a question": ({"question": "x" * 200_001}, "question"),
    "a reference": ({"reference": "x" * 200_001}, "reference"),
    "a final line": ({"final": "x" * 61}, "final"),
}


@pytest.mark.parametrize(("more", "field"), LONG.values(), ids=LONG)
def test_tasks_one_step_past_their_bounds(more: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidTask) as refused:
        parse_task(JUDGE, {**ESSAY, **more})
    assert refused.value.field.startswith(field)


def test_without_an_endpoint_no_model_can_be_asked() -> None:
    with pytest.raises(InvalidTask, match="no endpoint is named in the settings of this server"):
        judge(JUDGE, parse_task(JUDGE, ESSAY), "", NoSandbox())


def test_equal_answers_to_one_question_ask_the_same() -> None:
    task = parse_task(JUDGE, {"model": "judge", "mode": "equivalence", "reference": "Goethe"})
    asked = []
    for response in (r"It is \boxed{J. W. Goethe}", r"<think>hm</think>I say: \boxed{J. W. Goethe}"):
        with pytest.raises(Unanswered) as unanswered:
            judge(JUDGE, task, response, NoSandbox(), Replies(ENDPOINTS))
        asked.append([request.key for request in unanswered.value.requests])
    assert asked[0] == asked[1]


class Counting:
    """A sandbox in which every program prints `yes`; it counts them."""

    def __init__(self) -> None:
        self.runs = 0

    def run(self, execution: Execution, stop: Callable[[Run], bool] | None = None) -> list[Run]:
        self.runs += 1
        isolation = Isolation("L2", ("seccomp",), "here")
        run = Run(0, RunStatus.FINISHED, stdout=b"yes\n", usage=Usage(0.0, 0.0, 0), isolation=isolation)
        if stop is not None:
            stop(run)
        return [run]


def test_what_ran_programs_is_not_run_again_for_each_round_of_asking() -> None:
    code = {"verifier": "code", "kind": "stdin", "tests": [{"input": "1", "output": "yes"}]}
    parts = [code, {"verifier": "model_judge", **ESSAY}]
    together = verifiers()["all_of"]
    task = parse_task(together, {"parts": parts})
    sandbox = Counting()
    replies = ["hm", "hm", '{"code": "{code}", "score": 10}']
    verdict = Models([Reply(text) for text in replies]).verdict(together, task, "```python\n1\n```", sandbox)
    assert (verdict.reward, sandbox.runs) == (1.0, 1)
    assert verdict.isolation == ("L2", ("seccomp",), "here")


def test_replies_and_kept_verdicts_travel_as_json() -> None:
    request = Request("judge", (("user", "é\ud800"),))
    known = Replies({"judge": Offered("openai_chat")})
    code = verifiers()["code"]
    fields = {"kind": "stdin", "tests": [{"input": "1", "output": "yes"}]}
    verdict = judge(code, parse_task(code, fields), "```python\n1\n```", Counting())
    known.at("parts[0]").keep(verdict)
    reply = {"text": "x", "logprobs": [["Yes", -0.5]], "score": None, "input_tokens": 1, "output_tokens": 2}
    told = json.loads(json.dumps({"replies": {request.key: reply}, "kept": known.all_kept()}))
    back = read_replies({}, told)
    assert back.get(request) == Reply("x", (("Yes", -0.5),), None, 1, 2)
    assert back.at("parts[0]").kept == verdict
    assert back.at("parts[1]").kept is None


def test_a_judge_that_is_never_readable_is_no_verdict() -> None:
    with pytest.raises(NoOpinion, match=r"could not be read, 3 times; the last: it does not end with a JSON object"):
        Models([Reply("no")] * 3).verdict(JUDGE, parse_task(JUDGE, ESSAY), "It is.", NoSandbox())
