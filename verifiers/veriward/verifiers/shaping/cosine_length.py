"""The shaping kind `cosine_length`: right answers are worth more the shorter they are, along a cosine."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from veriward.verifiers.shaping.term import DEFAULT_CHARACTERS_PER_TOKEN, Apply, CharactersPerToken, Seen, Term, Tokens

Share = Annotated[float, Field(ge=0, le=1)]


class CosineLengthTerm(Term):
    """`free_tokens` F, `max_tokens` L and `least` m: a response of n tokens has the quality
    m + (1 - m)(1 + cos(π x)) / 2, with x = (n - F) / (L - F) within 0 … 1.

    So it falls from 1 for one of F tokens or fewer to `least` for one of L or more. Multiplied.

    Source: the cosine reward of "Demystifying Long Chain-of-Thought Reasoning" (Yeo et al. 2025, arXiv:2502.03373,
    section 4), whose right answers get 2 down to 1, so m = 0.5; Open R1 and Open-RS have 1 down to 0.5. There a wrong
    answer loses more the shorter it is (-10 up to 0), which pays for padding; here it earns nothing at any length.
    With F: Phi-4-reasoning-plus (arXiv:2504.21318, section 4).
    """

    kind: Literal["cosine_length"] = "cosine_length"
    max_tokens: Tokens = 4_096
    free_tokens: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    least: Share = 0.5
    characters_per_token: CharactersPerToken = DEFAULT_CHARACTERS_PER_TOKEN

    @model_validator(mode="after")
    def _falls(self) -> "CosineLengthTerm":
        if self.free_tokens >= self.max_tokens:
            raise ValueError("free_tokens must be fewer than max_tokens")
        return self

    @property
    def usual(self) -> Apply:
        return "multiply"

    def quality(self, seen: Seen) -> float:
        over = len(seen.text) / self.characters_per_token - self.free_tokens
        share = min(1.0, max(0.0, over / (self.max_tokens - self.free_tokens)))
        return self.least + (1 - self.least) * (1 + math.cos(math.pi * share)) / 2
