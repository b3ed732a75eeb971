"""Literals, calls and JSON out of hostile text, and the bounds and costs of `simulation`; its cases say the rest."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.simulation import SimulationTask, simulation
from veriward.verifiers.simulation.json_objects import MAX_OBJECT_CHARS, last_object, same_json
from veriward.verifiers.simulation.literals import (
    MAX_NESTING,
    MAX_SOURCE_CHARS,
    NotLiteral,
    arguments,
    call_of,
    literal,
    same,
    stated,
    value_of,
)
from veriward.verifiers.verdict import Verdict
from veriward.wire.outcomes import Outcome

SAME: dict[str, tuple[Any, Any, bool]] = {
    "numbers": (1, 1.0, True),
    "integers beyond the floats": (2**53 + 1, 2.0**53, False),
    "True and 1": (True, 1, False),
    "True and 1 in a list": ([True], [1], False),
    "True and 1 as keys": ({True: 0}, {1: 0}, False),
    "True and 1 in sets": ({True}, {1}, False),
    "a tuple and a list": ((1,), [1], False),
    "lists in another order": ([1, 2], [2, 1], False),
    "dicts in another order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
    "sets": ({1, 2}, {2, 1}, True),
    "text and bytes": ("a", b"a", False),
    "None and False": (None, False, False),
    "floats nearby": (0.3, 0.1 + 0.2, False),
    "a longer list": ([1], [1, 2], False),
}


@pytest.mark.parametrize(("gold", "told", "equal"), SAME.values(), ids=SAME.keys())
def test_same(gold: Any, told: Any, equal: bool) -> None:
    assert same(gold, told) is equal


LITERALS: dict[str, tuple[str, Any]] = {
    "a list": ("[1, 'a', None]", [1, "a", None]),
    "a negative number": ("-1.5", -1.5),
    "an empty set": ("set()", set()),
    "a set": ("{1, 2}", {1, 2}),
    "bytes": ("b'a'", b"a"),
    "joined strings": ("'a' 'b'", "ab"),
}
NO_LITERALS = {
    "a name": "x",
    "a call": "int('1')",
    "a sum": "1 + 1",
    "a power": "9 ** 9",
    "an f-string": "f'{1}'",
    "a comprehension": "[1 for _ in range(9)]",
    "two lines": "1\n2",
    "nothing": "",
    "a nought byte": "'\0'",
    "an unhashable key": "{[]: 1}",
    "digits without end": "9" * 5_000,
    "an open bracket": "[1",
}


@pytest.mark.parametrize(("text", "value"), LITERALS.values(), ids=LITERALS.keys())
def test_a_literal(text: str, value: Any) -> None:
    assert literal(text) == value


@pytest.mark.parametrize("text", NO_LITERALS.values(), ids=NO_LITERALS.keys())
def test_no_literal(text: str) -> None:
    with pytest.raises(NotLiteral):
        literal(text)


def test_a_literal_one_step_past_its_bounds_is_refused() -> None:
    assert literal("[" * MAX_NESTING + "]" * MAX_NESTING)
    with pytest.raises(NotLiteral, match="deep"):
        literal("[" * (MAX_NESTING + 1) + "]" * (MAX_NESTING + 1))
    assert literal("'" + "x" * (MAX_SOURCE_CHARS - 2) + "'")
    with pytest.raises(NotLiteral, match="longer"):
        literal("'" + "x" * (MAX_SOURCE_CHARS - 1) + "'")


STATED: dict[str, tuple[str, bool, Any]] = {
    "an assert": ("assert f(1) == 2", True, 2),
    "an assert the other way round": ("assert 2 == f(1)", True, 2),
    "an assert with a message": ("assert f(1) == 2, 'no'", True, 2),
    "an assert with prose after it": ("assert f(1) == 2\nas 1 is doubled.", True, 2),
    "the last assert": ("assert f(1) == 3\nassert f(1) == 2", True, 2),
    "an equality": ("f(1) == 2", True, 2),
    "a value": ("2", False, 2),
    "an empty set": ("f(1) == set()", True, set()),
}


@pytest.mark.parametrize(("text", "calls", "value"), STATED.values(), ids=STATED.keys())
def test_what_is_stated(text: str, calls: bool, value: Any) -> None:
    found = stated(text)
    assert (found.call is not None) is calls
    assert found.value is not None
    assert value_of(found.value) == value


@pytest.mark.parametrize(
    "text", ["assert f(1) != 2", "assert 1 < f(1) < 3", "assert f(1) == 2; f = 3", "1 == 1", "x = 1"]
)
def test_what_states_nothing(text: str) -> None:
    with pytest.raises(NotLiteral):
        stated(text)


ARGUMENTS: dict[str, tuple[str, list[Any] | None]] = {
    "by place": ("1, 2", [1, 2]),
    "by name": ("b=2, a=1", [1, 2]),
    "both": ("1, b=2", [1, 2]),
    "none": ("", []),
    "one left out": ("b=2", None),
    "one twice": ("1, a=2", None),
    "unknown": ("c=1", None),
    "starred": ("*[1, 2]", None),
    "starred names": ("**{'a': 1}", None),
    "a name": ("x", None),
}


@pytest.mark.parametrize(("source", "values"), ARGUMENTS.values(), ids=ARGUMENTS.keys())
def test_arguments(source: str, values: list[Any] | None) -> None:
    call = call_of("f", source)
    if values is None:
        with pytest.raises(NotLiteral):
            arguments(call, ["a", "b"])
    else:
        assert arguments(call, ["a", "b"]) == values


OBJECTS: dict[str, tuple[str, Any]] = {
    "an object": ('{"output": 1}', {"output": 1}),
    "the last of two": ('{"output": 1} {"output": 2}', {"output": 2}),
    "one within another": ('{"output": {"a": {}}}', {"output": {"a": {}}}),
    "braces in strings": ('{"output": "}{\\"}"}', {"output": '}{"}'}),
    "a quote before it": ('5" wide: {"output": 1}', {"output": 1}),
    "a fenced one before other braces": ('```json\n{"output": 1}\n```\nand {x}', {"output": 1}),
    "a list": ("[1]", None),
    "no JSON": ("{output: 1}", None),
    "a key twice": ('{"a": 1, "a": 1}', None),
    "unclosed": ('{"a": 1', None),
    "infinity": ('{"a": Infinity}', None),
}


@pytest.mark.parametrize(("text", "found"), OBJECTS.values(), ids=OBJECTS.keys())
def test_the_last_object(text: str, found: Any) -> None:
    assert last_object(text) == found


def test_an_object_one_step_past_its_bound_is_not_found() -> None:
    most = '{"a": "' + "x" * (MAX_OBJECT_CHARS - 9) + '"}'
    assert len(most) == MAX_OBJECT_CHARS
    assert last_object(most) is not None
    assert last_object(most.replace('"a"', '"aa"')) is None


def test_same_json() -> None:
    assert same_json(0.3, 0.1 + 0.2)
    assert same_json([1], "[1]")
    assert same_json(None, "None")
    assert not same_json("1", 1)
    assert not same_json(1, "one")
    assert not same_json(1.0, 1.00001)


OUTPUT = SimulationTask.model_validate({"kind": "output", "input": "1", "gold": "2"})
INPUT = SimulationTask.model_validate({"kind": "input", "code": "def f(x):\n    return x", "gold_output": "2"})
CODEIO = SimulationTask.model_validate({"kind": "codeio", "gold": {"output": 2}})


@given(st.text(alphabet=st.sampled_from("()[]{}\"'\\,=:f12x.-\nasert")))
def test_any_text_is_judged(text: str) -> None:
    for wrapped in (text, f"<answer>{text}</answer>", f"assert {text}"):
        simulation(wrapped, OUTPUT, NoSandbox())
        simulation(wrapped, CODEIO, NoSandbox())


FLOODS = [
    "(",
    "assert ",
    "assert f(1) == 2\n",
    "{",
    '{"',
    '"\\',
    "-",
    "[ANSWER]",
    "'",
    "not ",
    "1,",
    "\\",
    "lambda:",
    "1if ",
]


@pytest.mark.parametrize("piece", FLOODS)
def test_a_million_characters_of_anything_are_judged(piece: str) -> None:
    for response in (piece * (1_000_000 // len(piece)), f"<answer>{(piece * 20_000)[:20_000]}</answer>"):
        for task in (OUTPUT, CODEIO):
            assert isinstance(simulation(response, task, NoSandbox()), Verdict)


@pytest.mark.sandbox
def test_the_tasks_function_runs_and_the_verdict_is_stamped(sandbox: Sandbox) -> None:
    verdict = simulation("<answer>f(2)</answer>", INPUT, sandbox)
    assert verdict.outcome is Outcome.CORRECT
    assert verdict.isolation is not None
    assert simulation("<answer>f(3)</answer>", INPUT, sandbox).outcome is Outcome.WRONG


@pytest.mark.sandbox
def test_an_endless_call_is_wrong_in_its_time(sandbox: Sandbox) -> None:
    fields = {"kind": "input", "code": "def f(n):\n    while n:\n        pass\n    return n", "gold_output": "0"}
    task = SimulationTask.model_validate(fields)
    assert simulation("<answer>f(0)</answer>", task, sandbox).outcome is Outcome.CORRECT
    verdict = simulation("<answer>f(1)</answer>", task, sandbox)
    assert verdict.outcome is Outcome.WRONG
    assert "time_limit" in verdict.reason
