"""Puts a prompt together: the rules, the task's texts, what is judged within the fence, the form of the verdict."""

from dataclasses import dataclass
from typing import Self

from veriward.verifiers.asking import Role
from veriward.verifiers.model_judge.shown import MAX_SHOWN_CHARS, code_for, fenced, shown
from veriward.verifiers.model_judge.task import MAX_QUESTION_CHARS, ModelJudgeTask
from veriward.verifiers.model_judge.templates import PROMPTS, filled

_LABELS = {"response": "RESPONSE", "first": "RESPONSE 1", "second": "RESPONSE 2"}
_DEFAULT_RUBRICS = {"yes_no": "Is the response correct?"}
_VERDICTS = {
    "score": "the score, a number from {scale},",
    "pairwise": "first, second or tie",
    "equivalence": "Yes or No",
}


@dataclass(frozen=True, slots=True)
class Fence:
    """What is judged, by placeholder, and the code of its fence: a digest of all that the prompt is made of."""

    code: str
    texts: dict[str, str]

    @classmethod
    def of(cls, task: ModelJudgeTask, items: str = "", **texts: str) -> Self:
        about = (task.question or "", task.reference or "", str(task.rubric), items, task.template or "")
        return cls(code_for(task.mode, *about, *texts.values()), texts)


def judge_messages(task: ModelJudgeTask, fence: Fence, **values: str) -> tuple[tuple[Role, str], ...]:
    low, high = task.range
    scale = f"{low:g} (worst) to {high:g} (best)"
    told = {
        "rubric": task.rubric if isinstance(task.rubric, str) else _DEFAULT_RUBRICS.get(task.mode, ""),
        "question": _fenced("QUESTION", task.question, fence, MAX_QUESTION_CHARS),
        "reference": "" if "second" in fence.texts else _fenced("REFERENCE ANSWER", task.reference, fence),
        "scale": scale,
        "items": "",
        **values,
        **{name: fenced(_LABELS[name], text, fence.code) for name, text in fence.texts.items()},
    }
    body = filled(task.template or PROMPTS[task.mode], told)
    form = filled(PROMPTS[f"form_{task.mode}"].replace("CODE", fence.code), told)
    if task.final is not None:
        verdict = _VERDICTS[task.mode].replace("{scale}", scale)
        form = filled(PROMPTS["form_final"], {"final": task.final, "verdict": verdict})
    rules = PROMPTS["system"].replace("{code}", fence.code)
    return ("system", rules), ("user", f"{body}\n\n{form}")


def _fenced(label: str, text: str | None, fence: Fence, limit: int = MAX_SHOWN_CHARS) -> str:
    return "" if not text else fenced(label, shown(text, limit), fence.code)
