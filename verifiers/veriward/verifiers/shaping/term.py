"""What every kind of shaping is: a quality of the response from 0 to 1, a weight, and a way to apply it."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from veriward.verifiers.registry import Task

Apply = Literal["gate", "multiply", "add"]
Weight = Annotated[float, Field(ge=0, le=1)]
Tokens = Annotated[int, Field(ge=1, le=10_000_000)]
# How many characters stand for a token. English prose has about 4, Chinese 1.5; 1 gives lengths in characters.
CharactersPerToken = Annotated[float, Field(ge=0.1, le=100)]
DEFAULT_CHARACTERS_PER_TOKEN = 4.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A response as shaping sees it: the judged text and, where they came, the chat messages."""

    text: str
    messages: Sequence[Mapping[str, Any]] = ()


class Term(Task):
    """One term. `apply` is the kind's own published way where it is left out.

    `regardless`: a bonus is paid to answers that are not right too, as some papers do.
    """

    kind: str
    weight: Weight = 1.0
    apply: Apply | None = None
    regardless: bool = False

    @property
    def how(self) -> Apply:
        return self.apply or self.usual

    @property
    def usual(self) -> Apply:
        """How the source of the formula applies it."""
        return "add"

    @property
    def penalises(self) -> bool:
        """Whether `add` takes weight × (1 - quality) away, rather than giving weight × quality."""
        return False

    @abstractmethod
    def quality(self, seen: Seen) -> float:
        """How well the response keeps the term, from 0 to 1; 1 is all that it asks."""
