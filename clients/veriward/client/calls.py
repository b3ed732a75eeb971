"""What a client can ask, each call once, as a conversation; `Client` and `AsyncClient` only drive these."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from veriward.client.batching import Kind
from veriward.client.errors import ConnectionFailed, DeadlineExceeded, ServerOverloaded, UnexpectedAnswer
from veriward.client.exchange import LEAST_SECONDS, Conversation, Question, always, with_deadline
from veriward.client.payload import (
    Group,
    Limits,
    Reply,
    Rollout,
    Span,
    Task,
    cut,
    cut_list,
    encode,
    encode_item,
    encode_reply,
    group_rollouts,
    items_json,
)
from veriward.client.retries import Asker
from veriward.client.rewards import rewards_or_none
from veriward.client.servers import Servers
from veriward.client.streaming import StreamReader
from veriward.wire import (
    ExecuteResponse,
    GeneratorInfo,
    GeneratorList,
    GradeItem,
    GradeResponse,
    ItemResults,
    Overview,
    Priority,
    PutTasksResponse,
    RecipeInfo,
    RecipeList,
    Result,
    RunRequest,
    RunResult,
    SampledTask,
    SampleRequest,
    SampleResponse,
    VerifierInfo,
    VerifierList,
)
from veriward.wire.requests import MAX_SAMPLE

Answer = TypeVar("Answer", bound=BaseModel)

GRADE_SECONDS = 30.0
EXECUTE_SECONDS = 60.0
GENERATE_SECONDS = 120.0
MAX_DEADLINE_SECONDS = 3600.0  # that a server takes
ASK_SECONDS = 30.0  # for what needs no grading
RECONNECT_SECONDS = 60.0

# A server closes idle connections after 5 s; leaving first spares a retry.
POOL = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=4.0)


@dataclass(frozen=True, slots=True)
class Calls:
    """Every method raises a `VeriwardError` when there is no answer, and never turns that into a reward."""

    asker: Asker
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def of(
        cls, url: str | Sequence[str] | None, api_key: str | None, reconnect_seconds: float, limits: Limits
    ) -> "Calls":
        key = api_key if api_key is not None else os.environ.get("VERIWARD_API_KEY", "")
        return cls(Asker(Servers(url), key.strip() or None, reconnect_seconds), limits)

    def grade(
        self,
        items: Sequence[GradeItem | Mapping[str, Any]],
        *,
        deadline_seconds: float = GRADE_SECONDS,
        priority: Priority = "normal",
        idempotency_key: str | None = None,
    ) -> Conversation[GradeResponse]:
        """Grade `items`, each one task and the responses to judge by it; the results come in the same order.

        `deadline_seconds` bounds the whole call: queue, grading, retries. Rollouts that it cuts off come back as
        `timeout` or `overloaded`, without a reward. More than the server takes at once travels as several requests,
        one after the other. Without an `idempotency_key` each request makes its own.
        """
        groups = [encode_item(item) for item in items]
        return (yield from self._grade(groups, deadline_seconds, priority, idempotency_key))

    def grade_rollouts(
        self,
        tasks: Sequence[Task],
        responses: Sequence[Reply],
        *,
        deadline_seconds: float = GRADE_SECONDS,
        priority: Priority = "normal",
        source: str = "",
    ) -> Conversation[list[Result]]:
        """Grade rollouts given row by row, `responses[i]` by `tasks[i]`: B results for B rows.

        Rows of equal tasks, as group-sampling trainers make them, travel as one item. `source` labels metrics.
        """
        if len(tasks) != len(responses):
            raise ValueError(f"{len(tasks)} tasks for {len(responses)} responses: give one task per response")
        rollouts = [(encode(task), encode_reply(reply)) for task, reply in zip(tasks, responses, strict=True)]
        return (yield from self.grade_batch(Kind("", deadline_seconds, priority, source), rollouts))

    def grade_batch(self, kind: Kind, rollouts: Sequence[Rollout]) -> Conversation[list[Result]]:
        """`grade_rollouts` for what is JSON already."""
        if not rollouts:
            return []
        groups, order = group_rollouts(rollouts, kind.source)
        graded = yield from self._grade(groups, kind.deadline_seconds, kind.priority, None)
        by_row = zip(order, (result for item in graded.items for result in item.results), strict=True)
        return [result for _, result in sorted(by_row, key=lambda pair: pair[0])]

    def rewards(
        self,
        tasks: Sequence[Task],
        responses: Sequence[Reply],
        *,
        deadline_seconds: float = GRADE_SECONDS,
        priority: Priority = "normal",
        source: str = "",
    ) -> Conversation[list[float | None]]:
        """`grade_rollouts`, and of each result the reward; None where it was not graded."""
        results = yield from self.grade_rollouts(
            tasks, responses, deadline_seconds=deadline_seconds, priority=priority, source=source
        )
        return rewards_or_none(results)

    def execute(
        self,
        runs: Sequence[RunRequest | Mapping[str, Any]],
        *,
        deadline_seconds: float = EXECUTE_SECONDS,
        priority: Priority = "normal",
    ) -> Conversation[list[RunResult]]:
        """Run programs in the server's sandbox; one result per run, in order."""
        results: list[RunResult] = []
        for listed, count in cut_list(runs, self.limits.runs, self.limits.body_bytes):
            question = Question("POST", "/v1/execute", with_deadline(b'{"runs":' + listed, priority))
            answer = yield from self.ask(question, ExecuteResponse, deadline_seconds)
            self.expect(len(answer.runs) == count, question, "another number of runs")
            results += answer.runs
        return results

    def put_tasks(self, tasks: Sequence[Task]) -> Conversation[list[str]]:
        """Store tasks and give their refs, in order: `{"ref": refs[i]}` then stands for `tasks[i]` in any item."""
        refs: list[str] = []
        for listed, count in cut_list(tasks, self.limits.tasks, self.limits.body_bytes):
            question = Question("PUT", "/v1/tasks", always(b'{"tasks":' + listed + b"}"))
            answer = yield from self.ask(question, PutTasksResponse, ASK_SECONDS)
            self.expect(len(answer.refs) == count, question, "another number of refs")
            refs += answer.refs
        return refs

    def generate(
        self,
        name: str,
        *,
        count: int = 1,
        seed: int = 0,
        start: int = 0,
        difficulty: float = 0.5,
        parameters: Mapping[str, Any] | None = None,
        hide_answers: bool = False,
        deadline_seconds: float = GENERATE_SECONDS,
    ) -> Conversation[list[SampledTask]]:
        """Make `count` tasks with the generator `name`, numbers `start` on of `seed`: the same ones for the same seed.

        `difficulty` is between 0 and 1; `parameters` are the generator's own. With `hide_answers` the server keeps the
        tasks, and each `task` here is `{"ref": …}`. More than a server makes at once travels as several requests.
        """
        made: list[SampledTask] = []
        ends = self.asker.chance.clock() + deadline_seconds
        while len(made) < count:
            left = max(ends - self.asker.chance.clock(), LEAST_SECONDS)
            asked = SampleRequest(
                seed=seed,
                start=start + len(made),
                count=min(count - len(made), MAX_SAMPLE),
                difficulty=difficulty,
                parameters=dict(parameters or {}),
                hide_answers=hide_answers,
                deadline_seconds=min(left, MAX_DEADLINE_SECONDS),
            )
            body = always(asked.model_dump_json().encode())
            question = Question("POST", f"/v1/generators/{quote(name, safe='')}:sample", body)
            answer = yield from self.ask(question, SampleResponse, left)
            self.expect(len(answer.tasks) == asked.count, question, "another number of tasks")
            made += answer.tasks
        return made

    def generators(self) -> Conversation[list[GeneratorInfo]]:
        """The server's generators: name, version, summary."""
        return (yield from self.ask(Question("GET", "/v1/generators"), GeneratorList, ASK_SECONDS)).generators

    def generator(self, name: str) -> Conversation[GeneratorInfo]:
        """One generator with the JSON Schema of its parameters and its full text."""
        question = Question("GET", f"/v1/generators/{quote(name, safe='')}")
        return (yield from self.ask(question, GeneratorInfo, ASK_SECONDS))

    def verifiers(self) -> Conversation[list[VerifierInfo]]:
        """The server's verifiers: name, version, summary."""
        return (yield from self.ask(Question("GET", "/v1/verifiers"), VerifierList, ASK_SECONDS)).verifiers

    def verifier(self, name: str) -> Conversation[VerifierInfo]:
        """One verifier with the JSON Schema of its task, its full text and an example."""
        question = Question("GET", f"/v1/verifiers/{quote(name, safe='')}")
        return (yield from self.ask(question, VerifierInfo, ASK_SECONDS))

    def recipes(self) -> Conversation[list[RecipeInfo]]:
        """Published rewards that a task may ask for by name: `{"recipe": name, …}`."""
        return (yield from self.ask(Question("GET", "/v1/recipes"), RecipeList, ASK_SECONDS)).recipes

    def recipe(self, name: str) -> Conversation[RecipeInfo]:
        """One recipe with its fields, the task that it stands for, and an example."""
        question = Question("GET", f"/v1/recipes/{quote(name, safe='')}")
        return (yield from self.ask(question, RecipeInfo, ASK_SECONDS))

    def overview(self) -> Conversation[Overview]:
        """What the server tells its dashboard: the queue now, its workers, the last minutes, each source."""
        return (yield from self.ask(Question("GET", "/v1/overview"), Overview, ASK_SECONDS))

    def ready(self, wait_seconds: float = 0.0) -> Conversation[bool]:
        """Whether a server answers and has graded its canary, waiting up to `wait_seconds` until it does."""
        try:
            yield from self.asker.ask(Question("GET", "/readyz"), wait_seconds)
        except (ConnectionFailed, ServerOverloaded, DeadlineExceeded):
            return False
        return True

    def streams(
        self,
        items: Sequence[GradeItem | Mapping[str, Any]],
        *,
        deadline_seconds: float = GRADE_SECONDS,
        priority: Priority = "normal",
    ) -> Iterator[tuple[Conversation[httpx.Response], StreamReader]]:
        """For each request that `items` need: the conversation that opens its stream, and the reader of its lines."""
        groups = [encode_item(item) for item in items]
        for spans, left in self._requests(groups, deadline_seconds):
            body = with_deadline(b'{"items":' + items_json(groups, spans), priority)
            question = Question("POST", "/v1/grade", body, stream=True)
            yield self.asker.ask(question, left), StreamReader(spans)

    def _grade(
        self, groups: Sequence[Group], deadline_seconds: float, priority: Priority, key: str | None
    ) -> Conversation[GradeResponse]:
        request_ids: list[str] = []
        items: list[ItemResults] = []
        for number, (spans, left) in enumerate(self._requests(groups, deadline_seconds)):
            # A key of the caller's own must meet the same body each time: then the deadline in it stays as given.
            fixed = deadline_seconds if key else None
            body = with_deadline(b'{"items":' + items_json(groups, spans), priority, fixed)
            question = Question("POST", "/v1/grade", body, f"{key}/{number}" if key and number else key)
            answer = yield from self.ask(question, GradeResponse, left)
            counts = [len(item.results) for item in answer.items]
            self.expect(counts == [span.stop - span.first for span in spans], question, "another number of results")
            request_ids.append(answer.request_id)
            for span, item in zip(spans, answer.items, strict=True):
                if span.first:
                    items[-1] = ItemResults(id=item.id, results=items[-1].results + item.results)
                else:
                    items.append(item)
        return GradeResponse(request_id=",".join(request_ids), items=items)

    def _requests(self, groups: Sequence[Group], deadline_seconds: float) -> Iterator[tuple[list[Span], float]]:
        """Each request's share of `groups`, and what is left of the deadline when its turn comes.

        At the deadline the rest is still sent: the server says of each rollout that it was not graded.
        """
        if not groups:
            raise ValueError("nothing to grade: give at least one item")
        ends = self.asker.chance.clock() + deadline_seconds
        left = deadline_seconds
        for spans in cut(groups, self.limits.responses, self.limits.body_bytes):
            yield spans, left
            left = max(ends - self.asker.chance.clock(), LEAST_SECONDS)

    def ask(self, question: Question, kind: type[Answer], deadline_seconds: float) -> Conversation[Answer]:
        """The answer as a `kind`."""
        response = yield from self.asker.ask(question, deadline_seconds)
        try:
            return kind.model_validate_json(response.content)
        except ValidationError as error:
            reason = f"{error.errors()[0]['msg']} in {response.text[:200]!r}"
            raise UnexpectedAnswer(self.asker.servers.current, str(question), reason) from None

    def expect(self, holds: bool, question: Question, otherwise: str) -> None:
        """Raises `UnexpectedAnswer` unless it `holds`."""
        if not holds:
            raise UnexpectedAnswer(self.asker.servers.current, str(question), otherwise)
