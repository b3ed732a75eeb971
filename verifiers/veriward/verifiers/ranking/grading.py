"""The verifier `ranking`: a list of documents or of answers, paid by where the right ones stand."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.answers import answer_region, last_answer_tag
from veriward.verifiers.ranking.metrics import average_overlap, ndcg, recall, reciprocal_rank
from veriward.verifiers.ranking.reading import identified, items
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict
from veriward.verifiers.wording import numbers, words
from veriward.wire.outcomes import Outcome

MAX_ENTRIES = 1_000
MAX_ENTRY_CHARS = 1_000
FAILURE = -1.0
LISTS = ("initial_list", "relevant", "gold_order", "gold")
PUBLISHED_WEIGHTS = {"ndcg": 1.0, "recall": 0.2, "rbo": 0.1}

Weight = Annotated[float, Field(ge=0, le=100)]
Entries = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=MAX_ENTRY_CHARS)]], Field(min_length=1, max_length=MAX_ENTRIES)
]


class RankingParams(Task):
    """A weight that is given asks for the published scale, where those left out are the published ones."""

    w_ndcg: Weight | None = None
    w_recall: Weight | None = None
    w_rbo: Weight | None = None
    k: int = Field(default=10, ge=1, le=MAX_ENTRIES)

    @property
    def given(self) -> dict[str, float | None]:
        return {"ndcg": self.w_ndcg, "recall": self.w_recall, "rbo": self.w_rbo}

    @property
    def published(self) -> bool:
        return any(weight is not None for weight in self.given.values())


class RankingTask(Task):
    """`initial_list`: the documents as the prompt numbers them, from 1. `gold`: right answers, for `ranked_answers`."""

    kind: Literal["documents", "mrr", "ranked_answers"] = "documents"
    initial_list: Entries | None = None
    relevant: Entries | None = None
    gold_order: Entries | None = None
    gold: Entries | None = None
    params: RankingParams = RankingParams()

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> "RankingTask":
        needed = ("gold",) if self.kind == "ranked_answers" else ("initial_list", "relevant")
        for name in needed:
            if getattr(self, name) is None:
                raise ValueError(f"kind {self.kind!r} needs {name}")
        documents = self.initial_list or []
        for name, listed in (("initial_list", documents), ("relevant", self.relevant), ("gold_order", self.gold_order)):
            if listed and len(set(listed)) < len(listed):
                raise ValueError(f"{name} lists one document twice")
            if listed and not set(listed) <= set(documents):
                raise ValueError(f"{name} names a document that is not in initial_list")
        if self.gold_order is None and self.params.w_rbo:
            raise ValueError("w_rbo needs gold_order")
        if self.gold and not all(words(answer) for answer in self.gold):
            raise ValueError("an answer in gold holds no letter or digit")
        return self

    def weights(self) -> dict[str, float]:
        """The weights of the parts; divided by their sum unless the task gives any."""
        names = [name for name in PUBLISHED_WEIGHTS if name != "rbo" or self.gold_order is not None]
        total = 1.0 if self.params.published else sum(PUBLISHED_WEIGHTS[name] for name in names)
        given = self.params.given
        return {name: (PUBLISHED_WEIGHTS[name] if (own := given[name]) is None else own) / total for name in names}


def golds(fields: Mapping[str, Any]) -> Iterator[str]:
    """The gold order, or else what is relevant first."""
    told = {name: list(fields[name]) for name in LISTS if isinstance(fields.get(name), list)}
    if fields.get("kind") == "ranked_answers":
        yield f"<answer>{' > '.join(map(str, told.get('gold', [])))}</answer>"
        return
    documents, relevant = told.get("initial_list", []), told.get("relevant", [])
    order = told.get("gold_order") or [*relevant, *(each for each in documents if each not in relevant)]
    places = {str(each): at for at, each in enumerate(documents, start=1)}
    yield f"<answer>{' > '.join(f'[{places.get(str(each), 0)}]' for each in order)}</answer>"


@verifier("ranking", version=1, task=RankingTask, golds=golds)
def ranking(response: str, task: RankingTask, sandbox: Sandbox, /) -> Verdict:
    """Pay a ranking in the last `<answer>` by NDCG, recall and overlap, or by the rank of the first right entry.

    `documents` (ReasonRank, Liu et al. 2025, arXiv:2508.07050, section 3.3): the answer `[2] > [1] > …` must name each
    of `initial_list` once; reward = w_ndcg NDCG@k + w_recall Recall@k + w_rbo RBO(p = 1) against `gold_order`, binary
    relevance. Published weights are 1, 0.2, 0.1, k is 10. Without weights they are divided by their sum, so that the
    reward lies in [0, 1]; with weights it is the published one, -1 where no list is given. Another number of documents,
    one named twice, or one that does not exist earns 0; the published code drops the last silently.

    `mrr`: 1 / rank of the first of `relevant` among the first k; the list need not be whole.
    `ranked_answers`: the same of a list of answers in words, by short answer's exact match with any of `gold`.

    Correct: all parts are whole (`documents`), the first entry is right (others).
    """
    region = answer_region(response)
    text = None if region is None else last_answer_tag(region)
    entries = None if text is None else items(text)
    if text is None or entries is None:
        reward = FAILURE if task.params.published else 0.0
        return Verdict(Outcome.UNPARSED, reward, {"format": reward}, reason="no list in <answer> tags")
    if task.kind == "ranked_answers":
        return _by_rank(_answered(entries[: task.params.k], task.gold or []), ["right"], text, task.params.k)
    ranked = _documents(entries, task)
    if ranked is None:
        reason = "the list does not name documents of the task, each once"
        return Verdict(Outcome.WRONG, 0.0, {"list": 0.0}, text, reason)
    relevant = task.relevant or []
    if task.kind == "mrr":
        return _by_rank(ranked, relevant, text, task.params.k)
    parts = {
        "ndcg": ndcg(ranked, set(relevant), task.params.k),
        "recall": recall(ranked, set(relevant), task.params.k),
        "rbo": average_overlap(ranked, task.gold_order or ranked),
    }
    weights = task.weights()
    parts = {name: parts[name] for name in weights}
    reward = sum(weights[name] * part for name, part in parts.items())
    whole = all(part >= 1 - 1e-12 for part in parts.values())
    outcome = Outcome.CORRECT if whole else Outcome.PARTIAL if reward > 0 else Outcome.WRONG
    return Verdict(outcome, reward, parts, text)


def _documents(entries: list[str], task: RankingTask) -> list[str] | None:
    """The documents in the answered order; None unless they are the task's, each once."""
    known = task.initial_list or []
    if len(entries) > len(known) or (task.kind == "documents" and len(entries) < len(known)):
        return None
    ranked = [document for document in identified(entries, known) if document is not None]
    return ranked if len(ranked) == len(entries) == len(set(ranked)) else None


def _answered(entries: list[str], gold: list[str]) -> list[str]:
    """`right` or `wrong` for each answer; numbers are compared too, as 3.14 and 314 have the same words."""
    keys = {(tuple(words(answer)), tuple(numbers(answer))) for answer in gold}
    return ["right" if (tuple(words(one)), tuple(numbers(one))) in keys else "wrong" for one in entries]


def _by_rank(ranked: list[str], relevant: list[str], text: str, k: int) -> Verdict:
    reward = reciprocal_rank(ranked, set(relevant), k)
    outcome = Outcome.CORRECT if reward == 1 else Outcome.PARTIAL if reward > 0 else Outcome.WRONG
    return Verdict(outcome, reward, {"mrr": reward}, text)
