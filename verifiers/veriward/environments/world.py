"""What an environment may ask of the world, and how its answer comes: the step is played again with what is known.

    cell = self.world.python("print(6 * 7)", Interpreter(profile="sci"))
    judged = self.world.judge({"verifier": "math", "answer": "42"}, "\\boxed{42}")
    reply = self.world.ask(Request("user", (("user", "Which seat?"),)))

Each reads like a call that waits. In a server it does not: where the answer is not known yet, `Wanted` ends the step,
the world is asked outside, and the step is played anew from the state before it, with the answers in their order. So a
step must do the same again when it is given the same answers: chance comes from the episode's seed alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from veriward.verifiers.asking import Replies, Reply, Request

MAX_ASKED = 256  # of one step


@dataclass(frozen=True, slots=True)
class Interpreter:
    """How an episode's Python begins, when its first cell is run. `files` are texts by relative name."""

    profile: str = "std"
    memory_bytes: int | None = None
    cpu_seconds: float | None = None
    wall_seconds: float | None = None
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CellReply:
    """How a cell ended: `status` as of any run; `lost` says why the interpreter did not outlive it, if so."""

    status: str
    reason: str = ""
    stdout: str = ""
    stderr: str = ""
    value: str | None = None
    error: str = ""
    traceback: str = ""
    figures: tuple[str, ...] = ()
    lost: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.status == "finished"


@dataclass(frozen=True, slots=True)
class Judged:
    """A verifier's result, as `/v1/grade` gives it; always graded: what could not be graded fails the step as ours."""

    reward: float
    outcome: str
    parts: Mapping[str, float]
    reason: str
    result: Mapping[str, Any]


class World(Protocol):
    """What environments are given."""

    def python(self, code: str, interpreter: Interpreter) -> CellReply:
        """Run a cell in the episode's own interpreter."""
        ...

    def judge(self, task: Mapping[str, Any], response: str | Sequence[Mapping[str, Any]]) -> Judged: ...

    def ask(self, request: Request) -> Reply:
        """Ask a model of the server's endpoints. Raises `InvalidTask` where it has none of that name."""
        ...


class Wanted(BaseException):
    """The step needs an answer that is not known yet. No `Exception`: an environment is not to catch it."""

    def __init__(self, what: dict[str, Any]) -> None:
        super().__init__(what["kind"])
        self.what = what


class WantedReply(BaseException):
    """The step needs a model's reply that is not known yet."""

    def __init__(self, request: Request) -> None:
        super().__init__(request.endpoint)
        self.request = request


class Wavering(Exception):
    """A step asked for something else when it was played again: the environment is at fault, and is ours."""


class KnownWorld:
    """The world as a step finds it: `answers` as JSON, each `{"kind": …, "answer": {…}}`, in the order of asking."""

    def __init__(self, answers: Sequence[Mapping[str, Any]] = (), replies: Replies | None = None) -> None:
        self._answers = answers
        self._at = 0
        self._replies = replies or Replies()

    def python(self, code: str, interpreter: Interpreter) -> CellReply:
        told = self._next({"kind": "python", "code": code, "interpreter": asdict(interpreter)})
        return CellReply(**{**told, "figures": tuple(told.get("figures", ()))})

    def judge(self, task: Mapping[str, Any], response: str | Sequence[Mapping[str, Any]]) -> Judged:
        return read_judged(self._next({"kind": "judge", "task": dict(task), "response": response}))

    def ask(self, request: Request) -> Reply:
        self._replies.offered(request.endpoint)
        reply = self._replies.get(request)
        if reply is None:
            raise WantedReply(request)
        return reply

    def _next(self, what: dict[str, Any]) -> Mapping[str, Any]:
        if self._at == len(self._answers):
            if self._at >= MAX_ASKED:
                raise Wavering(f"a step asked the world more than {MAX_ASKED} times")
            raise Wanted(what)
        given = self._answers[self._at]
        self._at += 1
        if given["kind"] != what["kind"]:
            raise Wavering(f"a step asked for {what['kind']}, and for {given['kind']} when it was first played")
        answer: Mapping[str, Any] = given["answer"]
        return answer


def read_judged(result: Mapping[str, Any]) -> Judged:
    """From the JSON of a graded result."""
    return Judged(
        float(result["reward"]), result["outcome"], result.get("parts", {}), result.get("reason", ""), dict(result)
    )
