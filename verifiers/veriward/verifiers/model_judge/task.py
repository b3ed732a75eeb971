"""The task of `model_judge`: which model is asked what, and what its opinion is worth."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from veriward.verifiers.model_judge.templates import check_template
from veriward.verifiers.registry import Task
from veriward.verifiers.verdict import InvalidTask

MAX_RUBRIC_CHARS = 40_000
MAX_QUESTION_CHARS = 200_000
MAX_REFERENCE_CHARS = 200_000
MAX_CRITERIA = 64
MAX_CRITERION_CHARS = 4_000
MAX_POINTS = 1_000.0
MAX_SCALE = 1e6
MAX_FINAL_CHARS = 60

Mode = Literal["score", "checklist", "pairwise", "equivalence", "yes_no", "reward_model"]
Number = Annotated[float, Field(ge=-MAX_SCALE, le=MAX_SCALE)]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DEFAULT_SCALES = {"score": (1.0, 10.0), "yes_no": (0.0, 1.0)}


class Criterion(Task):
    """One item of a rubric. `points`: what meeting it adds; below 0, what it takes away. `tags` are not looked at."""

    criterion: Annotated[str, Field(min_length=1, max_length=MAX_CRITERION_CHARS)]
    points: Annotated[float, Field(ge=-MAX_POINTS, le=MAX_POINTS)] = 1.0
    tags: Annotated[list[str], Field(default_factory=list)]


class ModelJudgeTask(Task):
    """`model`: an endpoint of the server, by name. `mode`: what it is asked (see the verifier).

    `rubric`: what to judge by, a text, or for `checklist` a list of {`criterion`, `points`}. `question`: what the
    response answers. `reference`: the right answer; for `pairwise` the response to compare with. `scale`: [lowest,
    highest] of the score. `passing`: the score from which the outcome is `correct`. `items`: a checklist is asked
    about `together` or `each` item in a request of its own. `template`: a prompt of your own; `final`: how its last
    line begins ("Score:"), where the judge is to end with a line instead of JSON.
    """

    model: str
    mode: Mode = "score"
    rubric: (
        Annotated[str, Field(min_length=1, max_length=MAX_RUBRIC_CHARS)]
        | Annotated[list[Criterion], Field(min_length=1, max_length=MAX_CRITERIA)]
        | None
    ) = None
    question: Annotated[str, Field(max_length=MAX_QUESTION_CHARS)] | None = None
    reference: Annotated[str, Field(min_length=1, max_length=MAX_REFERENCE_CHARS)] | None = None
    scale: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = None
    passing: Number | None = None
    items: Literal["together", "each"] = "together"
    template: str | None = None
    final: Annotated[str, Field(min_length=1, max_length=MAX_FINAL_CHARS, pattern=r"^[^\s{}][^\n{}]*$")] | None = None

    @field_validator("model")
    @classmethod
    def _a_name(cls, model: str) -> str:
        if not _NAME.fullmatch(model):
            raise ValueError("names an endpoint of the server's settings, and is never an address")
        return model

    @field_validator("scale")
    @classmethod
    def _rising(cls, scale: list[float] | None) -> list[float] | None:
        if scale is not None and not scale[0] < scale[1]:
            raise ValueError("the lowest score comes first, and is less than the highest")
        return scale

    @model_validator(mode="after")
    def _what_its_mode_needs(self) -> Self:
        mode = self.mode
        if (mode == "checklist") != isinstance(self.rubric, list):
            if mode == "checklist":
                raise InvalidTask("rubric", "a checklist is a list of {criterion, points}")
            if self.rubric is not None:
                raise InvalidTask("rubric", f"is a text in the mode {mode!r}; a list is for 'checklist'")
        if mode in ("score", "checklist") and self.rubric is None:
            raise InvalidTask("rubric", f"the mode {mode!r} needs one")
        if mode == "checklist" and not any(item.points > 0 for item in self.criteria):
            raise InvalidTask("rubric", "no item has points above 0, so nothing could be earned")
        if mode in ("pairwise", "equivalence") and self.reference is None:
            raise InvalidTask("reference", f"the mode {mode!r} needs one")
        if mode == "reward_model" and (self.question is None or self.scale is None):
            missing = "question" if self.question is None else "scale"
            raise InvalidTask(missing, "a reward model needs the question, and the range of its scores as `scale`")
        self._and_no_more()
        return self

    def _and_no_more(self) -> None:
        mode = self.mode
        if self.scale is not None and mode not in ("score", "reward_model"):
            raise InvalidTask("scale", f"the mode {mode!r} has none")
        if self.passing is not None:
            if mode not in ("score", "reward_model", "yes_no", "checklist"):
                raise InvalidTask("passing", f"the mode {mode!r} has no score")
            low, high = self.range
            if not low < self.passing <= high:
                raise InvalidTask("passing", f"must be above {low:g}, and at most {high:g}")
        if mode == "reward_model" and (self.rubric is not None or self.reference is not None):
            raise InvalidTask("rubric" if self.rubric is not None else "reference", "a reward model is shown none")
        if self.final is not None and mode in ("checklist", "yes_no", "reward_model"):
            raise InvalidTask("final", f"the mode {mode!r} has a form of its own")
        if self.template is not None:
            if mode == "reward_model":
                raise InvalidTask("template", "a reward model is shown the question and the response as they are")
            check_template(self.template, mode)

    @property
    def criteria(self) -> list[Criterion]:
        return self.rubric if isinstance(self.rubric, list) else []

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest score; of a checklist, the reward's."""
        if self.scale is not None:
            return self.scale[0], self.scale[1]
        return _DEFAULT_SCALES.get(self.mode, (0.0, 1.0))
