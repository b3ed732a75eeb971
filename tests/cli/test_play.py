"""`veriward play` and `veriward environments`, as a person would type."""

import pytest
from typer.testing import CliRunner

from veriward.cli.main import app

PLAYED: dict[str, tuple[list[str], str, int, str]] = {
    "a game to its end": (
        ["countdown", "--task", '{"numbers": [3, 5, 7], "target": 56}'],
        'combine {"left": 3, "operation": "+", "right": 5}\ncombine 8 * 7\n',
        0,
        "over: 1",
    ),
    "a guess in words": (["wordle", "--task", '{"secret": "crane"}'], "is it crown?\n\\boxed{crane}\n", 0, "over: 1"),
    "tools are listed": (["maze", "--seed", "1"], "/tools\n/quit\n", 0, "move(direction, steps)"),
    "an end without a word": (["hanoi"], "", 0, "1 the smallest"),
    "no such environment": (["chess"], "", 2, ""),
    "a task that is none": (["maze", "--task", "{"], "", 2, ""),
    "a task off the schema": (["maze", "--task", '{"size": 1000}'], "", 2, ""),
    "a dialect that there is none of": (["maze", "--dialect", "klingon"], "", 2, ""),
}


@pytest.mark.parametrize(("arguments", "typed", "code", "shown"), PLAYED.values(), ids=PLAYED)
def test_a_person_plays(arguments: list[str], typed: str, code: int, shown: str) -> None:
    result = CliRunner().invoke(app, ["play", *arguments], input=typed)
    assert result.exit_code == code, result.output
    assert shown in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "shown"),
    [([], 0, "sokoban"), (["wordle"], 0, "guess(word)"), (["wordl"], 2, "")],
    ids=["all of them", "one", "none of that name"],
)
def test_environments_are_explained(arguments: list[str], code: int, shown: str) -> None:
    result = CliRunner().invoke(app, ["environments", *arguments])
    assert result.exit_code == code
    assert shown in result.output
