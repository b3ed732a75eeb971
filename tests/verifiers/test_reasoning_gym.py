"""The data sets of reasoning-gym behind our door: known by name, made alike, and no hole of a scorer pays."""

import json
from typing import Any

import pytest

from veriward.verifiers import InvalidTask, Verdict, verifiers
from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.generators import generators, sample
from veriward.verifiers.judging import judge, parse_task
from veriward.verifiers.logic.reading import Unread
from veriward.verifiers.reasoning_gym.datasets import NAMES
from veriward.verifiers.reasoning_gym.rewriting import MAX_FORMULA_CHARS, MAX_POWER, rewritten

pytest.importorskip("reasoning_gym")

# Of every kind of scorer: exact, by metadata, evaluating, with tuples, without a reference, with a curriculum's faults.
SOME = (
    "arc_agi", "binary_matrix", "caesar_cipher", "chain_sum", "coin_flip", "countdown", "game_of_life_halting",
    "graph_color", "knights_knaves", "mini_sudoku", "polynomial_multiplication", "propositional_logic", "puzzle24",
    "spiral_matrix", "string_insertion", "tower_of_hanoi", "word_ladder",
)  # fmt: skip
JUNK = ("", "no idea", "[]", "{}", "<answer>1 2 3</answer>", "<answer>The answer lies between 0 and 1.</answer>")


def verdict(made: dict[str, Any], response: str, **more: Any) -> Verdict:
    fields = json.loads(json.dumps(made["task"])) | more
    known = verifiers()[fields.pop("verifier")]
    return judge(known, parse_task(known, fields), response, NoSandbox())


def test_every_data_set_of_the_library_is_known() -> None:
    from reasoning_gym.factory import DATASETS

    assert sorted([*NAMES, "composite"]) == sorted(DATASETS)
    assert {f"reasoning_gym.{name}" for name in NAMES} <= generators().keys()


@pytest.mark.parametrize("name", SOME)
def test_the_reference_earns_1_and_junk_nothing(name: str) -> None:
    made = sample(generators()[f"reasoning_gym.{name}"], 3, 1, difficulty=0.2)
    if made["reference"]:
        assert verdict(made, made["reference"]).reward == 1
        assert verdict(made, made["reference"], score="published").reward == 1
    for junk in (*JUNK, made["prompt"]):
        assert verdict(made, junk).reward == 0, junk


@pytest.mark.parametrize("name", ["countdown", "caesar_cipher", "mini_sudoku"])
def test_the_same_seed_is_the_same_task_and_another_is_another(name: str) -> None:
    known = generators()[f"reasoning_gym.{name}"]
    assert sample(known, 3, 1) == sample(known, 3, 1)
    assert sample(known, 3, 1)["task"] != sample(known, 3, 2)["task"]


def test_fields_of_its_configuration_replace_what_the_level_says() -> None:
    made = sample(generators()["reasoning_gym.spell_backward"], 1, parameters={"config": {"min_word_len": 9}})
    assert len(made["task"]["answer"]) >= 9


def test_a_configuration_that_the_library_refuses_is_told() -> None:
    with pytest.raises(InvalidTask) as refused:
        sample(generators()["reasoning_gym.countdown"], 1, parameters={"config": {"min_numbers": -1}})
    assert refused.value.field == "config"


def test_a_floor_is_paid_only_as_published() -> None:
    made = sample(generators()["reasoning_gym.countdown"], 3)
    wrong = "<answer>1 + 1</answer>"
    assert verdict(made, wrong).reward == 0
    assert 0 < verdict(made, wrong, score="published").reward < 0.1


REFUSED = {
    "a call": ("simple_integration", "print(1)"),
    "an attribute": ("polynomial_multiplication", "x.args"),
    "an underscore": ("simple_integration", "__import__"),
    "a text": ("polynomial_multiplication", "'x'"),
    "a lambda": ("simple_integration", "lambda: x"),
    "a power of a power": ("simple_integration", "x**2**3"),
    "a power past the bound": ("polynomial_multiplication", f"x**{MAX_POWER + 1}"),
    "a power of a sum": ("polynomial_multiplication", "2**(3+4)"),
    "a formula past the bound": ("simple_integration", "1+" * (MAX_FORMULA_CHARS // 2) + "1"),
    "a list with a call": ("spiral_matrix", "[print(1)]"),
    "a comprehension": ("binary_matrix", "[0 for _ in range(9)]"),
    "a text with an attribute": ("n_queens", "a.b"),
    "a sum with a power": ("countdown", "2 ** 3"),
    "a sum with a name": ("puzzle24", "x + 1"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_a_scorer_would_evaluate_is_read_first(sentence: str) -> None:
    name, answer = REFUSED[sentence]
    with pytest.raises(Unread):
        rewritten(name, answer)


@pytest.mark.parametrize("answer", ["x**2/2 + C", "-3*exp(x)*sin(2*x) + C", "x^(1/2)", "2*x**(-3)", "ln(x) + pi"])
def test_formulas_are_handed_on(answer: str) -> None:
    assert rewritten("intermediate_integration", answer) == answer
