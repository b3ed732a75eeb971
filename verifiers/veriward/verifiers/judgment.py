"""The verifier `judgment`: a judge's verdict on another answer, as right or wrong, as a preference, or as a score."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.choice.payload import letter_in
from veriward.verifiers.classes import clash, json_value, key_of, one_class
from veriward.verifiers.final import NoAnswer, final_answer, head_of
from veriward.verifiers.quantities import quantity_in_prose, read
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict, correct, unparsed, wrong

MAX_CLASSES = 36
MAX_CLASS_CHARS = 100
PAIR = "AB"
TIE = "tie"

_VERDICTS = {
    "correct": (
        "correct", "right", "true", "yes", "valid", "sound", "accept", "accepted", "pass", "passed", "not incorrect",
    ),
    "incorrect": (
        "incorrect", "wrong", "false", "no", "invalid", "unsound", "flawed", "reject", "rejected", "fail", "failed",
        "not correct", "not right", "not true", "not valid", "not sound",
    ),
}  # fmt: skip
_VERDICT_NAMES = tuple((name, verdict) for verdict, names in _VERDICTS.items() for name in names)
_VERDICT_KEYS = {key_of(name): verdict for name, verdict in _VERDICT_NAMES}
_BRACKETS = re.compile(r"\[\[([^\[\]]{1,100})\]\]")
_CANDIDATE = re.compile(
    r"\b(?:the\s+)?(?:response|assistant|model|answer|option|output|candidate|summary|completion)\s+(?=[(\[*]*\w\b)",
    re.IGNORECASE,
)
_LEAD = re.compile(r"^[^:]{1,60}?(?:\bis\b|:)\s*")
_COMPARED = re.compile(
    r"(?:I\s+(?:\w+\s+)?prefer\s+)?([A-Z1-9])\s*(?:(>{1,3}|<{1,3}|=|≈|~)=?|over"
    r"|is\s+(?:\w+\s+)?(?:better|preferred|preferable|superior|stronger)\s+(?:than|to))\s*([A-Z1-9])"
)
_TIES = frozenset(("tie", "a tie", "it is a tie", "draw", "equal", "equally good", "both equal", "same", "neither"))
_OUT_OF = re.compile(r"\s*(?:/|out\s+of|of)\s*(?:[5-9]|10|100)\s*\.?$", re.IGNORECASE)


ClassName = Annotated[str, Field(min_length=1, max_length=MAX_CLASS_CHARS)]


def _judged(gold: Any) -> Any:
    if isinstance(gold, bool):
        return "correct" if gold else "incorrect"
    if isinstance(gold, int | float):
        return float(gold)
    if not isinstance(gold, str):
        raise ValueError("is neither a truth value, nor a number, nor a text")
    return gold


class JudgmentTask(Task):
    """`gold`: true or false (or a word for it: the judged answer is right or wrong); "A", "B" or "tie"; or a score.

    With `classes`, one of these. `tolerance`: how far a score may be off.
    """

    classes: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=MAX_CLASS_CHARS)]],
            Field(min_length=2, max_length=MAX_CLASSES),
        ]
        | None
    ) = None
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    gold: Annotated[Any, AfterValidator(_judged), WithJsonSchema({"type": ["boolean", "number", "string"]})]

    @field_validator("classes")
    @classmethod
    def _apart(cls, classes: list[str] | None) -> list[str] | None:
        clashing = clash(classes or ())
        if clashing is not None:
            raise ValueError(f"{clashing[:40]!r} is compared as another one is, or as nothing")
        return classes

    @field_validator("gold")
    @classmethod
    def _judgeable(cls, gold: str | float, known: ValidationInfo) -> str | float:
        classes: list[str] | None = known.data.get("classes")
        if isinstance(gold, float):
            return gold
        if classes is not None:
            same = [name for name in classes if key_of(name) == key_of(gold)]
            if not same:
                raise ValueError(f"{gold[:40]!r} is none of the classes")
            return same[0]
        if gold in PAIR or key_of(gold) in _TIES:
            return gold if gold in PAIR and gold else TIE
        if key_of(gold) not in _VERDICT_KEYS:
            raise ValueError(f"{gold[:40]!r} is no verdict, preference or score; give `classes` for words of your own")
        return _VERDICT_KEYS[key_of(gold)]

    @property
    def letters(self) -> str:
        """The candidates of a preference, empty where the gold verdict is none."""
        if self.classes is None:
            return PAIR if self.gold in (*PAIR, TIE) else ""
        named = [name for name in self.classes if key_of(name) not in _TIES]
        return "".join(named) if all(len(name) == 1 and name.isupper() for name in named) else ""


@verifier("judgment", version=1, task=JudgmentTask)
def judgment(response: str, task: JudgmentTask, sandbox: Sandbox, /) -> Verdict:
    """Take the judge's verdict from `[[…]]`, else from the final answer, and compare it with the gold verdict.

    Right or wrong (xVerify, arXiv:2504.10481; Critique-Coder): "Correct", "no", "not valid". A preference (MT-Bench,
    arXiv:2306.05685): "[[A]]", "Response B", "A > B", "B is better than A", "tie" or MT-Bench's "[[C]]", or two scores
    "8 6", of which the higher wins. A score: "[[7]]", "7/10", "7 out of 10", right within `tolerance`.

    A verdict for both sides, a denied one, a range of scores or none is no answer.
    """
    try:
        answer = _told(response)
    except NoAnswer as none:
        return unparsed(str(none))
    if isinstance(task.gold, float):
        return _score(answer, task)
    if task.letters:
        named = _preference(answer, task)
    else:
        names = _VERDICT_NAMES if task.classes is None else tuple((name, name) for name in task.classes)
        named = one_class(answer, names)
    if named is None:
        return unparsed("the answer commits to no single verdict", answer)
    return correct(named) if named == task.gold else wrong(named)


def _told(response: str) -> str:
    answer = final_answer(response)
    brackets = _BRACKETS.findall(answer)
    return str(brackets[-1]) if len(set(brackets)) == 1 else json_value(answer)


def _score(answer: str, task: JudgmentTask) -> Verdict:
    told = quantity_in_prose(_OUT_OF.sub("", answer)) or quantity_in_prose(_OUT_OF.sub("", head_of(answer) or ""))
    if told is None:
        return unparsed("the answer is not one score", answer)
    error = abs(told.value - read(repr(task.gold)).value)  # type: ignore[union-attr]
    return (correct if error <= task.tolerance else wrong)(answer)


def _preference(answer: str, task: JudgmentTask) -> str | None:
    ties = {TIE} if task.classes is None else {name for name in task.classes if key_of(name) in _TIES}
    letters = task.letters
    if ties and (key_of(answer) in _TIES or (letters == PAIR and answer.strip() == "C")):
        return min(ties)
    bare = _CANDIDATE.sub("", answer).strip()
    compared = _COMPARED.fullmatch(bare.rstrip(" ."))
    if compared is not None:
        first, sign, second = compared.groups()
        if not {first, second} <= set(letters):
            return None
        return (min(ties) if ties else None) if sign in ("=", "≈", "~") else second if "<" in (sign or "") else first
    scores = [read(part) for part in re.split(r"\s*[,;]\s*|\s+", bare)]
    if letters == PAIR and len(scores) == 2 and scores[0] is not None and scores[1] is not None:
        difference = scores[0].value - scores[1].value
        return (min(ties) if ties else None) if not difference else "A" if difference > 0 else "B"
    return letter_in(bare, letters, {}) or letter_in(_LEAD.sub("", bare), letters, {})
