"""What all games share: a task that is read from own fields or from a published row, and the way to a verdict."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import AliasPath, ConfigDict, Field, model_validator

from veriward.verifiers.logic.reading import Unread
from veriward.verifiers.registry import Golds, Task
from veriward.verifiers.trust.golds import THOUGHT, forms
from veriward.verifiers.verdict import InvalidTask, Verdict, correct, unparsed, wrong

MAX_METADATA_CHARS = 200_000

Answer = TypeVar("Answer")


class GameTask(Task):
    """A game's own fields; or, of a published row, `answer` and `metadata`, in which `published` says what lies where.

    `metadata` is an object, JSON of one, or null. What no field asks for in it is ignored.
    """

    model_config = ConfigDict(populate_by_name=True)

    answer: Any = Field(default=None, description="A published row's answer; the rules decide where they can.")

    @classmethod
    def of_row(cls, answer: Any, metadata: dict[str, Any]) -> dict[str, Any]:
        """Own fields that have to be worked out of a published row. Raises `InvalidTask` naming `metadata.…`."""
        return {}

    @model_validator(mode="before")
    @classmethod
    def _metadata(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or "metadata" not in fields:
            return fields
        metadata = _read(fields["metadata"])
        fields = {**cls.of_row(fields.get("answer"), metadata), **fields}
        for name, field in cls.model_fields.items():
            path = field.validation_alias
            if isinstance(path, AliasPath) and field.is_required() and name not in fields:
                place = str(path.path[-1])
                if place not in metadata:
                    raise InvalidTask(f"metadata.{place}", "is missing")
        rest = {name: value for name, value in fields.items() if name != "metadata"}
        used = any(isinstance(field.validation_alias, AliasPath) for field in cls.model_fields.values())
        return {**rest, "metadata": metadata} if used else rest


def published(name: str, **field: Any) -> Any:
    """A field that a published row keeps in `metadata` under `name`; takes what `pydantic.Field` takes."""
    return Field(validation_alias=AliasPath("metadata", name), **field)


def stored(*names: str) -> Golds:
    """For `golds=`: what a published row keeps in `metadata` under these names, each in a fence; then its `answer`."""

    def golds(fields: Mapping[str, Any]) -> Iterator[str]:
        try:
            metadata = _read(fields.get("metadata"))
        except InvalidTask:
            metadata = {}
        for name in names:
            if metadata.get(name):
                told = metadata[name]
                text = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
                yield f"{THOUGHT}```\n{text}\n```"
        if fields.get("answer") not in (None, ""):
            yield from forms(fields["answer"])

    return golds


def judged(read: Callable[[], Answer], fault: Callable[[Answer], str | None]) -> Verdict:
    """The verdict of a game: `read` gives the answer or raises `Unread`, `fault` names the first broken rule, if any.

    Equal answers should read alike: what is shown as `extracted` is JSON of a list or mapping, else `str` of it.
    """
    try:
        answer = read()
    except Unread as unread:
        return unparsed(str(unread), unread.shown)
    shown = json.dumps(answer, separators=(",", ":")) if isinstance(answer, list | dict) else str(answer)
    reason = fault(answer)
    return correct(shown) if reason is None else wrong(shown, reason)


def _read(metadata: Any) -> dict[str, Any]:
    if metadata is None:
        return {}
    if isinstance(metadata, str):
        if len(metadata) > MAX_METADATA_CHARS:
            raise InvalidTask("metadata", f"is longer than {MAX_METADATA_CHARS:,} characters")
        try:
            metadata = json.loads(metadata)
        except (ValueError, RecursionError):
            raise InvalidTask("metadata", "is not JSON") from None
    if not isinstance(metadata, dict):
        raise InvalidTask("metadata", "is no object")
    return metadata
