"""`GET /v1/recipes` and `GET /v1/recipes/{name}`: published rewards that a task may ask for by name."""

from fastapi import FastAPI, Response
from pydantic_core import to_json

from veriward.server.gateway import Gateway
from veriward.server.openapi import documented
from veriward.server.problems import Refusal
from veriward.verifiers.recipes import Recipe, nearest, recipes
from veriward.wire import ErrorCode, RecipeField, RecipeInfo, RecipeList


def add_recipes(app: FastAPI, gateway: Gateway) -> None:
    async def list_recipes() -> Response:
        """Every recipe's name, family, summary, source and systems, and the verifier that grades it."""
        told = RecipeList(recipes=[_briefly(known) for known in recipes().values()])
        return Response(to_json(told, exclude_none=True), media_type="application/json")

    async def get_recipe(name: str) -> Response:
        """One recipe, with its fields, the task that it stands for, and an example that asks for it."""
        known = recipes().get(name)
        if known is None:
            raise Refusal(ErrorCode.NOT_FOUND, f"no recipe of this name; {nearest(name)}")
        return Response(to_json(described(known)), media_type="application/json")

    app.add_api_route("/v1/recipes", list_recipes, methods=["GET"], **documented(None, RecipeList))
    app.add_api_route("/v1/recipes/{name}", get_recipe, methods=["GET"], **documented(None, RecipeInfo))


def described(recipe: Recipe) -> RecipeInfo:
    fields = [
        RecipeField(name=name, required=required, about=recipe.about[name], default=recipe.defaults.get(name))
        for name, required in recipe.fields.items()
    ]
    return _briefly(recipe).model_copy(
        update={
            "notes": recipe.notes,
            "fields": fields,
            "task": dict(recipe.task),
            "group_shaping": list(recipe.group_shaping),
            "example": {"recipe": recipe.name, **recipe.example},
        }
    )


def _briefly(recipe: Recipe) -> RecipeInfo:
    return RecipeInfo(
        name=recipe.name,
        family=recipe.family,
        summary=recipe.summary,
        source=recipe.source,
        verifier=recipe.verifier,
        systems=list(recipe.systems),
    )
