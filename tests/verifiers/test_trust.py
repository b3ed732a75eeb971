"""Golds made of tasks are right in one form at least, for every verifier's own tasks; probes are the same each time."""

import json
from typing import Any

import pytest

from veriward.verifiers import verifiers
from veriward.verifiers.conformance import NoSandbox, cases
from veriward.verifiers.judging import judge, parse_task
from veriward.verifiers.trust import gold_responses, probes
from veriward.verifiers.verdict import Unavailable
from veriward.wire.outcomes import Outcome

HOLD_NO_ANSWER = ("instruction", "logic.")  # a game's own tasks say what a solution must do, and seldom give one
ASK_OTHERS = {"calibration"}  # of texts, which run nothing
JUDGED_HERE = [
    one
    for name, one in verifiers().items()
    if name in ASK_OTHERS or not (one.runs_programs or one.asks or name.startswith(HOLD_NO_ANSWER))
]


def own_tasks(verifier: Any) -> list[dict[str, Any]]:
    found = {json.dumps(case.fields, sort_keys=True): case.fields for case in cases(verifier) if case.kind == "accept"}
    return list(found.values())


@pytest.mark.parametrize("verifier", JUDGED_HERE, ids=lambda one: one.name)
def test_a_gold_made_of_a_task_is_right(verifier: Any) -> None:
    tried = 0
    for fields in own_tasks(verifier):
        golds = gold_responses(verifier.name, fields)
        task = parse_task(verifier, fields)
        try:
            outcomes = [judge(verifier, task, gold, NoSandbox()).outcome for gold in golds]
        except Unavailable:
            return
        proven = Outcome.CORRECT in outcomes
        assert proven or not golds, fields
        tried += proven
    assert tried


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        pytest.param("code", {"kind": "stdin", "tests": [{"input": "1", "output": "2"}]}, id="tests"),
        pytest.param(
            "instruction", {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}, id="instruction"
        ),
        pytest.param(
            "all_of",
            {"parts": [{"verifier": "math", "answer": "7"}, {"verifier": "code", "kind": "stdin", "tests": []}]},
            id="one of all holds no answer",
        ),
        pytest.param("nobody", {}, id="an unknown verifier"),
    ],
)
def test_a_task_that_holds_no_answer_has_no_gold(name: str, fields: dict[str, Any]) -> None:
    assert gold_responses(name, fields) == []


def test_a_task_nested_without_end_is_not_followed_without_end() -> None:
    task: dict[str, Any] = {"verifier": "math", "answer": "7"}
    for _ in range(50):
        task = {"verifier": "all_of", "parts": [task]}
    assert gold_responses("all_of", task) == []


def test_probes_are_the_same_for_the_same_task() -> None:
    fields = {"answer": "B", "options": {"A": "Lyon", "B": "Paris"}}
    assert list(probes(fields, "?", ["C"])) == list(probes(fields, "?", ["C"]))
    assert {probe.kind for probe in probes(fields, "?", [])} == {
        "empty", "random", "echo of the prompt", "every answer", "form alone",
    }  # fmt: skip
