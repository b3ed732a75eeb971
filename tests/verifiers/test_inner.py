"""Tasks within tasks: read with their paths, bounded, judged with what they carry; the compositions' sums."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.sandbox.errors import ExecutionRefused, SandboxError
from veriward.sandbox.execution import Execution, Run, Sandbox
from veriward.verifiers import InvalidTask, Verdict, verifiers
from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.inner import MAX_DEPTH, MAX_INNER_TASKS
from veriward.verifiers.judging import judge, parse_task
from veriward.verifiers.steps import MAX_STEPS_WRITTEN, Bounds, bounded, split
from veriward.wire.outcomes import Outcome

COMPOSITIONS = ("all_of", "any_of", "weighted", "gate", "cascade", "steps")
RIGHT = {"verifier": "choice", "answer": "B"}
WRONG = {"verifier": "choice", "answer": "A"}
CODE = {"verifier": "code", "kind": "stdin", "tests": [{"input": "1", "output": "2"}]}
PROGRAM = "\n```python\nprint(2)\n```"


def judged(name: str, parts: Sequence[dict[str, Any]], response: Any, sandbox: Sandbox, **more: Any) -> Verdict:
    found = verifiers()[name]
    field = "steps" if name == "steps" else "parts"
    return judge(found, parse_task(found, {field: list(parts), **more}), response, sandbox)


def nested(depth: int) -> dict[str, Any]:
    task: dict[str, Any] = RIGHT
    for _ in range(depth):
        task = {"verifier": "any_of", "parts": [task]}
    return task


def test_the_deepest_nest_is_read_and_one_deeper_is_not() -> None:
    assert judged("any_of", [nested(MAX_DEPTH - 1)], r"\boxed{B}", NoSandbox()).reward == 1
    with pytest.raises(InvalidTask, match="deeper than 4") as refused:
        judged("any_of", [nested(MAX_DEPTH)], r"\boxed{B}", NoSandbox())
    assert refused.value.field == "parts[0]" + ".parts[0]" * MAX_DEPTH


def test_the_most_inner_tasks_are_read_and_one_more_is_not() -> None:
    assert judged("any_of", [RIGHT] * MAX_INNER_TASKS, r"\boxed{B}", NoSandbox()).reward == 1
    with pytest.raises(InvalidTask, match="more than 64") as refused:
        judged("any_of", [RIGHT] * (MAX_INNER_TASKS + 1), r"\boxed{B}", NoSandbox())
    assert refused.value.field == f"parts[{MAX_INNER_TASKS}]"


def test_inner_tasks_are_counted_over_all_depths() -> None:
    inner = {"verifier": "any_of", "parts": [RIGHT] * (MAX_INNER_TASKS // 2)}
    with pytest.raises(InvalidTask, match="more than 64") as refused:
        judged("any_of", [inner, inner], r"\boxed{B}", NoSandbox())
    assert refused.value.field == f"parts[1].parts[{MAX_INNER_TASKS // 2 - 2}]"


def test_a_nest_far_too_deep_is_refused_like_any() -> None:
    with pytest.raises(InvalidTask, match="deeper than 4"):
        judged("any_of", [nested(200)], "", NoSandbox())


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_its_schema_tells_of_inner_tasks(name: str) -> None:
    schema = verifiers()[name].task.model_json_schema()
    field = "steps" if name == "steps" else "parts"
    assert schema["properties"][field]["items"]["required"] == ["verifier"]


class Failing:
    """A sandbox that answers every execution with one error."""

    def __init__(self, error: SandboxError) -> None:
        self.error = error

    def run(self, execution: Execution, stop: Callable[[Run], bool] | None = None) -> list[Run]:
        raise self.error


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_a_broken_sandbox_is_no_verdict(name: str) -> None:
    with pytest.raises(SandboxError, match="no child"):
        judged(name, [CODE], f"<step>{PROGRAM}</step>", Failing(SandboxError("no child")))


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_what_the_sandbox_refuses_is_the_tasks_fault_at_its_place(name: str) -> None:
    with pytest.raises(InvalidTask) as refused:
        judged(name, [CODE], f"<step>{PROGRAM}</step>", Failing(ExecutionRefused("limits.wall_seconds", "too many")))
    assert str(refused.value) == f"{'steps' if name == 'steps' else 'parts'}[0].limits.wall_seconds: too many"


@pytest.mark.sandbox
def test_isolation_figures_and_integrity_are_carried(sandbox: Sandbox) -> None:
    alone = verifiers()["code"]
    fields = {key: value for key, value in CODE.items() if key != "verifier"}
    told = judge(alone, parse_task(alone, fields), PROGRAM, sandbox)
    verdict = judged("any_of", [RIGHT, CODE], PROGRAM, sandbox)
    assert verdict.isolation == told.isolation is not None
    assert verdict.integrity == told.integrity
    assert verdict.metrics.keys() == {f"code[1].{name}" for name in told.metrics}
    assert verdict.parts == {"choice[0]": 0.0, "code[1]": 1.0}


def test_messages_reach_the_parts() -> None:
    chat = [{"role": "user", "content": r"\boxed{A}"}, {"role": "assistant", "content": r"\boxed{B}"}]
    assert judged("all_of", [RIGHT], chat, NoSandbox()).reward == 1


VERDICTS: dict[str, tuple[str, list[dict[str, Any]], dict[str, Any], float, Outcome, int]] = {
    "all_of asks all": ("all_of", [WRONG, RIGHT], {}, 0, Outcome.WRONG, 2),
    "any_of asks all": ("any_of", [RIGHT, WRONG], {}, 1, Outcome.CORRECT, 2),
    "weighted is partial": ("weighted", [RIGHT, WRONG], {"weights": [1.0, 3.0]}, 0.25, Outcome.PARTIAL, 2),
    "gate stops at the first that fails": ("gate", [WRONG, RIGHT], {}, 0, Outcome.WRONG, 1),
    "gate asks the last where all before are right": ("gate", [RIGHT, RIGHT], {}, 1, Outcome.CORRECT, 2),
    "cascade stops where it is settled": ("cascade", [RIGHT, WRONG], {}, 1, Outcome.CORRECT, 1),
    "cascade goes on where it is not": ("cascade", [WRONG, RIGHT], {}, 1, Outcome.CORRECT, 2),
    "cascade stops at any answer": ("cascade", [WRONG, RIGHT], {"settled_by": "parsed"}, 0, Outcome.WRONG, 1),
}


@pytest.mark.parametrize(("name", "parts", "more", "reward", "outcome", "asked"), VERDICTS.values(), ids=VERDICTS)
def test_compositions(
    name: str, parts: list[dict[str, Any]], more: dict[str, Any], reward: float, outcome: Outcome, asked: int
) -> None:
    verdict = judged(name, parts, r"\boxed{B}", NoSandbox(), **more)
    assert (verdict.reward, verdict.outcome, len(verdict.parts)) == (reward, outcome, asked)


BOUNDED: dict[str, tuple[str, list[float], list[float]]] = {
    "clipped: what passes the threshold earns nothing": ("clip", [0.9, 0.2, 0.5], [0.0, -0.3, 0.0]),
    "delta: each less the next, the last as it is": ("delta", [0.9, 0.2, 0.5], [0.7, -0.3, 0.5]),
    "both: clipped first": ("clip_delta", [0.9, 0.2, 0.5], [0.3, -0.3, 0.0]),
    "no step before the answer": ("delta", [], []),
}


@pytest.mark.parametrize(("kind", "rewards", "expected"), BOUNDED.values(), ids=BOUNDED)
def test_bounds(kind: Any, rewards: list[float], expected: list[float]) -> None:
    assert bounded(rewards, Bounds(kind=kind)) == pytest.approx(expected)


@given(st.lists(st.floats(0, 1), max_size=8), st.sampled_from(["clip", "delta", "clip_delta"]))
def test_the_sum_under_bounds_is_the_papers(rewards: list[float], kind: Any) -> None:
    """Clip: never above 0. Delta: telescopes to the first step's reward, so repeating steps earns nothing."""
    total = sum(bounded(rewards, Bounds(kind=kind)))
    assert total <= 1e-9 if kind != "delta" else total == pytest.approx(rewards[0] if rewards else 0)


SPLITS: dict[str, tuple[str, str, list[str]]] = {
    "tags": ("tags", "a<step> 1 </step>b<step>2</step>", ["1", "2"]),
    "nested tags: the innermost": ("tags", "<step>a<step>1</step></step>", ["1"]),
    "blank steps are none": ("tags", "<step> </step><step>2</step>", ["2"]),
    "headings": ("headings", "Plan\nStep 1: a\nb\n**Step 2**: c", ["a\nb", "c"]),
    "a heading within a line is none": ("headings", "In step 1: a", []),
    "paragraphs": ("paragraphs", "a\nb\n\n c\n \t\n\nd", ["a\nb", "c", "d"]),
    "paragraphs after the thinking": ("paragraphs", "x\n\ny</think>a\n\nb", ["a", "b"]),
    "thinking that never ends has none": ("paragraphs", "<think>a\n\nb", []),
    "a text is one turn": ("turns", "a\n\nb", ["a\n\nb"]),
}


@pytest.mark.parametrize(("by", "text", "steps"), SPLITS.values(), ids=SPLITS)
def test_split(by: str, text: str, steps: list[str]) -> None:
    assert split(text, by) == steps


@given(st.text(alphabet="<step>/ \n1:#*ab"), st.sampled_from(["tags", "headings", "paragraphs", "turns"]))
def test_any_text_is_split(text: str, by: str) -> None:
    assert all(step.strip() and step in text for step in split(text, by))


@pytest.mark.parametrize("piece", ["<step>", "</step>", "\n", " \n", "Step 1: ", "\nStep 1", "# ", "\n\n"])
@pytest.mark.parametrize("by", ["tags", "headings", "paragraphs", "turns"])
def test_a_million_characters_of_anything_are_split(piece: str, by: str) -> None:
    split(piece * (1_000_000 // len(piece)), by)


def test_the_most_steps_are_judged_and_one_more_is_not() -> None:
    step = r"<step>\boxed{B}</step>"
    assert judged("steps", [RIGHT], step * MAX_STEPS_WRITTEN, NoSandbox()).reward == 1
    verdict = judged("steps", [RIGHT], step * (MAX_STEPS_WRITTEN + 1), NoSandbox())
    assert (verdict.outcome, verdict.reward) == (Outcome.UNPARSED, 0)
