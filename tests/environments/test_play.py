"""How an episode is played: what is counted, bounded, paid and told, whatever the environment."""

import pickle
from typing import Any

import pytest

from veriward.environments import Budget, Environment, EpisodeTask, Known, Play, Rewards, Step, ToolError, begin, tool
from veriward.environments.play import Ended
from veriward.environments.world import Interpreter, Judged, KnownWorld, Wanted, Wavering


class Bench(Environment[EpisodeTask]):
    """Does what its tests ask."""

    def reset(self) -> str:
        self.sum = 0
        return f"seed {self.seed}"

    @tool
    def add(self, number: int) -> Step:
        """Add a number."""
        if number < 0:
            raise ToolError("no number below 0")
        self.sum += number
        return Step(str(self.sum), outcome=1.0 if self.sum == 10 else None, cpu_seconds=float(number == 7))

    @tool
    def shout(self, times: int) -> str:
        """Say much."""
        return "x" * times

    @tool
    def run(self, code: str) -> Step:
        """Run two cells."""
        first = self.world.python(code, Interpreter())
        second = self.world.python(first.stdout, Interpreter())
        return Step(second.stdout)

    def answer(self, text: str) -> Step:
        return Step(outcome=float(text == "right"))


BENCH = Known("bench", 1, EpisodeTask, Bench)


def played(*actions: Any, **given: Any) -> tuple[Play, list[Any]]:
    play, first = begin(BENCH, EpisodeTask(), KnownWorld(), 7, "hermes", **given)
    return play, [first, *(play.step(action) for action in actions)]


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"tool_calls": [{"id": "c", "name": name, "arguments": arguments}]}


def test_a_call_is_answered_and_the_end_is_told() -> None:
    play, (first, one, two) = played(call("add", number=4), call("add", number=6))
    assert first.observation == "seed 7"
    assert (one.observation, one.reward, one.terminated) == ("<tool_response>\n4\n</tool_response>", 0.0, False)
    assert (two.reward, two.terminated, two.truncated, two.parts) == (1.0, True, False, {"outcome": 1.0})
    assert two.messages[0].tool == "add"
    assert two.messages[0].call == "c"
    with pytest.raises(Ended):
        play.step("more")


COUNTED: dict[str, tuple[list[Any], dict[str, float]]] = {
    "a call that went well": ([call("add", number=1)], {"tool_calls": 1, "tool_errors": 0, "format_faults": 0}),
    "a call that failed": ([call("add", number=-1)], {"tool_calls": 1, "tool_errors": 1, "tool_error_ratio": 1.0}),
    "half of the calls failed": ([call("add", number=-1), call("add", number=1)], {"tool_error_ratio": 0.5}),
    "a tool that there is none of": ([call("nope")], {"tool_calls": 0, "format_faults": 1}),
    "arguments off the schema": ([call("add", number="x")], {"tool_calls": 0, "format_faults": 1}),
    "an argument too many": ([call("add", number=1, more=2)], {"tool_calls": 0, "format_faults": 1}),
    "a malformed call": (["<tool_call>{"], {"tool_calls": 0, "format_faults": 1}),
    "an empty turn": ([""], {"format_faults": 1, "model_messages": 1, "tool_messages": 1, "user_messages": 1}),
    "whose messages they are": ([call("add", number=1)], {"model_messages": 1, "tool_messages": 1, "user_messages": 1}),
}


@pytest.mark.parametrize(("actions", "expected"), COUNTED.values(), ids=COUNTED)
def test_metrics_count(actions: list[Any], expected: dict[str, float]) -> None:
    _, turns = played(*actions)
    assert {name: turns[-1].metrics[name] for name in expected} == expected


def test_steps_past_the_budget_truncate() -> None:
    _, turns = played(call("add", number=1), call("add", number=1), budget=Budget(steps=2))
    assert [turn.truncated for turn in turns] == [False, False, True]
    assert turns[-1].parts == {"outcome": 0.0}
    assert "2 steps" in turns[-1].reason


def test_an_end_at_the_last_step_is_no_truncation() -> None:
    _, turns = played(call("add", number=10), budget=Budget(steps=1))
    assert (turns[-1].terminated, turns[-1].truncated) == (True, False)


def test_seconds_of_tools_past_the_budget_truncate() -> None:
    _, turns = played(call("add", number=7), budget=Budget(cpu_seconds=0.5))
    assert turns[-1].truncated
    assert "CPU" in turns[-1].reason


def test_calls_past_the_budget_are_refused_and_told() -> None:
    _, turns = played(call("add", number=1), call("add", number=1), "right", budget=Budget(tool_calls=1))
    assert "used up" in turns[2].observation
    assert turns[3].reward == 1.0
    assert turns[3].metrics["calls_refused"] == 1


def test_output_past_the_budget_is_cut_with_a_mark() -> None:
    _, turns = played(call("shout", times=150), budget=Budget(observation_chars=100))
    assert "x" * 100 + "\n… [50 characters of output were cut]" in turns[1].observation
    _, turns = played(*[call("shout", times=80)] * 2, budget=Budget(observation_chars=100, output_chars=100))
    assert turns[2].messages[0].content.startswith("x" * 20 + "\n… [60")


def test_turns_earn_apart_from_the_outcome() -> None:
    rewards = Rewards(tool_ok=0.25, tool_error=-0.5, format_fault=-1.0, turn=-0.125)
    _, turns = played(call("add", number=1), call("add", number=-1), "<tool_call>{", "right", rewards=rewards)
    assert [turn.parts for turn in turns[1:]] == [
        {"turn.tool_ok": 0.25, "turn.turn": -0.125},
        {"turn.tool_error": -0.5, "turn.turn": -0.125},
        {"turn.format_fault": -1.0, "turn.turn": -0.125},
        {"turn.turn": -0.125, "outcome": 1.0},
    ]
    assert [turn.reward for turn in turns[1:]] == [0.125, -0.625, -1.125, 0.875]


def test_few_calls_earn_more_where_that_is_asked_for() -> None:
    def earned(calls: int, outcome: str) -> float:
        _, turns = played(*[call("add", number=1)] * calls, outcome, rewards=Rewards(tool_efficiency=0.5))
        return float(turns[-1].reward)

    assert earned(0, "right") == 1.0
    assert 1.0 > earned(1, "right") > earned(4, "right") > 0.5
    assert earned(4, "wrong") == 0.0


def test_an_episode_is_a_value() -> None:
    play, _ = played(call("add", number=4))
    other = pickle.loads(pickle.dumps(play)).on(EpisodeTask(), KnownWorld())
    assert other.step(call("add", number=6)).terminated
    assert not play.step(call("add", number=5)).terminated


def cell(stdout: str) -> dict[str, Any]:
    return {"kind": "python", "answer": {"status": "finished", "stdout": stdout}}


def test_a_step_is_played_again_with_what_the_world_said() -> None:
    play, _ = played()
    state = pickle.dumps(play)
    answers: list[dict[str, Any]] = []
    for expected, told in (("code", "first"), ("first", "second")):
        with pytest.raises(Wanted) as wanted:
            pickle.loads(state).on(EpisodeTask(), KnownWorld(answers)).step(call("run", code="code"))
        assert wanted.value.what["code"] == expected
        answers.append(cell(told))
    turn = pickle.loads(state).on(EpisodeTask(), KnownWorld(answers)).step(call("run", code="code"))
    assert turn.messages[0].content == "second"
    assert turn.metrics["tool_calls"] == 1


def test_a_step_that_asks_for_something_else_is_our_fault() -> None:
    play, _ = played()
    answers = [{"kind": "judge", "answer": {}}]
    with pytest.raises(Wavering):
        play.on(EpisodeTask(), KnownWorld(answers)).step(call("run", code="code"))


def test_no_environment_can_catch_what_it_wants_of_the_world() -> None:
    assert not issubclass(Wanted, Exception)
    assert Judged(1.0, "correct", {}, "", {}).reward == 1.0
