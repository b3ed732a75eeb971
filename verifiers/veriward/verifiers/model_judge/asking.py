"""Asks a judge questions until each is answered readably: all at once, and again what could not be read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from veriward.verifiers.asking import Ask, NoOpinion, Replies, Reply, Request, Role
from veriward.verifiers.model_judge.reading import Unreadable
from veriward.verifiers.model_judge.templates import PROMPTS, filled

MAX_TRIES = 3  # the first asking counted

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Question(Generic[Answer]):
    """`read` makes the answer of the reply, or raises `Unreadable`."""

    messages: tuple[tuple[Role, str], ...]
    read: Callable[[Reply], Answer]
    max_tokens: int | None = None
    top_logprobs: int = 0
    tries: int = MAX_TRIES


@dataclass(frozen=True, slots=True)
class Heard(Generic[Answer]):
    """The answers in the order of the questions, and what asking took."""

    answers: list[Answer]
    metrics: dict[str, float]


def hear(model: str, questions: Sequence[Question[Answer]], replies: Replies) -> "Heard[Answer] | Ask":
    """The answers, or what is still to be asked. Raises `NoOpinion` where a question's last try is unreadable."""
    answers: list[Answer] = []
    pending: list[Request] = []
    heard: list[Reply] = []
    for question in questions:
        messages = question.messages
        for tried in range(1, question.tries + 1):
            request = Request(model, messages, question.max_tokens, question.top_logprobs)
            reply = replies.get(request)
            if reply is None:
                pending.append(request)
                break
            heard.append(reply)
            try:
                answers.append(question.read(reply))
                break
            except Unreadable as unreadable:
                why = unreadable
                told = {"why": str(unreadable), "next": str(tried + 1), "tries": str(question.tries)}
                again = filled(PROMPTS["again"], told)
                messages = (*question.messages[:-1], ("user", f"{question.messages[-1][1]}\n\n{again}"))
        else:
            raise NoOpinion(f"what {model!r} replied could not be read, {question.tries} times; the last: {why}")
    if pending:
        return Ask(tuple(pending))
    metrics = {
        "judge.requests": float(len(heard)),
        "judge.input_tokens": float(sum(reply.input_tokens for reply in heard)),
        "judge.output_tokens": float(sum(reply.output_tokens for reply in heard)),
    }
    return Heard(answers, metrics)
