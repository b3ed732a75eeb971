"""Every recipe is loaded, asked for by name, and pays a right, a wrong and a gaming response as its file says."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from veriward.sandbox.execution import Sandbox
from veriward.verifiers import Verdict, verifiers
from veriward.verifiers.conformance import Models, NoSandbox, told_reply
from veriward.verifiers.judging import parse_task, text_of
from veriward.verifiers.recipes import Recipe, recipes
from veriward.verifiers.shaping.groups import GroupTerm, Rollout, shape_group
from veriward.verifiers.verdict import Unavailable
from veriward.wire.outcomes import Outcome

ALL = recipes()
COMPOSED = {"all_of", "any_of", "by_outcome", "calibration", "cascade", "gate", "steps", "weighted"}


def named(task: Any) -> Iterator[str]:
    """The verifiers of a task and of those within it."""
    if isinstance(task, Mapping):
        if isinstance(task.get("verifier"), str):
            yield task["verifier"]
        task = list(task.values())
    if isinstance(task, list):
        for each in task:
            yield from named(each)


def runs_programs(recipe: Recipe) -> bool:
    names = set(named(recipe.made(recipe.example).task)) - COMPOSED
    return any(verifiers()[name].runs_programs for name in names)


def rows(with_programs: bool) -> list[Any]:
    return [pytest.param(one, id=name) for name, one in ALL.items() if runs_programs(one) is with_programs]


def written(response: Any) -> Any:
    """As cases write it: a text, pieces of one, or chat messages."""
    if isinstance(response, list) and all(isinstance(each, dict) and "role" in each for each in response):
        return response
    pieces = response if isinstance(response, list) else [response]
    return "".join(piece if isinstance(piece, str) else piece["repeat"] * piece["times"] for piece in pieces)


def judged(recipe: Recipe, sandbox: Sandbox) -> dict[str, Verdict | Rollout]:
    verifier = verifiers()[recipe.verifier]
    task = parse_task(verifier, {"recipe": recipe.name, **recipe.example})
    verdicts: dict[str, Verdict | Rollout] = {}
    for trial in recipe.trials:
        models = Models([told_reply(each) for each in trial.replies])
        verdicts[trial.kind] = models.verdict(verifier, task, written(trial.response), sandbox)
        assert len(models.asked) == len(trial.replies), f"{trial.kind}: it asked {len(models.asked)} times"
    return grouped(recipe, verdicts) if recipe.group_shaping else verdicts


def grouped(recipe: Recipe, verdicts: dict[str, Any]) -> dict[str, Verdict | Rollout]:
    """The three as one group, the right one twice, so that there is a majority."""
    kinds = [*verdicts, "right"]
    responses = {trial.kind: text_of(written(trial.response)) or "" for trial in recipe.trials}
    rollouts = [
        Rollout(responses[kind], told.reward, told.outcome, told.extracted, told.parts, told.metrics)
        for kind, told in ((kind, verdicts[kind]) for kind in kinds)
    ]
    shaped = shape_group([GroupTerm(**term) for term in recipe.group_shaping], rollouts)
    return dict(zip(kinds, shaped, strict=True))


def pays_as_it_says(recipe: Recipe, sandbox: Sandbox) -> None:
    try:
        verdicts = judged(recipe, sandbox)
    except Unavailable as unavailable:
        pytest.skip(str(unavailable))
    for trial in recipe.trials:
        verdict = verdicts[trial.kind]
        if trial.reward is not None:
            assert verdict.reward == pytest.approx(trial.reward, abs=1e-9), f"{trial.kind}: {verdict}"
        else:
            assert trial.at_most is not None
            assert verdict.reward <= trial.at_most + 1e-9, f"{trial.kind}: {verdict}"
    right = verdicts["right"]
    assert right.outcome is Outcome.CORRECT, right
    assert right.reward > 0
    for kind in ("wrong", "gaming"):
        assert verdicts[kind].reward < right.reward, f"{kind}: {verdicts[kind]} is paid as well as {right}"
    assert verdicts["wrong"].outcome is not Outcome.CORRECT, verdicts["wrong"]


@pytest.mark.parametrize("recipe", rows(with_programs=False))
def test_a_recipe_pays_as_it_says(recipe: Recipe) -> None:
    pays_as_it_says(recipe, NoSandbox())


@pytest.mark.sandbox
@pytest.mark.parametrize("recipe", rows(with_programs=True))
def test_a_recipe_of_programs_pays_as_it_says(recipe: Recipe, sandbox: Sandbox) -> None:
    pays_as_it_says(recipe, sandbox)
