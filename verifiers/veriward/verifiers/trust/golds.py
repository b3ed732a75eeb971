"""Makes right responses of a task's own gold answer, in the forms that models write: one of them must be paid in full.

A verifier whose responses have a form of its own says how to write one where it is declared (`golds=`). A task that
holds no answer, only what an answer must do (tests, instructions), has none: its author gives one.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from veriward.verifiers.registry import verifiers

MAX_GOLD_RESPONSES = 16
MAX_DEPTH = 4  # of tasks within tasks
THOUGHT = "<think>\nI work it out.\n</think>\n"

_FIELDS = ("gold", "answer", "gold_sql", "reference")
_INNER = ("parts", "task", "steps")
_ONE_IS_ENOUGH = ("any_of", "cascade")


def gold_responses(name: str, fields: Mapping[str, Any]) -> list[str]:
    """Responses that are right if the task's gold answer is; none where the task holds no answer."""
    return list(dict.fromkeys(islice(_responses(name, fields, 0), MAX_GOLD_RESPONSES)))


def gold_values(fields: Mapping[str, Any], depth: int = 0) -> Iterator[Any]:
    """What the task, or a task within it, holds as its answer."""
    yield from (fields[key] for key in _FIELDS if fields.get(key) not in (None, ""))
    for inner in _inner(fields) if depth < MAX_DEPTH else ():
        yield from gold_values(inner, depth + 1)


def _responses(name: str, fields: Mapping[str, Any], depth: int) -> Iterator[str]:
    known = verifiers().get(name)
    if known is not None and known.golds is not None:
        yield from known.golds(fields)
        return
    if fields.get("gold_sql") is not None:
        yield f"{THOUGHT}<answer>\n```sql\n{fields['gold_sql']}\n```\n</answer>"
    for key in _FIELDS:
        if fields.get(key) not in (None, ""):
            yield from forms(fields[key])
    told = [
        list(_responses(str(inner.get("verifier")), inner, depth + 1))
        for inner in (_inner(fields) if depth < MAX_DEPTH else ())
    ]
    if all(told) or name in _ONE_IS_ENOUGH:
        yield from chain.from_iterable(told)


def forms(gold: Any) -> Iterator[str]:
    """The answer in a box, in tags, alone, after its mark, and in a fence."""
    texts = list(gold_texts(gold))
    for text in texts:
        yield f"{THOUGHT}So the answer is \\boxed{{{text}}}."
        yield f"{THOUGHT}<answer>{text}</answer>"
    for text in texts[:2]:
        yield f"{THOUGHT}{text}"
        yield f"{THOUGHT}Answer: {text}"
        yield f"#### {text}"
        yield f"{THOUGHT}```\n{text}\n```"


def gold_texts(gold: Any) -> Iterator[str]:
    """The answer as a model may write it: a list joined, one of its alternatives, anything else as JSON."""
    if isinstance(gold, str):
        yield gold
        if "|" in gold:  # how some sets divide alternatives
            yield gold.partition("|")[0]
    elif _are_texts(gold):
        yield ", ".join(gold)
        yield from (gold[0], json.dumps(gold, ensure_ascii=False), "\n".join(gold))
    elif isinstance(gold, list) and gold and all(map(_are_texts, gold)):  # alternatives of each entry
        yield from gold_texts([each[0] for each in gold])
    else:
        yield json.dumps(gold, ensure_ascii=False)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _inner(fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for key in _INNER:
        told = fields.get(key)
        found += [each for each in (told if isinstance(told, list) else [told]) if isinstance(each, Mapping)]
    return found
