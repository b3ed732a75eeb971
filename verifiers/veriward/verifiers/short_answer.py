"""The verifier `short_answer`: a name, a date or a few words, compared with a list of aliases."""

from collections.abc import Collection
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.final import NoAnswer, final_answer, head_of
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict, correct, unparsed, wrong
from veriward.verifiers.wording import f1, numbers, without_span, words
from veriward.wire.outcomes import Outcome

MAX_ALIASES = 1_000
MAX_ALIAS_CHARS = 1_000
MIN_SUBSPAN_F1 = 0.8

_DECIDED = frozenset(("yes", "no", "noanswer"))
_FUNCTION_WORDS = (
    "it its he she they we i this that these those there here is are was were be been being am do does did has have "
    "had will would can could of in on at by to for from with as into during about called named known answer correct "
    "final so therefore thus hence indeed which who whom whose what when where"
)
_RETRACTING_WORDS = (
    "not no never nor neither either or maybe perhaps possibly probably isnt wasnt arent except unless versus vs "
    "alternatively unsure unknown"
)
_CARRIERS = frozenset(_FUNCTION_WORDS.split())
_RETRACTS = frozenset(_RETRACTING_WORDS.split())


def _as_list(gold: Any) -> Any:
    return [gold] if isinstance(gold, str) else gold


def _worded(alias: str) -> str:
    if not words(alias):
        raise ValueError("holds no letter or digit, so no answer could be compared with it")
    return alias


class ShortAnswerTask(Task):
    """`gold`: the right answer, or its aliases. `question`: its words may surround the answer under `subspan`."""

    gold: Annotated[
        list[Annotated[str, Field(max_length=MAX_ALIAS_CHARS), AfterValidator(_worded)]],
        BeforeValidator(_as_list),
        Field(min_length=1, max_length=MAX_ALIASES),
    ]
    match: Literal["em", "f1", "subspan"] = "em"
    question: Annotated[str, Field(max_length=20_000)] | None = None


class Alias(NamedTuple):
    """A gold answer as it is compared."""

    words: tuple[str, ...]
    numbers: tuple[Decimal, ...]


@verifier("short_answer", version=1, task=ShortAnswerTask)
def short_answer(response: str, task: ShortAnswerTask, sandbox: Sandbox, /) -> Verdict:
    """Compare the final answer with each alias after SQuAD's normalisation; the best alias counts.

    `em` (default): equal once lower-cased and without punctuation and articles, as Search-R1 (arXiv:2503.09516) does.
    Stricter than published where dropping punctuation makes other numbers: 3.14 is not 314, and -5 is not 5. A sentence
    that explains the answer may follow it.
    `f1`: token F1 = 2PR/(P+R) as in SQuAD (arXiv:1606.05250), with HotpotQA's rule that yes, no and noanswer earn
    nothing but whole. Partial by design: naming n answers of a word each pays 2/(n+1), so prefer `em` for training.
    `subspan`: the alias stands in the answer as whole words. As published (any substring) it pays for listing
    everything; here the rest must be function words or words of `question`, or token F1 at least 0.8, and must not
    deny or hedge.

    Only the last answer counts, however many there are. An answer without a letter or digit is unparsed.
    """
    try:
        answer = final_answer(response)
    except NoAnswer as none:
        return unparsed(str(none))
    told = words(answer)
    if not told:
        return unparsed("the answer holds no letter or digit", answer)
    aliases = _aliases(tuple(task.gold))
    if task.match == "f1":
        return _graded(max(_f1(alias.words, told) for alias in aliases), answer)
    if _equal(aliases, answer, told):
        return correct(answer)
    if task.match == "subspan" and _any_within(aliases, answer, told, _question_words(task.question)):
        return correct(answer)
    head = head_of(answer)
    return correct(answer) if head is not None and _equal(aliases, head, words(head)) else wrong(answer)


@lru_cache(maxsize=256)
def _aliases(gold: tuple[str, ...]) -> frozenset[Alias]:
    return frozenset(Alias(tuple(words(alias)), tuple(numbers(alias))) for alias in gold)


def _equal(aliases: Collection[Alias], answer: str, told: list[str]) -> bool:
    return Alias(tuple(told), tuple(numbers(answer))) in aliases


def _f1(gold: tuple[str, ...], told: list[str]) -> float:
    whole = " ".join(gold), " ".join(told)
    if whole[0] != whole[1] and not _DECIDED.isdisjoint(whole):
        return 0.0
    return f1(gold, told)


def _any_within(aliases: Collection[Alias], answer: str, told: list[str], allowed: Collection[str]) -> bool:
    stated = set(numbers(answer))
    return any(_within(alias, told, allowed) and stated.issuperset(alias.numbers) for alias in aliases)


def _within(alias: Alias, told: list[str], allowed: Collection[str]) -> bool:
    rest = without_span(told, alias.words)
    if rest is None or not _RETRACTS.isdisjoint(rest):
        return False
    return all(word in _CARRIERS or word in allowed for word in rest) or f1(alias.words, told) >= MIN_SUBSPAN_F1


@lru_cache(maxsize=256)
def _question_words(question: str | None) -> frozenset[str]:
    return frozenset(words(question or ""))


def _graded(share: float, answer: str) -> Verdict:
    outcome = Outcome.CORRECT if share == 1 else Outcome.PARTIAL if share else Outcome.WRONG
    return Verdict(outcome, share, {"answer": share}, answer)
