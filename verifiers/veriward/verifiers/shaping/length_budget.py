"""The shaping kind `length_budget`: as long as asked, or no longer."""

from typing import Annotated, Literal

from pydantic import Field

from veriward.verifiers.shaping.term import DEFAULT_CHARACTERS_PER_TOKEN, Apply, CharactersPerToken, Seen, Term, Tokens


class LengthBudgetTerm(Term):
    """`budget_tokens` n: the length asked for. With n_y, that of the response:

    - `rule` `exact`, a penalty: quality = 1 - min(1, alpha |n - n_y|), so that `add` takes alpha |n - n_y| away, at
      most the weight.
    - `rule` `max`, multiplied: quality = min(1, max(0, alpha (n - n_y) + delta)).

    Source: L1 (Aggarwal and Welleck 2025, arXiv:2503.04697, equations 1 and 2), alpha 0.0003, delta 0.5, n up to 4,000.
    The published L1-Exact has no lower bound: there a right answer far off the budget earns less than a wrong one.
    """

    kind: Literal["length_budget"] = "length_budget"
    budget_tokens: Tokens = 4_000
    rule: Literal["exact", "max"] = "exact"
    alpha: Annotated[float, Field(gt=0, le=1)] = 0.0003
    delta: Annotated[float, Field(ge=0, le=1)] = 0.5
    characters_per_token: CharactersPerToken = DEFAULT_CHARACTERS_PER_TOKEN

    @property
    def usual(self) -> Apply:
        return "add" if self.rule == "exact" else "multiply"

    @property
    def penalises(self) -> bool:
        return self.rule == "exact"

    def quality(self, seen: Seen) -> float:
        left = self.budget_tokens - len(seen.text) / self.characters_per_token
        if self.rule == "exact":
            return 1 - min(1.0, self.alpha * abs(left))
        return min(1.0, max(0.0, self.alpha * left + self.delta))
