"""The verifier `text`: how near a text is to its references, by a published metric."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.answers import answer_region, last_answer_tag
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict, unparsed
from veriward.verifiers.wording import f1, words
from veriward.wire.outcomes import Outcome

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

MAX_TEXT_CHARS = 20_000
MAX_REFERENCES = 16
# ROUGE-L's table has a cell per pair of words, in pure Python: a second for four million.
MAX_ROUGE_WORDS = 2_000
MAX_ROUGE_REFERENCE_WORDS = 4_000
# The library keeps 65,536 texts of any length in each of its caches; that is not ours to keep.
MAX_TEXTS_CACHED = 256
# Rounding within the libraries leaves a perfect score a few ulps off.
PERFECT = 1 - 1e-9

_ROUGE_WORD = re.compile(r"[a-z0-9]+", re.IGNORECASE)

Metric = Literal["rouge_l", "bleu", "chrf", "f1", "edit", "exact"]
Score = Callable[[Sequence[str], str], float]
"""(references, text): a score from 0 to 1."""


def _as_list(gold: Any) -> Any:
    return [gold] if isinstance(gold, str) else gold


class TextTask(Task):
    """`gold`: the reference, or several, of which the nearest counts (`bleu`, `chrf`: all at once, as published)."""

    metric: Metric
    gold: Annotated[
        list[Annotated[str, Field(max_length=MAX_TEXT_CHARS)]],
        BeforeValidator(_as_list),
        Field(min_length=1, max_length=MAX_REFERENCES),
    ]

    @field_validator("gold")
    @classmethod
    def _measurable(cls, gold: list[str], known: ValidationInfo) -> list[str]:
        metric = known.data.get("metric")
        for reference in gold:
            if not reference.strip() or (metric == "f1" and not words(reference)):
                raise ValueError("a reference is empty")
            if metric == "rouge_l" and not _ROUGE_WORD.search(reference):
                raise ValueError("a reference holds no Latin letter or digit, and ROUGE knows no others; take `chrf`")
        if metric == "rouge_l" and sum(map(_rouge_words, gold)) > MAX_ROUGE_REFERENCE_WORDS:
            raise ValueError(f"the references hold more than {MAX_ROUGE_REFERENCE_WORDS:,} words together")
        return gold


@verifier(
    "text",
    version=1,
    task=TextTask,
    preload=("rapidfuzz.distance.Levenshtein", "rouge_score.rouge_scorer", "sacrebleu.metrics"),
    cpu_seconds=5.0,
    batch=16,
)
def text(response: str, task: TextTask, sandbox: Sandbox, /) -> Verdict:
    """Score the last `<answer>`, or all that follows the thinking, against the references; the reward is the score.

    `rouge_l`: ROUGE-L's F (Lin 2004), by rouge-score without stemming: 2PR/(P+R), where P and R are the longest common
    subsequence of words over the words of the text and of the reference. `bleu`: sentence BLEU (Papineni et al. 2002)
    by sacrebleu: 13a tokens, exponential smoothing, effective order, over 100. `chrf`: chrF2 (Popović 2015) by
    sacrebleu: characters up to 6-grams, over 100. `f1`: token F1 after SQuAD's normalisation. `edit`: 1 - Levenshtein
    distance / length of the longer, in characters. `exact`: equal but for blanks at the ends.

    Nearness is not correctness: a text near its reference may say the opposite. Padding, repeating and lists of words
    lower every score but recall, and recall alone earns nothing.
    """
    region = answer_region(response)
    if region is None:
        return unparsed("the thinking never ends")
    tagged = last_answer_tag(region)
    if tagged is None and "<answer>" in region:
        return unparsed("the answer is never closed")
    told = (region if tagged is None else tagged).strip()
    if not told:
        return unparsed("the text is empty")
    if len(told) > MAX_TEXT_CHARS:
        return unparsed(f"the text is longer than {MAX_TEXT_CHARS:,} characters")
    if task.metric == "rouge_l" and _rouge_words(told) > MAX_ROUGE_WORDS:
        return unparsed(f"the text holds more than {MAX_ROUGE_WORDS:,} words")
    score = METRICS[task.metric]([reference.strip() for reference in task.gold], told)
    reward = 1.0 if score >= PERFECT else max(0.0, score)
    outcome = Outcome.CORRECT if reward == 1 else Outcome.PARTIAL if reward else Outcome.WRONG
    return Verdict(outcome, reward, {task.metric: reward}, told)


def _rouge_l(references: Sequence[str], told: str) -> float:
    return float(_rouge().score_multi(references, told)["rougeL"].fmeasure)


def _bleu(references: Sequence[str], told: str) -> float:
    return float(_fresh_bleu().sentence_score(told, references).score) / 100


def _chrf(references: Sequence[str], told: str) -> float:
    return float(_chrf2().sentence_score(told, references).score) / 100


def _token_f1(references: Sequence[str], told: str) -> float:
    return max(f1(words(reference), words(told)) for reference in references)


def _edit(references: Sequence[str], told: str) -> float:
    from rapidfuzz.distance import Levenshtein

    return max(Levenshtein.normalized_similarity(reference, told) for reference in references)


def _exact(references: Sequence[str], told: str) -> float:
    return float(told in references)


METRICS: dict[Metric, Score] = {
    "rouge_l": _rouge_l,
    "bleu": _bleu,
    "chrf": _chrf,
    "f1": _token_f1,
    "edit": _edit,
    "exact": _exact,
}


def _rouge_words(told: str) -> int:
    return len(_ROUGE_WORD.findall(told))


@cache
def _rouge() -> "RougeScorer":
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=False)


def _fresh_bleu() -> "BLEU":
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
    from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

    for tokenize in (Tokenizer13a.__call__, TokenizerRegexp.__call__):
        if tokenize.cache_info().currsize >= MAX_TEXTS_CACHED:
            tokenize.cache_clear()
    return _sentence_bleu()


@cache
def _sentence_bleu() -> "BLEU":
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(effective_order=True)


@cache
def _chrf2() -> "CHRF":
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()
