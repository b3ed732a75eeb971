"""Rewards that need the whole group: the responses that were graded for one task, in their order.

A factor acts on what right answers earn. What is not right and earns something all the same is multiplied by the least
factor that a right answer can get, so that none comes to outrank a right one. Who was not graded is not here.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from math import exp
from statistics import fmean, pstdev
from typing import Literal, NamedTuple

from veriward.verifiers.final import unwrapped
from veriward.wire.outcomes import Outcome

MAX_COMPARED_CHARS = 4_000  # of each response, the last ones
NGRAM_WORDS = 3
MAX_NUMBER_CHARS = 40

Kind = Literal["relative_length", "majority", "diversity"]

_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[+-]?\.\d+", re.ASCII)


class GroupTerm(NamedTuple):
    """One kind of group shaping and its weight; None for the kind's own."""

    kind: Kind
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Rollout:
    """A graded response: its judged text and what was said of it. `parts` and `metrics` name what shaping did."""

    text: str
    reward: float
    outcome: Outcome
    extracted: str | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        return self.outcome is Outcome.CORRECT


def shape_group(terms: Sequence[GroupTerm], rollouts: Sequence[Rollout]) -> list[Rollout]:
    """The rollouts with their rewards shaped by each term in turn; `parts` gain `ungrouped` and `group.<kind>`."""
    shaped = [replace(rollout, parts={**rollout.parts, "ungrouped": rollout.reward}) for rollout in rollouts]
    for term in terms:
        shaped = _SHAPES[term.kind](shaped, term.weight)
    return shaped


def relative_length(rollouts: Sequence[Rollout], weight: float | None) -> list[Rollout]:
    """Multiply a right answer's reward by 1 - weight × σ((n - mean) / deviation), of lengths of the right ones.

    Source: Arora and Zanette 2025 (arXiv:2502.04463, section 3), weight 0.1 by default. In characters: the unit falls
    out. Where all right ones are of one length, the factor is 1 - weight / 2.
    """
    share = 0.1 if weight is None else weight
    lengths = [len(rollout.text) for rollout in rollouts if rollout.right]
    mean, deviation = (fmean(lengths), pstdev(lengths)) if lengths else (0.0, 0.0)

    def factor(rollout: Rollout) -> float:
        above = (len(rollout.text) - mean) / deviation if deviation else 0.0
        return 1 - share / (1 + exp(-above)) if rollout.right else 1 - share

    return [_multiplied(rollout, "group.relative_length", factor(rollout)) for rollout in rollouts]


def majority(rollouts: Sequence[Rollout], weight: float | None) -> list[Rollout]:
    """Pay 1 for the answer that most of the group gave and 0 for any other, whatever the gold answer says.

    Source: TTRL (Zuo et al. 2025, arXiv:2504.16084, section 2). Answers are those that the verifier extracted, compared
    as `answer_key` writes them; a response without one has no vote and earns 0. Of answers with equally many votes the
    first given counts.
    """
    keys = [
        None if rollout.outcome is Outcome.UNPARSED else answer_key(rollout.extracted or "") for rollout in rollouts
    ]
    votes = Counter(key for key in keys if key)
    chosen, most = votes.most_common(1)[0] if votes else (None, 0)
    told = {"group.majority_share": most / len(rollouts)} if rollouts else {}
    return [
        replace(
            rollout,
            reward=float(agrees := bool(key) and key == chosen),
            outcome=Outcome.CORRECT if agrees else Outcome.WRONG if key else Outcome.UNPARSED,
            parts={**rollout.parts, "group.majority": float(agrees)},
            metrics={**rollout.metrics, **told},
        )
        for rollout, key in zip(rollouts, keys, strict=True)
    ]


def diversity(rollouts: Sequence[Rollout], weight: float | None) -> list[Rollout]:
    """Multiply a right answer's reward by 1 / (1 + weight × sum of its similarities to the other right ones).

    Source: DRA-GRPO (Chen et al. 2025, arXiv:2505.09655, section 3), weight 1 by default; the similarity here is the
    share of word trigrams in common (Jaccard) rather than a cosine of embeddings, over the last characters of each.
    """
    share = 1.0 if weight is None else weight
    pieces = {at: _ngrams(rollout.text) for at, rollout in enumerate(rollouts) if rollout.right}
    alike = {
        at: sum(_jaccard(mine, other) for there, other in pieces.items() if there != at) for at, mine in pieces.items()
    }
    least = 1 / (1 + share * max(0, len(pieces) - 1))
    factors = [1 / (1 + share * alike[at]) if at in alike else least for at in range(len(rollouts))]
    return [_multiplied(rollout, "group.diversity", by) for rollout, by in zip(rollouts, factors, strict=True)]


def answer_key(answer: str) -> str:
    """The form in which answers are compared: unwrapped, small letters, single blanks; numbers by their value."""
    text = " ".join(unwrapped(answer).casefold().split()).rstrip(".。").strip()
    if len(text) <= MAX_NUMBER_CHARS and _NUMBER.fullmatch(text):
        number = Decimal(text.replace(",", ""))
        return f"{number.normalize():f}" if number else "0"
    return text


def _multiplied(rollout: Rollout, name: str, by: float) -> Rollout:
    """The reward multiplied where something is earned; what is 0 or less stays."""
    by = by if rollout.reward > 0 else 1.0
    return replace(rollout, reward=rollout.reward * by, parts={**rollout.parts, name: by})


def _ngrams(text: str) -> frozenset[tuple[str, ...]]:
    words = text[-MAX_COMPARED_CHARS:].split()
    return frozenset(zip(*(words[at:] for at in range(NGRAM_WORDS)), strict=False)) or frozenset({tuple(words)})


def _jaccard(some: frozenset[tuple[str, ...]], others: frozenset[tuple[str, ...]]) -> float:
    common = len(some & others)
    return common / (len(some) + len(others) - common)


_SHAPES: dict[Kind, Callable[[Sequence[Rollout], float | None], list[Rollout]]] = {
    "relative_length": relative_length,
    "majority": majority,
    "diversity": diversity,
}
