"""What every game promises, over all that the registry finds: its own tasks are right, and only right answers pay."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from veriward.verifiers import InvalidTask, verifiers
from veriward.verifiers.generators import Generator, generators, sample
from veriward.verifiers.promises import broken_promises

GAMES = {name: one for name, one in generators().items() if name.startswith("logic.")}
BY_NAME = [pytest.param(one, id=name) for name, one in GAMES.items()]
SAME_SEED = """
import json
from veriward.verifiers.generators import generators, sample
games = [one for name, one in generators().items() if name.startswith("logic.")]
print(json.dumps({one.name: [sample(one, 11, at, difficulty=0.4) for at in range(2)] for one in games}))
"""


@pytest.mark.parametrize("game", BY_NAME)
def test_only_right_answers_earn_anything(game: Generator) -> None:
    assert broken_promises(game) == []


@pytest.mark.parametrize("game", BY_NAME)
def test_other_seeds_and_indexes_are_other_tasks(game: Generator) -> None:
    made = [json.dumps(sample(game, seed, index)["task"]) for seed in range(3) for index in range(3)]
    assert len(set(made)) >= 5


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, Any]:
    """Tasks of every game, made by another process with another hash seed."""
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    ended = subprocess.run(
        [sys.executable, "-c", SAME_SEED], stdout=subprocess.PIPE, text=True, env=environment, check=True
    )
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


@pytest.mark.parametrize("game", BY_NAME)
def test_the_same_seed_is_the_same_task_in_another_process(game: Generator, elsewhere: dict[str, Any]) -> None:
    assert elsewhere[game.name] == [sample(game, 11, at, difficulty=0.4) for at in (0, 1)]


@pytest.mark.parametrize("game", BY_NAME)
def test_it_describes_itself(game: Generator) -> None:
    assert 20 <= len(game.summary) <= 140
    assert game.summary.endswith(".")
    assert game.verifier in verifiers()
    assert game.name == game.module.removeprefix("veriward.verifiers.")


@pytest.mark.parametrize("game", [row for row in BY_NAME if "language" in GAMES[str(row.id)].parameters.model_fields])
def test_it_asks_in_chinese_for_the_same_answer(game: Generator) -> None:
    assert broken_promises(game, seeds=(5,), difficulties=(0.3,), parameters={"language": "zh"}) == []
    assert re.search(r"[\u4e00-\u9fff]", sample(game, 5, parameters={"language": "zh"})["prompt"])


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "a difficulty above 1": ("difficulty", {"difficulty": 1.01}),
    "a difficulty that is no number": ("difficulty", {"difficulty": float("nan")}),
    "a negative seed": ("seed", {"seed": -1}),
    "a seed past the largest": ("seed", {"seed": 2**63}),
    "a negative index": ("start", {"index": -1}),
    "an unknown parameter": ("sides", {"parameters": {"sides": 9}}),
    "a parameter past its bound": ("blank_share", {"parameters": {"blank_share": 1.5}}),
    "a parameter of another type": ("side", {"parameters": {"side": "9"}}),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_no_task_can_be_made_of_is_refused_by_name(sentence: str) -> None:
    field, asked = REFUSED[sentence]
    with pytest.raises(InvalidTask) as refused:
        sample(generators()["logic.sudoku"], **({"seed": 1} | asked))
    assert refused.value.field == field
