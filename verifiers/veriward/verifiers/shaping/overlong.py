"""The shaping kind `overlong`: a penalty that grows towards the longest response allowed."""

from typing import Literal

from pydantic import model_validator

from veriward.verifiers.shaping.term import DEFAULT_CHARACTERS_PER_TOKEN, CharactersPerToken, Seen, Term, Tokens


class OverlongTerm(Term):
    """`max_tokens` L and `buffer_tokens` B, of a response of n tokens.

    Added: 0 where n ≤ L - B; (L - B - n) / B where L - B < n ≤ L; -1 beyond. Quality = 1 + that.

    Source: the soft overlong punishment of DAPO (Yu et al. 2025, arXiv:2503.14476, equation 13), L 20,480 and B 4,096.
    """

    kind: Literal["overlong"] = "overlong"
    max_tokens: Tokens = 20_480
    buffer_tokens: Tokens = 4_096
    characters_per_token: CharactersPerToken = DEFAULT_CHARACTERS_PER_TOKEN

    @model_validator(mode="after")
    def _buffer_within(self) -> "OverlongTerm":
        if self.buffer_tokens > self.max_tokens:
            raise ValueError("buffer_tokens must not be more than max_tokens")
        return self

    @property
    def penalises(self) -> bool:
        return True

    def quality(self, seen: Seen) -> float:
        over = len(seen.text) / self.characters_per_token - (self.max_tokens - self.buffer_tokens)
        return 1 - min(1.0, max(0.0, over / self.buffer_tokens))
