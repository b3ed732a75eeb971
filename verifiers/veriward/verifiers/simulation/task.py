"""The task of `simulation`: one model per kind of prediction, told apart by `kind`."""

import ast
import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from veriward.verifiers.kinds import TaskOfKinds
from veriward.verifiers.registry import Task
from veriward.verifiers.simulation.literals import MAX_SOURCE_CHARS, NotLiteral, call_of, literal, parse

MAX_FRAGMENT_CHARS = 65_536
KEYS = ("output", "input")

Source = Annotated[str, Field(max_length=MAX_SOURCE_CHARS)]
Entry = Annotated[str, Field(pattern=r"^[^\W\d]\w*$", max_length=200)]


def _literal(text: str) -> str:
    try:
        literal(text)
    except NotLiteral as error:
        raise ValueError(f"is no Python literal: {error}") from None
    return text


Literally = Annotated[Source, AfterValidator(_literal)]


class OutputTask(Task):
    """What `entry(input)` gives: `input` is the source text of the arguments, `gold` that of the value (CruxEval-O)."""

    kind: Literal["output"]
    code: Source = ""
    entry: Entry = "f"
    input: Source
    gold: Literally

    @field_validator("input")
    @classmethod
    def _arguments(cls, given: str, known: ValidationInfo) -> str:
        try:
            call_of(known.data.get("entry", "f"), given)
        except NotLiteral as error:
            raise ValueError(f"is no list of arguments: {error}") from None
        return given


class InputTask(Task):
    """An input for which `entry` of `code` gives `gold_output`, the source text of a value (CruxEval-I)."""

    kind: Literal["input"]
    entry: Entry = "f"
    code: Source
    gold_output: Literally

    @field_validator("code")
    @classmethod
    def _defines_the_entry(cls, code: str, known: ValidationInfo) -> str:
        parameters_of(code, known.data.get("entry", "f"))
        return code


def _object(gold: Any) -> dict[str, Any]:
    if isinstance(gold, str):
        if len(gold) > MAX_FRAGMENT_CHARS:
            raise ValueError(f"is longer than {MAX_FRAGMENT_CHARS:,} characters")
        text = gold.strip().rstrip(",")
        try:
            gold = json.loads(text if text.startswith("{") else f"{{{text}}}")
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is no JSON object: {error}") from None
    if not isinstance(gold, dict) or not any(key in gold for key in KEYS):
        raise ValueError('is no JSON object with "output" or "input"')
    return gold


class CodeIOTask(Task):
    """`gold`: a JSON object with "output" (else "input"), or the published fragment `"output": …`."""

    kind: Literal["codeio"]
    gold: Annotated[Any, AfterValidator(_object), WithJsonSchema({"type": ["object", "string"]})]


class SimulationTask(TaskOfKinds[Annotated[OutputTask | InputTask | CodeIOTask, Field(discriminator="kind")]]):
    """A prediction of one of the kinds `output`, `input`, `codeio`."""


def parameters_of(code: str, entry: str) -> list[str]:
    """The names of the positional parameters of the function `entry`. Raises `ValueError` if `code` has none."""
    try:
        body = parse(code).body
    except NotLiteral as error:
        raise ValueError(str(error)) from None
    for node in reversed(body):
        if isinstance(node, ast.FunctionDef) and node.name == entry:
            return [parameter.arg for parameter in (*node.args.posonlyargs, *node.args.args)]
    raise ValueError(f"defines no function {entry}")
