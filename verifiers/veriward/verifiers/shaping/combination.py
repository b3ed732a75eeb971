"""Combines a verdict with its task's terms, so that no wrong answer comes to be paid better than a right one.

With r, the verifier's reward, and q, a term's quality:

    reward = r × product of (1 - weight (1 - q)) + sum of weight q - sum of weight (1 - q)
                 `multiply`; `gate`: 0 for q < 1   bonuses, `add`    penalties, `add`

- A factor acts on what is earned: it leaves r ≤ 0 as it is. Penalties take what is earned away, never more
  (from an answer that is not right and earns nothing, all that they say).
- A bonus is paid to a right answer only. A term that is `regardless` pays it to others too, up to what a right answer
  that earns 1 would get for keeping no term.
- A wrong answer that earns something all the same (a Brier score) is paid as though it kept no term.

So where every wrong answer earns no more than every right one, that is so after shaping, and also with `regardless`
terms where a right answer earns 1 or more. What is partly right (`partial`) is shaped as it is.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from veriward.verifiers.shaping.term import Seen, Term
from veriward.verifiers.verdict import Verdict
from veriward.wire.outcomes import Outcome

UNSHAPED = "unshaped"


def shaped(verdict: Verdict, terms: Sequence[Term], seen: Seen | None) -> Verdict:
    """The verdict with its reward shaped; a response that was not `seen` keeps no term.

    `parts` gain `unshaped`, a `shaping.<kind>` per term (the factor or the summand that it is) and, where a bound of
    the rules above was met, `shaping.bound`; `metrics` gain each term's quality under the same name.
    """
    names = _names(terms)
    qualities = [0.0 if seen is None else term.quality(seen) for term in terms]
    reward = verdict.reward
    undeserved = verdict.outcome in (Outcome.WRONG, Outcome.UNPARSED) and reward > 0
    kept = [0.0] * len(terms) if undeserved else qualities
    right = verdict.outcome is Outcome.CORRECT
    parts = [_part(term, quality, reward, right) for term, quality in zip(terms, kept, strict=True)]
    summed = reward * prod(_those(terms, parts, added=False)) + sum(_those(terms, parts, added=True))
    paid = _bounded(summed, reward, terms, parts, right)
    told = {**verdict.parts, UNSHAPED: reward, **dict(zip(names, parts, strict=True))}
    if paid != summed:
        told["shaping.bound"] = paid - summed
    metrics = {**verdict.metrics, **dict(zip(names, qualities, strict=True))}
    return replace(verdict, reward=paid, parts=told, metrics=metrics)


def _part(term: Term, quality: float, reward: float, right: bool) -> float:
    if term.how == "add":
        if term.penalises:
            return term.weight * (quality - 1)
        return term.weight * quality if right or term.regardless else 0.0
    return _factor(term, quality) if reward > 0 else 1.0


def _factor(term: Term, quality: float) -> float:
    return float(quality >= 1) if term.how == "gate" else 1 - term.weight * (1 - quality)


def _bounded(summed: float, reward: float, terms: Sequence[Term], parts: Sequence[float], right: bool) -> float:
    paid = max(min(reward, 0.0), summed) if right or reward > 0 else summed
    bonus = sum(part for part in _those(terms, parts, added=True) if part > 0)
    if right or not bonus:
        return paid
    return min(paid, max(paid - bonus, _least_of_right(terms)))


def _least_of_right(terms: Sequence[Term]) -> float:
    """What a right answer that earns 1 gets for keeping no term."""
    factor = prod(_factor(term, 0.0) for term in terms if term.how != "add")
    return max(0.0, factor - sum(term.weight for term in terms if term.how == "add" and term.penalises))


def _those(terms: Sequence[Term], parts: Sequence[float], *, added: bool) -> list[float]:
    return [part for term, part in zip(terms, parts, strict=True) if (term.how == "add") is added]


def _names(terms: Sequence[Term]) -> list[str]:
    """`shaping.format`; the second of a kind is `shaping.format[2]`."""
    names: list[str] = []
    for at, term in enumerate(terms):
        earlier = sum(other.kind == term.kind for other in terms[:at])
        names.append(f"shaping.{term.kind}" + (f"[{earlier + 1}]" if earlier else ""))
    return names
