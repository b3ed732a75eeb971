"""The verifier `reasoning_gym`: answers to that library's data sets, judged by their own scorers."""

import json
import warnings
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.final import NoAnswer, written_answer
from veriward.verifiers.logic.reading import Unread, container
from veriward.verifiers.reasoning_gym.datasets import (
    LEAST_FOR_A_SOLUTION,
    LONGER_SOLUTIONS,
    NAMES,
    SCORER_CONFIGS,
    as_made,
)
from veriward.verifiers.reasoning_gym.holes import fault_beside
from veriward.verifiers.reasoning_gym.rewriting import rewritten
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import InvalidTask, Unavailable, Verdict, correct, unparsed, wrong
from veriward.wire.outcomes import Outcome

MAX_ANSWER_CHARS = 100_000  # a grid of the game of life at the library's last level has 20,201
MAX_METADATA_CHARS = 1_000_000


class ReasoningGymTask(Task):
    """An entry of the data set `task`: its `answer` and `metadata` as the library made them; `question` is not read."""

    task: str
    answer: Annotated[str, Field(max_length=MAX_ANSWER_CHARS)] | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    question: str | None = None
    score: Literal["no_floor", "published"] = "no_floor"

    @field_validator("task")
    @classmethod
    def _known(cls, task: str) -> str:
        if task not in NAMES:
            raise ValueError(f"{task[:80]!r} is no data set of reasoning-gym")
        return task


def available() -> bool:
    """Whether the library is installed here."""
    return find_spec("reasoning_gym") is not None


@verifier(
    "reasoning_gym",
    version=1,
    task=ReasoningGymTask,
    preload=("reasoning_gym",) if available() else (),
    cpu_seconds=5.0,
    batch=8,
)
def reasoning_gym(response: str, task: ReasoningGymTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last answer, and pay what the data set's own scorer calls right; its floors pay nothing.

    The answer stands in the last `<answer>`, box or fence, after "the answer is", or in the last line. A score below 1
    is paid only where it says that a solution is right but longer than it need be (Tower of Hanoi); with `score`
    "published" the library's number is paid as it is, floors too (Stojanovski et al. 2025, arXiv:2505.24760). The
    library's score is always among the metrics.

    No scorer evaluates the response: where one would, it is given only lists and formulas that were read here before.
    An answer at which the scorer fails, though it takes the reference, is unparsed. Scorers with known holes
    (`game_of_life_halting`, `puzzle24`) are made good by a check of ours.
    """
    if not available():
        raise Unavailable("reasoning-gym is not installed: pip install 'veriward[reasoning_gym]'")
    entry = _entry(task)
    try:
        answer = _answer(response)
        score = _score(task.task, rewritten(task.task, answer), entry)
    except Unread as unread:
        return unparsed(str(unread), unread.shown)
    fault = fault_beside(task.task, answer, entry)
    if task.score == "no_floor" and fault is not None:
        return wrong(answer, fault)
    paid = score
    if task.score == "no_floor" and score < 1:
        paid = score if task.task in LONGER_SOLUTIONS and score >= LEAST_FOR_A_SOLUTION else 0.0
    if paid >= 1:
        verdict = correct(answer)
    elif paid > 0:
        verdict = Verdict(Outcome.PARTIAL, paid, {"answer": paid}, answer)
    else:
        verdict = wrong(answer)
    verdict.metrics["score"] = score
    return verdict


def _answer(response: str) -> str:
    text, contained = container(response)
    if not contained:
        try:
            text = written_answer(text)
        except NoAnswer as none:
            raise Unread(str(none)) from None
    text = text.strip("\n").rstrip()
    if not text.strip():
        raise Unread("the answer is empty")
    if len(text) > MAX_ANSWER_CHARS:
        raise Unread(f"the answer is longer than {MAX_ANSWER_CHARS:,} characters")
    return text


def _entry(task: ReasoningGymTask) -> dict[str, Any]:
    """The library's entry. Raises `InvalidTask` where its scorer does not take the task's own answer."""
    try:
        metadata = json.dumps(task.metadata, sort_keys=True)
    except (ValueError, RecursionError):
        raise InvalidTask("metadata", "is not JSON") from None
    if len(metadata) > MAX_METADATA_CHARS:
        raise InvalidTask("metadata", f"is longer than {MAX_METADATA_CHARS:,} characters of JSON")
    entry = {"question": task.question, "answer": task.answer, "metadata": as_made(task.task, dict(task.metadata))}
    fault = _fault_of_reference(task.task, task.answer, metadata)
    if fault is not None:
        raise InvalidTask(*fault)
    return entry


@lru_cache(maxsize=64)
def _fault_of_reference(name: str, answer: str | None, metadata: str) -> tuple[str, str] | None:
    """The field and what is wrong with it; None where the scorer gives full marks to the reference."""
    entry = {"question": None, "answer": answer, "metadata": as_made(name, json.loads(metadata))}
    try:
        score = _score(name, answer or "", entry)
    except Unread as unread:
        return "metadata", f"the library cannot score by it: {unread}"
    if answer is not None and score < 1:
        return "answer", f"the library gives it {score:g}, not 1"
    return None


def _score(name: str, answer: str, entry: dict[str, Any]) -> float:
    """The library's score. Raises `Unread` where its scorer fails."""
    score_answer: Any = _scorer(name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score = float(score_answer(answer, entry))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the library's own; it took the reference, so the answer is unreadable
        raise Unread(f"the scorer fails at it: {type(error).__name__}", answer) from None
    return min(1.0, max(0.0, score)) if score == score else 0.0


@cache
def _scorer(name: str) -> Any:
    from reasoning_gym import create_dataset

    return create_dataset(name, **SCORER_CONFIGS.get(name, {})).score_answer
