"""The modes of `model_judge`: what each asks a judge, and what it makes of the answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import exp
from typing import Any

from veriward.verifiers.asking import Offered, Reply
from veriward.verifiers.final import NoAnswer, final_answer
from veriward.verifiers.model_judge.asking import Question
from veriward.verifiers.model_judge.prompting import Fence, judge_messages
from veriward.verifiers.model_judge.reading import Unreadable, number, one_of, reader, truth
from veriward.verifiers.model_judge.shown import says_nothing, shown
from veriward.verifiers.model_judge.task import Criterion, ModelJudgeTask
from veriward.verifiers.verdict import Verdict, correct, wrong
from veriward.wire.outcomes import Outcome

MIN_YES_NO_MASS = 0.5  # of the probability on yes and no together; less is no answer to the question
DEFAULT_YES_NO_PASSING = 0.5

_BETTER = {
    **dict.fromkeys(("first", "1", "a", "response 1", "response a"), 1.0),
    **dict.fromkeys(("second", "2", "b", "response 2", "response b"), 0.0),
    **dict.fromkeys(("tie", "equal", "c"), 0.5),
}


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked, and the verdict that the answers make."""

    questions: Sequence[Question[Any]]
    conclude: Callable[[list[Any]], Verdict]


def score(text: str, task: ModelJudgeTask, offered: Offered) -> Inquiry:
    """A number on the scale, mapped to [0, 1]."""
    fence = Fence.of(task, response=shown(text))
    low, high = task.range
    read = reader(fence.code, "score", task.final, partial(number, low=low, high=high))
    return Inquiry([_question(task, fence, read)], lambda scores: _scored(scores[0], task, "score"))


def checklist(text: str, task: ModelJudgeTask, offered: Offered) -> Inquiry:
    """Each item met or not: sum of the points of those met / sum of the points above 0, within [0, 1].

    Source: HealthBench (Arora et al. 2025, arXiv:2505.08775); with no points below 0 it is the explicit aggregation of
    Rubrics as Rewards (Gunjal et al. 2025, arXiv:2507.17746).
    """
    together = task.items == "together"
    groups = [task.criteria] if together else [[item] for item in task.criteria]
    questions = []
    for group in groups:
        items = "\n".join(f"{at}. {' '.join(item.criterion.split())}" for at, item in enumerate(group, start=1))
        fence = Fence.of(task, items, response=shown(text))
        read = reader(fence.code, "met", None, partial(_all_met, count=len(group)))
        questions.append(_question(task, fence, read, items=items, count=str(len(group))))

    def conclude(answers: list[list[bool]]) -> Verdict:
        return _of_items(task, [met for answer in answers for met in answer])

    return Inquiry(questions, conclude)


def pairwise(text: str, task: ModelJudgeTask, offered: Offered) -> Inquiry:
    """Against the reference, in both orders: a win is 1, a tie 0.5, a loss 0; the mean of both.

    Judges favour a position (Zheng et al. 2023, arXiv:2306.05685, section 3.4): who wins in one order only has a tie.
    """
    assert task.reference is not None
    mine, other = shown(text), shown(task.reference)
    questions: list[Question[Any]] = []
    for swapped in (False, True):
        first, second = (other, mine) if swapped else (mine, other)
        fence = Fence.of(task, first=first, second=second)
        read = reader(fence.code, "better", task.final, partial(_won, swapped=swapped))
        questions.append(_question(task, fence, read))

    def conclude(wins: list[float]) -> Verdict:
        reward = sum(wins) / 2
        outcome = Outcome.CORRECT if reward > 0.5 else Outcome.PARTIAL if reward == 0.5 else Outcome.WRONG
        parts = {"first": wins[0] / 2, "second": wins[1] / 2}
        return Verdict(outcome, reward, parts, metrics={"judge.orders_agree": float(wins[0] == wins[1])})

    return Inquiry(questions, conclude)


def equivalence(text: str, task: ModelJudgeTask, offered: Offered) -> Inquiry:
    """Whether the final answer, which alone is shown, means what the reference means. Raises `NoAnswer`."""
    assert task.reference is not None
    answer = final_answer(text)
    if not says_nothing(task.reference) and says_nothing(answer):
        raise NoAnswer("the answer says nothing")
    fence = Fence.of(task, response=shown(answer))
    read = reader(fence.code, "equivalent", task.final, truth)
    return Inquiry([_question(task, fence, read)], lambda same: (correct if same[0] else wrong)(answer))


def yes_no(text: str, task: ModelJudgeTask, offered: Offered) -> Inquiry:
    """The probability of "Yes" as the first token, of that of "Yes" and "No" together.

    Source: generative verifiers (Zhang et al. 2024, arXiv:2408.15240, section 3.1).
    """
    fence = Fence.of(task, response=shown(text))
    question = Question(judge_messages(task, fence), _probability, max_tokens=1, top_logprobs=offered.logprobs)
    passing = DEFAULT_YES_NO_PASSING if task.passing is None else task.passing

    def conclude(answers: list[float]) -> Verdict:
        reward = answers[0]
        return Verdict(Outcome.CORRECT if reward >= passing else Outcome.WRONG, reward, {"yes": reward})

    return Inquiry([question], conclude)


def reward_model(text: str, task: ModelJudgeTask, offered: Offered) -> Inquiry:
    """The score of a reward model for question and response as a conversation, mapped from `scale`, cut to [0, 1]."""
    assert task.question is not None
    low, high = task.range

    def read(reply: Reply) -> float:
        if reply.score is None:
            raise Unreadable("it has no score")
        return min(high, max(low, reply.score))

    question = Question((("user", task.question), ("assistant", shown(text))), read, tries=1)
    return Inquiry([question], lambda scores: _scored(scores[0], task, "score"))


MODES: dict[str, Callable[[str, ModelJudgeTask, Offered], Inquiry]] = {
    "score": score,
    "checklist": checklist,
    "pairwise": pairwise,
    "equivalence": equivalence,
    "yes_no": yes_no,
    "reward_model": reward_model,
}


def _question(task: ModelJudgeTask, fence: Fence, read: Callable[[str], Any], **values: str) -> Question[Any]:
    return Question(judge_messages(task, fence, **values), lambda reply: read(reply.text))


def _scored(told: float, task: ModelJudgeTask, part: str) -> Verdict:
    low, high = task.range
    reward = (told - low) / (high - low)
    return Verdict(_outcome(told, reward, task), reward, {part: reward}, metrics={"judge.score": told})


def _of_items(task: ModelJudgeTask, met: Sequence[bool]) -> Verdict:
    earned = sum(item.points for item, fulfilled in zip(task.criteria, met, strict=True) if fulfilled)
    reward = min(1.0, max(0.0, earned / sum(item.points for item in task.criteria if item.points > 0)))
    faults = [str(at) for at, item in enumerate(task.criteria) if _is_fault(item, met[at])]
    reason = f"items that cost points: {', '.join(faults)}" if faults else ""
    parts = {f"rubric[{at}]": float(fulfilled) for at, fulfilled in enumerate(met)}
    return Verdict(_outcome(reward, reward, task), reward, parts, reason=reason)


def _is_fault(item: Criterion, met: bool) -> bool:
    return met if item.points < 0 else not met and item.points > 0


def _outcome(told: float, reward: float, task: ModelJudgeTask) -> Outcome:
    """Right from the passing score on, without one at the highest alone; partly right where something was earned."""
    if told >= (task.range[1] if task.passing is None else task.passing):
        return Outcome.CORRECT
    return Outcome.PARTIAL if reward > 0 else Outcome.WRONG


def _all_met(told: Any, count: int) -> list[bool]:
    if not isinstance(told, list) or len(told) != count or not all(isinstance(each, bool) for each in told):
        raise Unreadable(f"its verdict is not a list of true or false for {count} items")
    return told


def _won(told: Any, swapped: bool) -> float:
    first = one_of(told, _BETTER)
    return 1 - first if swapped else first


def _probability(reply: Reply) -> float:
    if reply.logprobs is None:
        raise Unreadable("it tells no probabilities")
    mass = {"yes": 0.0, "no": 0.0}
    for token, logarithm in reply.logprobs:
        word = token.strip(" \n\t▁Ġ\"'*.").casefold()
        if word in mass:
            mass[word] += exp(min(0.0, logarithm))
    total = mass["yes"] + mass["no"]
    if total < MIN_YES_NO_MASS:
        raise Unreadable("it answers neither yes nor no")
    return mass["yes"] / total
