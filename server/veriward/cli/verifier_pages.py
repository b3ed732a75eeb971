"""Writes the reference of all verifiers as Markdown, from the registry and from their own cases."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from veriward.verifiers import Verifier
from veriward.verifiers.conformance import KINDS, BadCases, Case, cases

MAX_EXAMPLE_CHARS = 1_500
MAX_SENTENCES = 40  # of one kind
_SAID = {
    "accept": "Accepts",
    "reject": "Finds wrong",
    "unparsed": "Finds no answer in",
    "invalid_task": "Refuses as a task",
    "attack": "Is not fooled by",
}
HEAD = """# The verifiers

Made by `scripts/verifier-docs` from the verifiers themselves: what each says of itself, the fields of its task, an
example of its own, and the sentences of its cases, which `veriward check` and the tests run. A task is
`{"verifier": name, …fields}`; any may carry [shaping](shaping.md). How an answer is found in a response, for all of
them, stands in [grading](grading.md).
"""


def pages(verifiers: Iterable[Verifier]) -> str:
    """The whole page. Raises `BadCases` where a verifier has none."""
    listed = list(verifiers)
    told = {one.name: list(cases(one)) for one in listed}
    rows = [
        f"| [`{one.name}`](#{_anchor(one.name)}) | {one.version} | {one.summary} | {len(told[one.name])} |"
        for one in listed
    ]
    total = sum(map(len, told.values()))
    pieces = [
        HEAD,
        "| name | version | what it says | cases |\n|---|---|---|---|\n" + "\n".join(rows),
        f"{len(listed)} verifiers, {total:,} cases.",
        *(_page(one, told[one.name]) for one in listed),
    ]
    return "\n\n".join(piece.strip("\n") for piece in pieces) + "\n"


def _page(verifier: Verifier, told: list[Case]) -> str:
    pieces = [f"## {verifier.name}", f"Version {verifier.version}. {_how(verifier)}", verifier.description]
    fields = list(fields_of(verifier.task.model_json_schema()))
    if fields:
        pieces.append("| field | is | default |\n|---|---|---|\n" + "\n".join(fields))
    example = next((case for case in told if case.kind == "accept"), None)
    if example is None:
        raise BadCases(f"{verifier.name}: no case is of kind 'accept'")
    shown = json.dumps({"verifier": verifier.name, **example.fields}, indent=1, ensure_ascii=False)
    if len(shown) <= MAX_EXAMPLE_CHARS:
        pieces.append(f"```json\n{shown}\n```")
    for kind in KINDS:
        sentences = [case.sentence for case in told if case.kind == kind]
        more = f"; and {len(sentences) - MAX_SENTENCES} more" if len(sentences) > MAX_SENTENCES else ""
        if sentences:
            pieces.append(
                f"**{_SAID[kind]}** ({len(sentences)}): {'; '.join(map(_plain, sentences[:MAX_SENTENCES]))}{more}."
            )
    return "\n\n".join(pieces)


def _how(verifier: Verifier) -> str:
    told = ["Runs programs in the sandbox." if verifier.runs_programs else "Runs nothing."]
    if verifier.asks:
        told.append("May ask models.")
    if verifier.messages:
        told.append("Sees all messages of a chat.")
    return " ".join(told)


def fields_of(schema: Mapping[str, Any]) -> Iterator[str]:
    """A row per field; of a task of several kinds, a row per field and kind."""
    defs = schema.get("$defs", {})
    options = schema.get("oneOf") or schema.get("anyOf") or [schema]
    for option in options:
        kind = _resolved(option, defs)
        constant = kind.get("properties", {}).get("kind", {}).get("const")
        needed = kind.get("required", ())
        for name, field in kind.get("properties", {}).items():
            if name == "kind" and constant is not None and len(options) > 1:
                continue
            place = f"`{name}`" + (f" ({constant})" if constant is not None and len(options) > 1 else "")
            default = "needed" if name in needed else f"`{json.dumps(field['default'])}`" if "default" in field else ""
            yield f"| {place} | {_type(field, defs)} | {default} |"


def _resolved(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref", "")
    found: Mapping[str, Any] = defs.get(reference.rpartition("/")[2], schema) if reference else schema
    return found


def _type(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    schema = _resolved(schema, defs)
    if "enum" in schema:
        return " · ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(_type(one, defs) for one in options if one.get("type") != "null"))
    kind = schema.get("type")
    if kind == "array":
        inner = schema.get("items") or (schema.get("prefixItems") or [{}])[0]
        return f"list of {_type(inner, defs)}"
    if kind == "object" and "properties" in schema:
        return "{" + ", ".join(f"`{name}`" for name in schema["properties"]) + "}"
    return str(kind) if isinstance(kind, str) else "any JSON"


def _anchor(name: str) -> str:
    return "".join(sign for sign in name.lower() if sign.isalnum() or sign in "-_")


def _plain(sentence: str) -> str:
    """A sentence in a paragraph: its marks are no Markdown."""
    for sign in "\\`*_<>[]|$":
        sentence = sentence.replace(sign, f"\\{sign}")
    return " ".join(sentence.split())
