"""Every verifier does what its own cases say, and answers any text with a verdict."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from veriward.sandbox.execution import Sandbox
from veriward.verifiers import InvalidTask, Verdict, Verifier, conformance, verifiers
from veriward.verifiers.conformance import BadCases, Case, Models, NoSandbox
from veriward.verifiers.judging import parse_task
from veriward.verifiers.verdict import Unavailable

ALL = verifiers()
MANY_CASES = 60
BY_NAME = [pytest.param(verifier, id=name) for name, verifier in ALL.items()]


def rows(runs_programs: bool) -> list[object]:
    """One row per case; a file that can't be read has none here and fails `test_its_cases_are_of_every_kind`."""
    found: list[object] = []
    for name, verifier in ALL.items():
        if verifier.runs_programs is runs_programs:
            with suppress(BadCases):
                for case in conformance.cases(verifier):
                    found.append(pytest.param(verifier, case, id=f"{name}: {case.sentence}"))
    return found


@pytest.mark.parametrize(("verifier", "case"), rows(runs_programs=False))
def test_it_does_what_its_case_says(verifier: Verifier, case: Case) -> None:
    assert conformance.run(verifier, case, NoSandbox()) is None


@pytest.mark.sandbox
@pytest.mark.parametrize(("verifier", "case"), rows(runs_programs=True))
def test_it_does_what_its_case_says_of_programs(verifier: Verifier, case: Case, sandbox: Sandbox) -> None:
    assert conformance.run(verifier, case, sandbox) is None


@pytest.mark.parametrize("verifier", BY_NAME)
def test_its_cases_are_of_every_kind(verifier: Verifier) -> None:
    assert conformance.shortcomings(verifier) == []


@pytest.mark.parametrize("name", ["math", "code", "sql", "table", "instruction"])
def test_the_great_families_have_many_cases(name: str) -> None:
    assert len(list(conformance.cases(ALL[name]))) >= MANY_CASES


@pytest.mark.parametrize("verifier", BY_NAME)
def test_its_messages_are_read_as_its_text(verifier: Verifier) -> None:
    if verifier.runs_programs or verifier.messages:
        return
    for case in conformance.cases(verifier):
        if isinstance(case.response, str):
            told = [{"role": "user", "content": "?"}, {"role": "assistant", "content": case.response}]
            assert conformance.run(verifier, replace(case, response=told), NoSandbox()) is None


FRAGMENTS = [
    "<think>", "</think>", "<answer>", "</answer>", "\\boxed{", "}", "{", "\\frac", "```sql\n", "```python\n", "```",
    "####", "Answer:", "The answer is", "A", "B", "72", "-1.5", "SELECT", "def f(x):", "\n", " ", "$", "\\text{", ",",
]  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=5))).map("".join))


def answers_any(verifier: Verifier, response: str, sandbox: Sandbox) -> None:
    example = next(case for case in conformance.cases(verifier) if case.kind == "accept")
    task = parse_task(verifier, example.fields)
    try:
        assert isinstance(Models(example.replies).verdict(verifier, task, response, sandbox), Verdict)
    except Unavailable as unavailable:
        pytest.skip(str(unavailable))
    except InvalidTask:
        pytest.fail("the example task is at fault")


@pytest.mark.parametrize("verifier", [row for row in BY_NAME if not ALL[str(row.id)].runs_programs])
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(response=TEXTS)
def test_any_text_gets_a_verdict(verifier: Verifier, response: str) -> None:
    answers_any(verifier, response, NoSandbox())


@pytest.mark.sandbox
@pytest.mark.parametrize("verifier", [row for row in BY_NAME if ALL[str(row.id)].runs_programs])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(response=TEXTS)
def test_any_text_as_a_program_gets_a_verdict(verifier: Verifier, response: str, sandbox: Sandbox) -> None:
    answers_any(verifier, response, sandbox)
