"""Judges one response by one verifier: the one way, shared by graders, by `veriward check` and by the tests.

It reads the task, bounds the response and picks what the verifier is given of it. Clocks and isolation are the
grader's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.answers import MAX_RESPONSE_CHARS
from veriward.verifiers.asking import Ask, Replies, Unanswered
from veriward.verifiers.recipes import RecipeTask, made_of
from veriward.verifiers.registry import Verifier
from veriward.verifiers.shaping import Seen, ShapedTask, Term, shaped, with_shaping
from veriward.verifiers.validation import validated
from veriward.verifiers.verdict import MAX_EXTRACTED_CHARS, MAX_REASON_CHARS, InvalidTask, Verdict, unparsed

Message = Mapping[str, Any]
Response = str | Sequence[Message]
"""A text, or chat messages `{"role", "content"}` whose content is a text, a list of parts, or None."""
Refused = Mapping[str, str]
"""`{"refused": reason}`: what a gateway sends in place of a response that no verifier is to see."""


def parse_task(verifier: Verifier, fields: Mapping[str, Any], context: object = None) -> BaseModel:
    """The verifier's task from its JSON fields, `verifier` left out. Raises `InvalidTask` naming the first bad one.

    `preset` and `shaping` go with any task and are taken off it. Fields that ask for a `recipe` are what it makes of
    them. `context` reaches the validators of the task's model.
    """
    if "recipe" in fields and "recipe" not in verifier.task.model_fields:
        return _of_recipe(verifier, fields, context)
    own, terms = with_shaping(verifier.task, fields)
    task = validated(verifier.task, own, context)
    return ShapedTask(task=task, terms=terms) if terms else task


def _of_recipe(verifier: Verifier, fields: Mapping[str, Any], context: object) -> RecipeTask:
    made = made_of({**fields, "verifier": verifier.name})
    own = {name: value for name, value in made.task.items() if name != "verifier"}
    try:
        return RecipeTask(task=parse_task(verifier, own, context), made=made)
    except InvalidTask as refused:
        raise made.told(refused) from None


def judge(
    verifier: Verifier,
    task: BaseModel,
    response: Response | Refused,
    sandbox: Sandbox,
    replies: Replies | None = None,
) -> Verdict:
    """The verdict on `response`. Raises `InvalidTask` when the verifier finds the task at fault.

    Of a verifier that asks models, `replies` are those that came so far. Raises `Unanswered` where it needs more, and
    `NoOpinion` where they hold no verdict.
    """
    if type(task) is RecipeTask:
        try:
            return judge(verifier, task.task, response, sandbox, replies)
        except InvalidTask as refused:
            raise task.made.told(refused) from None
    own, terms = (task.task, task.terms) if type(task) is ShapedTask else (task, ())

    def say(given: Response) -> Verdict:
        more = (replies or Replies(),) if verifier.asks else ()
        said = verifier.function(given, own, sandbox, *more)
        if isinstance(said, Ask):
            raise Unanswered(said.requests)
        return said

    if isinstance(response, Mapping):
        return _refused(verifier, terms, say, response["refused"])
    text = text_of(response)
    if text is None:
        return _refused(verifier, terms, say, "no assistant message")
    if len(text) > MAX_RESPONSE_CHARS:
        reason = f"the response has {len(text):,} characters, more than {MAX_RESPONSE_CHARS:,}"
        return _refused(verifier, terms, say, reason)
    if not _encodable(text):
        return _refused(verifier, terms, say, "the response holds a lone surrogate")
    verdict = say(response if verifier.messages else text)
    if terms:
        verdict = shaped(verdict, terms, Seen(text, () if isinstance(response, str) else response))
    return _clipped(verdict)


def _refused(verifier: Verifier, terms: Sequence[Term], say: Callable[[Response], Verdict], reason: str) -> Verdict:
    """The verdict on a response that no verifier gets to see: unparsed, for what an empty one earns, and never above 0.

    So it is paid on the task's own scale, and no more than a wrong answer; its shaping is that of a response that keeps
    no term, so that none is too long to be penalised for its length. Raises `InvalidTask` as `judge` does.
    """
    empty = say([] if verifier.messages else "")
    verdict = unparsed(reason)
    if empty.reward < 0:
        verdict = replace(verdict, reward=empty.reward, parts=empty.parts)
    return _clipped(shaped(verdict, terms, None) if terms else verdict)


def text_of(response: Response) -> str | None:
    """The judged text: the last assistant message's content, its text parts joined; None where there is none."""
    if isinstance(response, str):
        return response
    for message in reversed(response):
        if message.get("role") == "assistant":
            return _content(message.get("content"))
    return None


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text")
    return "".join(text for text in texts if isinstance(text, str))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _clipped(verdict: Verdict) -> Verdict:
    extracted = verdict.extracted
    if len(verdict.reason) <= MAX_REASON_CHARS and len(extracted or "") <= MAX_EXTRACTED_CHARS:
        return verdict
    return replace(
        verdict,
        reason=verdict.reason[:MAX_REASON_CHARS],
        extracted=None if extracted is None else extracted[:MAX_EXTRACTED_CHARS],
    )
