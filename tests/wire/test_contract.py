"""What the wire promises beyond its fields: no invented reward, no unknown field, no NaN."""

import inspect
import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import veriward.wire as wire
from veriward.wire import ExecuteRequest, GradeRequest, GradeResponse, Problem, Result, StreamEnd

GRADED = {"status": "graded", "reward": 0.0, "outcome": "wrong"}
ITEM = {"task": {"verifier": "math", "answer": "72"}, "responses": ["72"]}

REQUEST = """{"items": [{"id": "gsm8k/17", "task": {"verifier": "math", "answer": "72"},
 "responses": ["... so \\\\boxed{72}", [{"role": "assistant", "content": "72", "tool_calls": []}]], "source": "gsm8k"}],
 "deadline_seconds": 30, "priority": "normal"}"""
RESPONSE = """{"request_id": "r", "items": [{"id": "gsm8k/17", "results": [
 {"status": "graded", "reward": 1.0, "outcome": "correct", "parts": {"answer": 1.0}, "extracted": "72", "reason": "",
  "verifier": "math", "version": 1, "cached": false, "metrics": {}, "seconds": {"queued": 0.001, "graded": 0.0004},
  "a field of a later server": 1}, {"status": "timeout"}]}]}"""


def test_the_published_example_is_understood() -> None:
    request = GradeRequest.model_validate_json(REQUEST)
    assert request.items[0].task["answer"] == "72"
    assert request.model_dump(mode="json")["items"][0]["responses"][1][0]["tool_calls"] == []
    first, second = GradeResponse.model_validate_json(RESPONSE).items[0].results
    assert (first.reward, second.reward) == (1.0, None)


ACCEPTED = {
    "graded, reward 0": (Result, GRADED),
    "not graded, no reward": (Result, {"status": "overloaded"}),
    "a result with fields that a later server added": (Result, {**GRADED, "later": 1}),
    "a message with a trainer's own fields": (GradeRequest, {"items": [{**ITEM, "responses": [[{"role": "user"}]]}]}),
    "group shaping": (
        GradeRequest,
        {"items": [{**ITEM, "group_shaping": [{"kind": "relative_length", "weight": 0.2}]}]},
    ),
    "the most responses for diversity": (
        GradeRequest,
        {"items": [{**ITEM, "responses": ["72"] * 64, "group_shaping": [{"kind": "diversity"}]}]},
    ),
    "more of them for a majority": (
        GradeRequest,
        {"items": [{**ITEM, "responses": ["72"] * 65, "group_shaping": [{"kind": "majority"}]}]},
    ),
    "the longest deadline": (GradeRequest, {"items": [ITEM], "deadline_seconds": 3600}),
    "a program with nothing but its code": (ExecuteRequest, {"runs": [{"code": "print(1)"}]}),
    "a task that no verifier knows: that is the item's fault": (GradeRequest, {"items": [{**ITEM, "task": {}}]}),
}

REFUSED = {
    "a reward without being graded": (Result, {"status": "timeout", "reward": 0.0}, "exactly when"),
    "an outcome without being graded": (Result, {"status": "error", "outcome": "wrong"}, "exactly when"),
    "graded without a reward": (Result, {"status": "graded", "outcome": "wrong"}, "exactly when"),
    "graded without an outcome": (Result, {"status": "graded", "reward": 1.0}, "exactly when"),
    "a NaN reward": (Result, {**GRADED, "reward": float("nan")}, "finite"),
    "an infinite part": (Result, {**GRADED, "parts": {"answer": float("inf")}}, "finite"),
    "a NaN metric": (Result, {**GRADED, "metrics": {"tests": float("nan")}}, "finite"),
    "an unknown status": (Result, {**GRADED, "status": "wrong"}, "status"),
    "an unknown field of the request": (GradeRequest, {"items": [ITEM], "dedline": 3}, "dedline"),
    "an unknown field of an item": (GradeRequest, {"items": [{**ITEM, "response": "72"}]}, "response"),
    "an unknown limit of a program": (ExecuteRequest, {"runs": [{"code": "", "limits": {"ram": 1}}]}, "ram"),
    "no items": (GradeRequest, {"items": []}, "items"),
    "no responses": (GradeRequest, {"items": [{**ITEM, "responses": []}]}, "responses"),
    "a number as a response": (GradeRequest, {"items": [{**ITEM, "responses": [72]}]}, "responses"),
    "a NaN deadline": (GradeRequest, {"items": [ITEM], "deadline_seconds": float("nan")}, "deadline_seconds"),
    "an infinite deadline": (GradeRequest, {"items": [ITEM], "deadline_seconds": float("inf")}, "deadline_seconds"),
    "no time": (GradeRequest, {"items": [ITEM], "deadline_seconds": 0}, "deadline_seconds"),
    "one second past the longest deadline": (GradeRequest, {"items": [ITEM], "deadline_seconds": 3601}, "3600"),
    "one character past the longest id": (GradeRequest, {"items": [{**ITEM, "id": "x" * 513}]}, "512"),
    "an unknown group shaping": (GradeRequest, {"items": [{**ITEM, "group_shaping": [{"kind": "fun"}]}]}, "kind"),
    "a majority with a weight": (
        GradeRequest,
        {"items": [{**ITEM, "group_shaping": [{"kind": "majority", "weight": 1}]}]},
        "no weight",
    ),
    "a weight past the bound": (
        GradeRequest,
        {"items": [{**ITEM, "group_shaping": [{"kind": "diversity", "weight": 1.1}]}]},
        "weight",
    ),
    "one group shaping past the most": (
        GradeRequest,
        {"items": [{**ITEM, "group_shaping": [{"kind": "diversity"}] * 5}]},
        "group_shaping",
    ),
    "one response past the most for diversity": (
        GradeRequest,
        {"items": [{**ITEM, "responses": ["72"] * 65, "group_shaping": [{"kind": "diversity"}]}]},
        "at most 64",
    ),
    "an unknown priority": (GradeRequest, {"items": [ITEM], "priority": "urgent"}, "priority"),
    "one program past the most": (ExecuteRequest, {"runs": [{"code": ""}] * 1001}, "1000"),
    "an end that is none": (StreamEnd, {"done": False, "request_id": "r", "results": 1}, "done"),
    "an error code of no version": (Problem, {"title": "t", "status": 400, "code": "oops"}, "code"),
}


@pytest.mark.parametrize(("model", "fields"), ACCEPTED.values(), ids=ACCEPTED)
def test_accepts(model: type[BaseModel], fields: dict[str, Any]) -> None:
    accepted = model.model_validate(fields)
    assert model.model_validate_json(accepted.model_dump_json()) == accepted


@pytest.mark.parametrize(("model", "fields", "named"), REFUSED.values(), ids=REFUSED)
def test_refuses_by_name(model: type[BaseModel], fields: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(fields)
    assert named in str(refused.value)
    with pytest.raises(ValidationError):
        model.model_validate_json(json.dumps(fields))


def test_what_is_said_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Result.model_validate(GRADED).reward = 1.0


def test_all_names_are_the_real_exports() -> None:
    public = {name for name, value in vars(wire).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert sorted(wire.__all__) == sorted(public)
