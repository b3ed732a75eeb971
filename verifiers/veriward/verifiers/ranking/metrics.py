"""The metrics of ranked lists, with binary relevance. Ranks start at 1."""

from collections.abc import Collection, Sequence
from math import log2


def ndcg(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Normalised discounted cumulative gain at `k`, in [0, 1].

    DCG@k = Σ_{i≤k} rel_i / log2(i + 1), over the DCG@k of all relevant ones first (Järvelin and Kekäläinen 2002, in the
    form of trec_eval's `ndcg_cut`).
    """
    gain = sum(1 / log2(rank + 1) for rank, one in enumerate(ranked[:k], 1) if one in relevant)
    return gain / sum(1 / log2(rank + 1) for rank in range(1, min(k, len(relevant)) + 1))


def recall(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """The share of the relevant ones among the first `k`."""
    return sum(one in relevant for one in ranked[:k]) / len(relevant)


def reciprocal_rank(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """1 over the rank of the first relevant one among the first `k`, 0 where there is none."""
    return next((1 / rank for rank, one in enumerate(ranked[:k], 1) if one in relevant), 0.0)


def average_overlap(ranked: Sequence[str], gold: Sequence[str]) -> float:
    """Rank-biased overlap with p = 1: the mean over depths d of the share of the first d that both lists have.

    Webber, Moffat and Zobel 2010, "A similarity measure for indefinite rankings", section 4; down to the shorter list.
    """
    depth = min(len(ranked), len(gold))
    both = 0
    total = 0.0
    seen: set[str] = set()
    for d in range(depth):
        for one in (ranked[d], gold[d]):
            both += one in seen
            seen.add(one)
        total += both / (d + 1)
    return total / depth
