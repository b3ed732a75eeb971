"""Recipes over HTTP: listed, shown, asked for by tasks; the results are those of the verifier that they name."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from veriward.client import AsyncClient
from veriward.server.task_store import _of_recipe
from veriward.verifiers.recipes import recipes
from veriward.wire import RecipeInfo, RecipeList

BOXED = {"recipe": "math_boxed", "answer": "72"}


async def grade(client: httpx.AsyncClient, *items: dict[str, Any]) -> list[list[dict[str, Any]]]:
    answer = await client.post("/v1/grade", content=json.dumps({"items": items}))
    assert answer.status_code == 200, answer.text
    return [told["results"] for told in answer.json()["items"]]


async def test_recipes_are_listed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/recipes")
    told = RecipeList.model_validate_json(answer.content).recipes
    assert [one.name for one in told] == list(recipes())
    assert "task" not in answer.json()["recipes"][0]
    one = next(each for each in told if each.name == "rlcr")
    assert (one.verifier, one.family) == ("calibration", "safety")
    assert "RLCR (Beyond Binary Rewards)" in one.systems


async def test_one_recipe_is_told_with_its_fields_and_its_task(client: httpx.AsyncClient) -> None:
    told = RecipeInfo.model_validate_json((await client.get("/v1/recipes/dapo")).content)
    assert told.fields is not None
    assert {field.name: (field.required, field.default) for field in told.fields} == {
        "answer": (True, None),
        "max_tokens": (False, 20_480),
        "buffer_tokens": (False, 4_096),
    }
    assert told.task is not None
    assert told.task["answer"] == "{answer}"
    assert told.example is not None
    assert told.example["recipe"] == "dapo"
    assert told.notes


async def test_an_unknown_recipe_is_not_found_and_the_nearest_are_named(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/recipes/dappo")
    assert answer.status_code == 404
    assert "'dapo'" in answer.json()["detail"]


async def test_a_task_may_ask_for_one(client: httpx.AsyncClient) -> None:
    [results] = await grade(client, {"task": BOXED, "responses": ["so \\boxed{72}", "so 72", "so \\boxed{71}"]})
    assert [result["reward"] for result in results] == [1, 0, 0]
    assert {(result["verifier"], result["version"]) for result in results} == {("math", 1)}
    assert results[0]["parts"] == {"answer": 1.0, "unshaped": 1.0, "shaping.format": 1.0}


INVALID = {
    "a recipe that is not known": ({"recipe": "math_box"}, "recipe: 'math_box' is no recipe; the nearest are"),
    "a field that is missing": ({"recipe": "math"}, "answer: the recipe 'math' needs it: the gold answer"),
    "a field that it does not take": ({**BOXED, "form": "x"}, "form: the recipe 'math_boxed' does not take it"),
    "a verifier that is another": ({**BOXED, "verifier": "pairs"}, "verifier: the recipe 'math_boxed' is graded by"),
    "a field that the verifier refuses": ({**BOXED, "answer": 72}, "(in the recipe 'math_boxed')"),
    "a number that is not finite": ({**BOXED, "answer": [float("inf")]}, "answer[0]: is not a finite number"),
}


@pytest.mark.parametrize(("task", "said"), INVALID.values(), ids=INVALID)
async def test_a_fault_is_invalid_task(client: httpx.AsyncClient, task: dict[str, Any], said: str) -> None:
    [results] = await grade(client, {"task": task, "responses": ["\\boxed{72}"]})
    assert results[0]["status"] == "invalid_task"
    assert results[0]["reward"] is None
    assert said in results[0]["reason"]


async def test_its_group_shaping_goes_with_it_unless_the_item_has_its_own(client: httpx.AsyncClient) -> None:
    task, responses = {"recipe": "efficient_reasoning", "answer": "1"}, ["1", "and so it is 1"]
    [usual, own] = await grade(
        client,
        {"task": task, "responses": responses},
        {"task": task, "responses": responses, "group_shaping": [{"kind": "majority"}]},
    )
    assert usual[0]["reward"] > usual[1]["reward"] > 0
    assert "group.relative_length" in usual[0]["parts"]
    assert list(own[0]["parts"]) == ["answer", "ungrouped", "group.majority"]


async def test_it_is_stored_and_named_by_a_ref(client: httpx.AsyncClient) -> None:
    stored = await client.put("/v1/tasks", content=json.dumps({"tasks": [BOXED, {"recipe": "ttrl"}]}))
    assert stored.status_code == 200, stored.text
    boxed, majority = stored.json()["refs"]
    assert (await client.get(f"/v1/tasks/{boxed}")).json()["verifier"] == "math"
    [one, group] = await grade(
        client,
        {"task": {"ref": boxed}, "responses": ["72"]},
        {"task": {"ref": majority}, "responses": ["7", "7", "8"]},
    )
    assert one[0]["reward"] == 0
    assert "group.majority" in group[0]["parts"]


async def test_a_fault_of_a_stored_one_is_named(client: httpx.AsyncClient) -> None:
    refused = await client.put("/v1/tasks", content=json.dumps({"tasks": [{"recipe": "math"}]}))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "tasks[0].answer"


async def test_what_is_read_back_may_be_sent_again(client: httpx.AsyncClient) -> None:
    [ref] = (await client.put("/v1/tasks", content=json.dumps({"tasks": [BOXED]}))).json()["refs"]
    again = {**BOXED, "verifier": "math"}  # as a key of the scope tasks:read gets it
    assert (await client.put("/v1/tasks", content=json.dumps({"tasks": [again]}))).json()["refs"] == [ref]


async def test_the_client_reads_them(app: FastAPI) -> None:
    async with AsyncClient("http://test", transport=httpx.ASGITransport(app)) as client:
        assert [one.name for one in await client.recipes()] == list(recipes())
        told = await client.recipe("rlcr")
    assert told.source.startswith("RLCR, arXiv:2507.16806")


async def test_what_is_kept_of_a_recipe_is_not_what_another_of_its_name_pays(
    client: httpx.AsyncClient, queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"task": BOXED, "responses": ["72"]}
    [once], [again] = await grade(client, asked), await grade(client, asked)
    assert (once[0]["cached"], again[0]["cached"]) == (False, True)
    known = recipes()
    plain = {name: value for name, value in known["math_boxed"].task.items() if name != "shaping"}
    monkeypatch.setitem(known, "math_boxed", replace(known["math_boxed"], task=plain))
    _of_recipe.cache_clear()
    [changed] = await grade(client, asked)
    _of_recipe.cache_clear()
    assert (changed[0]["cached"], changed[0]["reward"]) == (False, 1)
