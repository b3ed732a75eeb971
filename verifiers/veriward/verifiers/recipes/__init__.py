"""Published rewards by name, as data: a task may ask for one by `recipe` instead of naming a verifier."""

from veriward.verifiers.recipes.loading import BadRecipes, made_of, nearest, recipes
from veriward.verifiers.recipes.recipe import Made, Recipe, Trial
from veriward.verifiers.recipes.task import RecipeTask

__all__ = ["BadRecipes", "Made", "Recipe", "RecipeTask", "Trial", "made_of", "nearest", "recipes"]
