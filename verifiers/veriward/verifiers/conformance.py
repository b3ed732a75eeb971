r"""Runs a verifier's own cases: what it must accept, reject, find unparsed, refuse as a task, and not be fooled by.

The cases are data beside the module that declares the verifier, in `<last part of the name>.cases.toml`; that holds
for the built-in verifiers and for those of other packages. A table per sentence:

    [tasks.capital]                          # named tasks, to be used by many cases
    answer = "B"
    options = {A = "Lyon", B = "Paris"}

    ["the letter in the last box counts"]
    kind = "accept"                          # accept | reject | unparsed | invalid_task | attack
    task = {like = "capital"}                # plus fields that replace those of the named task; or JSON in a string
    response = 'First \boxed{A}, no: \boxed{B}'

    ["a flood of boxes earns nothing"]
    kind = "attack"
    task = {like = "capital"}
    response = [{repeat = '\boxed{A}\boxed{B}', times = 400}, " so any of them"]

Chat messages are given as `messages` instead of `response`; an `invalid_task` needs neither. Optional: `reward` (accept
1, others 0 unless said; an attack may earn at most that), `extracted`, and `field` for the field that an
`invalid_task` names.

Of a verifier that asks models, `replies` says what they answer, in the order in which they are asked, no more and no
fewer: a text, in which `{code}` stands for the code that the request asks for, or a table of `text`, `logprobs` or
`score`. The endpoints are `judge`, `completions`, `plain` (a chat without probabilities) and `reward`. `sees` and
`never_sees` list what must and must not stand in the requests; an `unjudged` case is one where the replies hold no
verdict, as those of an attack may.
"""

import json
import math
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel

from veriward.sandbox.execution import Execution, Run, Sandbox
from veriward.verifiers.asking import NoOpinion, Offered, Replies, Reply, Request, Unanswered, read_reply
from veriward.verifiers.judging import Response, judge, parse_task
from veriward.verifiers.registry import Verifier
from veriward.verifiers.verdict import InvalidTask, Unavailable, Verdict
from veriward.wire.outcomes import Outcome

MIN_CASES = 12

Kind = Literal["accept", "reject", "unparsed", "invalid_task", "attack", "unjudged"]
KINDS: tuple[Kind, ...] = get_args(Kind)[:-1]  # those that every file has
ENDPOINTS = {
    "judge": Offered("openai_chat", 20),
    "completions": Offered("openai_completions", 5),
    "plain": Offered("openai_chat"),
    "reward": Offered("reward_model"),
}
_KEYS = {"kind", "task", "response", "messages", "reward", "extracted", "field", "replies", "sees", "never_sees"}
_CODE = re.compile(r'"code": "(\w+)"')
_OUTCOMES: dict[Kind, set[Outcome]] = {
    "accept": {Outcome.CORRECT},
    "reject": {Outcome.WRONG, Outcome.PARTIAL},
    "unparsed": {Outcome.UNPARSED},
    "attack": set(Outcome),
}


class BadCases(Exception):
    """A file of cases is missing or breaks the format; says which file, which case and why."""


@dataclass(frozen=True, slots=True)
class Case:
    """One sentence about a verifier: what it must say of `response` to the task `fields`."""

    sentence: str
    kind: Kind
    fields: dict[str, Any]
    response: Response
    reward: float
    extracted: str | None = None
    field: str | None = None
    replies: tuple[Reply, ...] = ()
    sees: tuple[str, ...] = ()
    never_sees: tuple[str, ...] = ()


class Models:
    """Answers what a verifier asks with these replies in turn; `asked` are the requests, each once."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self._said = replies
        self._heard: dict[str, Reply] = {}
        self._replies = Replies(ENDPOINTS, self._heard)
        self.asked: list[Request] = []

    def verdict(self, verifier: Verifier, task: BaseModel, response: Response, sandbox: Sandbox) -> Verdict:
        """As `judge`. Raises `IndexError` where more is asked than there are replies."""
        while True:
            try:
                return judge(verifier, task, response, sandbox, self._replies)
            except Unanswered as unanswered:
                for request in {each.key: each for each in unanswered.requests}.values():
                    self._answer(request)

    def _answer(self, request: Request) -> None:
        assert request.key not in self._heard, "it asks what it was told"
        reply = self._said[len(self.asked)]
        self.asked.append(request)
        codes = [code for _, content in request.messages for code in _CODE.findall(content)]
        self._heard[request.key] = replace(reply, text=reply.text.replace("{code}", codes[-1])) if codes else reply


class NoSandbox:
    """Stands in for the sandbox where a verifier has promised not to use one."""

    def run(self, execution: Execution, stop: Callable[[Run], bool] | None = None) -> list[Run]:
        raise AssertionError("this verifier ran a program: declare it with runs_programs=True")


def path_of(verifier: Verifier) -> Path:
    """Where the verifier's cases are."""
    source = sys.modules[verifier.module].__file__
    if source is None:
        raise BadCases(f"{verifier.module} has no file, so {verifier.name!r} can have no cases beside it")
    return Path(source).with_name(f"{verifier.name.rpartition('.')[2]}.cases.toml")


def cases(verifier: Verifier) -> Iterator[Case]:
    """The verifier's cases in the order of its file. Raises `BadCases`."""
    path = path_of(verifier)
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BadCases(f"{verifier.name}: {path} is missing") from None
    except tomllib.TOMLDecodeError as error:
        raise BadCases(f"{path}: {error}") from None
    named = tables.pop("tasks", {})
    for sentence, table in tables.items():
        try:
            yield _case(sentence, table, named)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadCases(f"{path}: {sentence!r}: {error!r}") from error


def example(verifier: Verifier) -> dict[str, Any]:
    """The fields of a task that the verifier can grade: that of its first `accept`. Raises `BadCases`."""
    for case in cases(verifier):
        if case.kind == "accept":
            return case.fields
    raise BadCases(f"{verifier.name}: no case is of kind 'accept'")


def shortcomings(verifier: Verifier) -> list[str]:
    """What the verifier's file of cases lacks, as sentences. Raises `BadCases`."""
    kinds = [case.kind for case in cases(verifier)]
    lacking = [f"no case is of kind {kind!r}" for kind in KINDS if kind not in kinds]
    if len(kinds) < MIN_CASES:
        lacking.append(f"{len(kinds)} cases, fewer than {MIN_CASES}")
    return lacking


def run(verifier: Verifier, case: Case, sandbox: Sandbox) -> str | None:
    """None where the verifier does what the case says, or is not available here; else the sentence of what differed."""
    models = Models(case.replies)
    try:
        verdict = models.verdict(verifier, parse_task(verifier, case.fields), case.response, sandbox)
    except Unavailable:
        return None
    except IndexError:
        return f"it asked more than {len(case.replies)} times"
    except NoOpinion as none:
        return _of_asking(case, models) if case.kind in ("unjudged", "attack") else f"no verdict: {none}"
    except InvalidTask as invalid:
        if case.kind != "invalid_task":
            return f"the task was refused: {invalid}"
        if case.field not in (None, invalid.field):
            return f"the task was refused for {invalid.field!r}, not for {case.field!r}"
        return None
    if case.kind == "invalid_task":
        return f"the task was not refused: {verdict}"
    if case.kind == "unjudged":
        return f"there was a verdict: {verdict}"
    return _difference(case, verdict) or _of_asking(case, models)


def _of_asking(case: Case, models: Models) -> str | None:
    if len(models.asked) != len(case.replies):
        return f"it asked {len(models.asked)} times, not {len(case.replies)}"
    said = "\n".join(content for request in models.asked for _, content in request.messages)
    for piece in case.sees:
        if piece not in said:
            return f"the model was not shown {piece!r}: {said}"
    for piece in case.never_sees:
        if piece in said:
            return f"the model was shown {piece!r}: {said}"
    return None


def _difference(case: Case, verdict: Verdict) -> str | None:
    if not all(map(math.isfinite, (verdict.reward, *verdict.parts.values(), *verdict.metrics.values()))):
        return f"a number is not finite: {verdict}"
    if verdict.outcome not in _OUTCOMES[case.kind]:
        return f"outcome {verdict.outcome}: {verdict}"
    if case.kind == "attack" and verdict.reward > case.reward:
        return f"the attack earned {verdict.reward}: {verdict}"
    if case.kind != "attack" and verdict.reward != case.reward:
        return f"reward {verdict.reward}, not {case.reward}: {verdict}"
    if case.extracted not in (None, verdict.extracted):
        return f"extracted {verdict.extracted!r}, not {case.extracted!r}"
    return None


def _case(sentence: str, table: dict[str, Any], named: dict[str, Any]) -> Case:
    if unknown := table.keys() - _KEYS:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    kind = table["kind"]
    if kind not in get_args(Kind):
        raise ValueError(f"kind {kind!r} is none of {', '.join(get_args(Kind))}")
    if kind != "invalid_task" and ("response" in table) == ("messages" in table):
        raise ValueError("give either response or messages")
    return Case(
        sentence=sentence,
        kind=kind,
        fields=_fields(table["task"], named),
        response=table["messages"] if "messages" in table else _text(table.get("response", "")),
        reward=float(table.get("reward", kind == "accept")),
        extracted=table.get("extracted"),
        field=table.get("field"),
        replies=tuple(map(told_reply, table.get("replies", ()))),
        sees=tuple(table.get("sees", ())),
        never_sees=tuple(table.get("never_sees", ())),
    )


def told_reply(told: str | dict[str, Any]) -> Reply:
    """A reply as a case writes it."""
    if isinstance(told, str):
        return Reply(told)
    logprobs = told.get("logprobs")
    return read_reply({**told, "logprobs": None if logprobs is None else list(logprobs.items())})


def _fields(task: dict[str, Any] | str, named: dict[str, Any]) -> dict[str, Any]:
    if isinstance(task, str):
        return dict(json.loads(task))
    own = dict(task)
    like = own.pop("like", None)
    return own if like is None else {**named[like], **own}


def _text(response: str | dict[str, Any] | list[str | dict[str, Any]]) -> str:
    pieces = response if isinstance(response, list) else [response]
    return "".join(piece if isinstance(piece, str) else piece["repeat"] * piece["times"] for piece in pieces)
