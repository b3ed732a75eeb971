"""The verifier `claim`: whether evidence supports a claim, refutes it, or does neither."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.classes import Names, clash, key_of, one_class
from veriward.verifiers.final import NoAnswer, final_answer
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict, correct, unparsed, wrong

MAX_CLASSES = 20
MAX_CLASS_CHARS = 100

# How data sets name the three verdicts: FEVER, FEVEROUS, TabFact, SciFact, AVeriTeC, and plain words.
MEANINGS = {
    "supported": (
        "supported", "supports", "support", "entailed", "entailment", "entails", "true", "correct", "yes", "verified",
    ),
    "refuted": (
        "refuted", "refutes", "refute", "contradicted", "contradicts", "contradict", "contradiction", "false",
        "incorrect", "no", "untrue", "not true", "not correct", "not entailed",
    ),
    "not enough information": (
        "not enough information", "not enough info", "not enough evidence", "insufficient information",
        "insufficient evidence", "nei", "neutral", "unverifiable", "cannot be verified", "cannot be determined",
        "unknown", "undetermined",
    ),
}  # fmt: skip
_MEANING_OF = {key_of(name): meaning for meaning, names in MEANINGS.items() for name in names}

ClassName = Annotated[str, Field(min_length=1, max_length=MAX_CLASS_CHARS)]


def _worded(gold: Any) -> Any:
    return ("refuted", "supported")[gold] if isinstance(gold, bool) else gold


class ClaimTask(Task):
    """`gold`: one of `classes`, or another word for one; true and false mean supported and refuted.

    `classes`: the verdicts that may be given, by default supported, refuted and not enough information.
    """

    classes: Annotated[list[ClassName], Field(min_length=2, max_length=MAX_CLASSES)] = list(MEANINGS)  # noqa: RUF012
    gold: Annotated[ClassName, BeforeValidator(_worded)]

    @field_validator("classes")
    @classmethod
    def _apart(cls, classes: list[str]) -> list[str]:
        clashing = clash(classes)
        if clashing is not None:
            raise ValueError(f"{clashing[:40]!r} is compared as another one is, or as nothing")
        return classes

    @field_validator("gold")
    @classmethod
    def _among_classes(cls, gold: str, known: ValidationInfo) -> str:
        classes = known.data.get("classes", [])
        meant = _by_key(tuple(classes)).get(key_of(gold))
        if classes and meant not in classes:
            raise ValueError(f"{gold[:40]!r} is none of {', '.join(classes)}")
        return meant or gold


@verifier("claim", version=1, task=ClaimTask)
def claim(response: str, task: ClaimTask, sandbox: Sandbox, /) -> Verdict:
    """Take the verdict that the final answer names, in the data set's words or plain ones.

    "Supports", "entailed", "true" and "yes" are one verdict, "refutes", "false" and "not true" another, "not enough
    info" and "cannot be determined" a third; a class of `classes` that is none of these is known by its own name. An
    answer that names two verdicts ("SUPPORTS or REFUTES"), or denies one in words that fit several ("not supported"),
    is no answer: TabFact's published scoring, which looks for "supports" anywhere, pays for both.
    """
    try:
        answer = final_answer(response)
    except NoAnswer as none:
        return unparsed(str(none))
    named = one_class(answer, _names(tuple(task.classes)))
    if named is None:
        return unparsed("the answer commits to no single verdict", answer)
    return correct(named) if named == task.gold else wrong(named)


@lru_cache(maxsize=64)
def _names(classes: tuple[str, ...]) -> Names:
    """What may be said for each class: its own name, and the words of its meaning where it alone has that meaning.

    A meaning that no class has is known too, so that it is wrong and not unparsed.
    """
    own = {key_of(name): name for name in classes}
    meant: dict[str, list[str]] = {meaning: [] for meaning in MEANINGS}
    for key, name in own.items():
        if key in _MEANING_OF:
            meant[_MEANING_OF[key]].append(name)
    others = {
        word: (meant[meaning] or [meaning])[0]
        for meaning, words in MEANINGS.items()
        if len(meant[meaning]) < 2
        for word in words
    }
    return tuple({**others, **{name: name for name in classes}}.items())


@lru_cache(maxsize=64)
def _by_key(classes: tuple[str, ...]) -> Mapping[str, str]:
    return {key_of(name): meant for name, meant in _names(classes)}
