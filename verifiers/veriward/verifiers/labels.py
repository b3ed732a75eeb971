"""The verifier `labels`: classification, into one class or a set of them."""

import re
from dataclasses import replace
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.classes import Names, clash, classes_in, json_value, key_of, one_class
from veriward.verifiers.final import NoAnswer, final_answer, head_of
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict, correct, unparsed, wrong

MAX_CLASSES = 1_000
MAX_CLASS_CHARS = 200

_SEPARATORS = re.compile(r"\s*(?:[,;|\n、，；]|\band\b|&)\s*(?:[-*•]\s+)?", re.IGNORECASE)
_LEAD = re.compile(r"""[{"'\w\s]{1,60}?(?:\bis\b|\bare\b|["']?\s*[:=：])\s*""", re.IGNORECASE)
_NOTHING = frozenset(("", "none", "no label", "no labels", "no class", "none of them", "none of the above", "empty"))


def _text(label: object) -> object:
    return str(label) if isinstance(label, int) and not isinstance(label, bool) else label


Label = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=MAX_CLASS_CHARS)]


class LabelsTask(Task):
    """`classes`: all that may be answered. Whole numbers may stand for their digits.

    `gold`: the right one; a list holds alternatives, or, with `multi`, the labels that all apply (none: an empty list).
    """

    classes: Annotated[list[Label], Field(min_length=1, max_length=MAX_CLASSES)] | None = None
    multi: bool = False
    gold: Annotated[
        list[Label],
        BeforeValidator(lambda gold: gold if isinstance(gold, list) else [gold]),
        Field(max_length=MAX_CLASSES),
    ]

    @field_validator("classes", "gold")
    @classmethod
    def _apart(cls, labels: list[str] | None) -> list[str] | None:
        clashing = clash(labels or ())
        if clashing is not None:
            raise ValueError(f"{clashing[:40]!r} is compared as another one is, or as nothing")
        return labels

    @field_validator("gold")
    @classmethod
    def _answerable(cls, gold: list[str], known: ValidationInfo) -> list[str]:
        if not gold and not known.data.get("multi"):
            raise ValueError("is empty, so no response could ever match it")
        classes = known.data.get("classes")
        strange = set(map(key_of, gold)).difference(map(key_of, gold if classes is None else classes))
        if strange:
            raise ValueError(f"{min(strange)[:40]!r} is none of the classes")
        return gold


@verifier("labels", version=1, task=LabelsTask)
def labels(response: str, task: LabelsTask, sandbox: Sandbox, /) -> Verdict:
    """Take the class that the final answer names; with `multi`, all of them, which must be exactly the gold ones.

    With `classes`, an answer may be a sentence or JSON, and commits to a class when it names one alone, denied ones
    apart: "spam, not ham" does, "not spam" and "spam or ham" don't. Without them the answer must be the gold label
    itself, "Label: " before it apart. Case, separators and punctuation don't count, and a name is only ever whole
    words. What explains a committed answer ("because …") may name others.

    1 or 0: naming every class earns nothing. Metrics with `multi`: `precision`, `recall` and `f1` of the set.
    """
    try:
        answer = final_answer(response)
    except NoAnswer as none:
        return unparsed(str(none))
    if task.multi:
        return _set(answer, task)
    names = _names(task.classes)
    named = one_class(answer, names) if names else _open_label(answer, task.gold)
    if named is None:
        return unparsed("the answer commits to no single class", answer)
    return correct(named) if key_of(named) in map(key_of, task.gold) else wrong(named)


def _names(classes: list[str] | None) -> Names:
    return tuple((name, name) for name in classes or ())


def _open_label(answer: str, gold: list[str]) -> str | None:
    """The label where no classes are known: the reading of the answer that is a gold one, else all of it."""
    answer = json_value(answer)
    keys = set(map(key_of, gold))
    for text in (answer, _LEAD.sub("", answer, count=1), head_of(answer)):
        if text and key_of(text) in keys:
            return text
    return answer if key_of(answer) else None


def _set(answer: str, task: LabelsTask) -> Verdict:
    told = _told_set(answer, task.classes)
    if told is None:
        return unparsed("the answer names no class", answer)
    gold = set(map(key_of, task.gold))
    shared = len(gold & told)
    precision = shared / len(told) if told else float(not gold)
    recall = shared / len(gold) if gold else float(not told)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    verdict = (correct if told == gold else wrong)(", ".join(sorted(told)))
    return replace(verdict, metrics={"precision": precision, "recall": recall, "f1": f1})


def _told_set(answer: str, classes: list[str] | None) -> set[str] | None:
    answer = json_value(answer)
    if key_of(answer) in _NOTHING:
        return set()
    if classes is not None:
        named = classes_in(answer, _names(classes))
        return set(map(key_of, named)) if named else None
    told = {key_of(label) for label in _SEPARATORS.split(_LEAD.sub("", answer, count=1))}
    return told - {""}
