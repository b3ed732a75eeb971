"""Takes `preset` and `shaping` off a task, and reads them; a verifier that declares such a field keeps its own."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from veriward.verifiers.shaping.cosine_length import CosineLengthTerm
from veriward.verifiers.shaping.format import FormatTerm
from veriward.verifiers.shaping.language import LanguageTerm
from veriward.verifiers.shaping.length_budget import LengthBudgetTerm
from veriward.verifiers.shaping.overlong import OverlongTerm
from veriward.verifiers.shaping.presets import PRESETS
from veriward.verifiers.shaping.repetition import RepetitionTerm
from veriward.verifiers.shaping.tags import TagsTerm
from veriward.verifiers.shaping.term import Term
from veriward.verifiers.shaping.think_mode import ThinkModeTerm
from veriward.verifiers.shaping.tool_use import ToolUseTerm
from veriward.verifiers.validation import validated
from veriward.verifiers.verdict import InvalidTask

MAX_TERMS = 16
FIELDS = ("preset", "shaping")
KINDS: dict[str, type[Term]] = {
    "cosine_length": CosineLengthTerm,
    "format": FormatTerm,
    "language": LanguageTerm,
    "length_budget": LengthBudgetTerm,
    "overlong": OverlongTerm,
    "repetition": RepetitionTerm,
    "tags": TagsTerm,
    "think_mode": ThinkModeTerm,
    "tool_use": ToolUseTerm,
}


class ShapedTask(BaseModel):
    """A verifier's task and the terms that shape what it pays."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    task: Any
    terms: tuple[Any, ...]


def with_shaping(model: type[BaseModel], fields: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[Term, ...]]:
    """The fields that are the verifier's, and the terms of those that are not. Raises `InvalidTask`."""
    taken = {name: fields[name] for name in FIELDS if name in fields and name not in model.model_fields}
    if not taken:
        return fields, ()
    own = {name: value for name, value in fields.items() if name not in taken}
    return own, read_terms(taken.get("preset"), taken.get("shaping", []))


def read_terms(preset: Any, shaping: Any) -> tuple[Term, ...]:
    """The preset's terms, then the others. Raises `InvalidTask`."""
    if preset is not None and (not isinstance(preset, str) or preset not in PRESETS):
        raise InvalidTask("preset", f"is none of {', '.join(PRESETS)}")
    if not isinstance(shaping, list):
        raise InvalidTask("shaping", "must be a list of terms")
    if len(shaping) > MAX_TERMS:
        raise InvalidTask("shaping", f"{len(shaping):,} terms are more than {MAX_TERMS}")
    published = [] if preset is None else PRESETS[preset]
    return (*(_read(fields) for fields in published), *(_placed(at, fields) for at, fields in enumerate(shaping)))


def shaping_schema() -> dict[str, Any]:
    """JSON Schema of the fields that any task may carry, by name."""
    kind = {"type": "string", "enum": list(KINDS)}
    term = {"type": "object", "properties": {"kind": kind}, "required": ["kind"]}
    return {
        "preset": {"type": "string", "enum": list(PRESETS)},
        "shaping": {"type": "array", "items": term, "maxItems": MAX_TERMS},
    }


def wants_messages(fields: Mapping[str, Any]) -> bool:
    """Whether a term of the task looks at the messages, not at the text alone. Raises nothing: the grader reads it."""
    shaping = fields.get("shaping")
    kinds = [term.get("kind") for term in shaping if isinstance(term, Mapping)] if isinstance(shaping, list) else []
    preset = fields.get("preset")
    kinds += [term["kind"] for term in PRESETS.get(preset, ())] if isinstance(preset, str) else []
    return "tool_use" in kinds


def _placed(at: int, fields: Any) -> Term:
    try:
        return _read(fields)
    except InvalidTask as refused:
        raise refused.within(f"shaping[{at}]") from None


def _read(fields: Any) -> Term:
    if not isinstance(fields, Mapping):
        raise InvalidTask("task", 'a term is an object: {"kind": …}')
    kind = fields.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise InvalidTask("kind", f"is none of {', '.join(KINDS)}")
    term = validated(KINDS[kind], fields)
    if term.regardless and (term.penalises or term.how != "add"):
        raise InvalidTask("regardless", "is for a bonus that is added")
    return term
