"""Tasks within a task: how a verifier holds, checks and asks others.

    class PairTask(Task):
        both: InnerTasks          # a list of {"verifier": name, …fields}
        first: InnerTask          # or one

A fault in an inner task is the outer task's, under its whole path (`parts[1].answer`). How deep they nest and how many
there are is bounded over the whole task.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BaseModel, PlainValidator, ValidationInfo, WithJsonSchema

from veriward.sandbox.errors import ExecutionRefused
from veriward.sandbox.execution import Sandbox
from veriward.verifiers.asking import Replies
from veriward.verifiers.judging import Response, judge, parse_task
from veriward.verifiers.recipes import made_of
from veriward.verifiers.registry import Verifier, verifiers
from veriward.verifiers.verdict import InvalidTask, Verdict

MAX_DEPTH = 4
MAX_INNER_TASKS = 64  # in the whole task, at all depths
MAX_NAME_CHARS = 100  # of a name that is repeated in a reason

# What the inner verifiers of most compositions need imported; others import theirs when first asked.
PRELOAD = ("mpmath", "sqlglot.dialects.duckdb", "sqlglot.dialects.postgres", "sqlglot.dialects.sqlite")


@dataclass(frozen=True, slots=True)
class Inner:
    """A task that was read, and where it stands in the outer one."""

    verifier: Verifier
    task: BaseModel
    place: str

    def judge(self, response: Response, sandbox: Sandbox, replies: Replies | None = None) -> Verdict:
        """The inner verifier's verdict. Raises `InvalidTask` with its path from the outer task, and `Unanswered`."""
        known = (replies or Replies()).at(self.place)
        if known.kept is not None:
            return known.kept
        try:
            verdict = judge(self.verifier, self.task, response, sandbox, known)
        except InvalidTask as refused:
            raise refused.within(self.place) from None
        except ExecutionRefused as refused:
            raise InvalidTask(f"{self.place}.{refused.field}", refused.message) from None
        if self.verifier.runs_programs and not self.verifier.asks:
            known.keep(verdict)
        return verdict


@dataclass(slots=True)
class _Nest:
    """Where in a task its reader is: below how many others, and how many inner tasks it has met in all."""

    depth: int
    met: list[str]


def _one(value: Any, info: ValidationInfo) -> Inner:
    return _read(value, info.field_name or "task", info.context or _Nest(0, []))


def _several(value: Any, info: ValidationInfo) -> tuple[Inner, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list of at least one task")
    nest = info.context or _Nest(0, [])
    return tuple(_read(fields, f"{info.field_name}[{at}]", nest) for at, fields in enumerate(value))


def _read(value: Any, place: str, outer: _Nest) -> Inner:
    nest = _Nest(outer.depth + 1, outer.met)
    if nest.depth > MAX_DEPTH:
        raise InvalidTask(place, f"tasks within tasks are deeper than {MAX_DEPTH}")
    nest.met.append(place)
    if len(nest.met) > MAX_INNER_TASKS:
        raise InvalidTask(place, f"there are more than {MAX_INNER_TASKS} tasks in this one")
    if not isinstance(value, Mapping):
        raise InvalidTask(place, 'a task is an object: {"verifier": name, …}')
    fields = dict(value)
    name = fields.pop("verifier", None)
    if "recipe" in fields and name is None:
        try:
            name = made_of(fields).verifier
        except InvalidTask as refused:
            raise refused.within(place) from None
    found = verifiers().get(name) if isinstance(name, str) else None
    if found is None:
        raise InvalidTask(f"{place}.verifier", _unknown(name))
    try:
        return Inner(found, parse_task(found, fields, nest), place)
    except InvalidTask as refused:
        raise refused.within(place) from None


def _unknown(name: Any) -> str:
    if not isinstance(name, str):
        return "must name a verifier"
    close = get_close_matches(name[:MAX_NAME_CHARS], verifiers(), n=1)
    return f"{name[:MAX_NAME_CHARS]!r} is no verifier" + (f"; did you mean {close[0]!r}?" if close else "")


_SCHEMA = {"type": "object", "properties": {"verifier": {"type": "string"}}, "required": ["verifier"]}
_LIST_SCHEMA = {"type": "array", "items": _SCHEMA, "minItems": 1, "maxItems": MAX_INNER_TASKS}

InnerTask = Annotated[Inner, PlainValidator(_one), WithJsonSchema(_SCHEMA)]
InnerTasks = Annotated[tuple[Inner, ...], PlainValidator(_several), WithJsonSchema(_LIST_SCHEMA)]
