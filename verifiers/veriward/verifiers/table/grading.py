"""The verifier `table`: one value or a list of values, compared by the gold value's type or a data set's rule."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ValidationInfo, WithJsonSchema, field_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.claim import ClaimTask, claim
from veriward.verifiers.final import NoAnswer, final_answer
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.table.cells import CONVENTIONS, Same, same_cell, tatqa
from veriward.verifiers.table.lists import MAX_ITEMS, items_of, paired
from veriward.verifiers.verdict import Verdict, correct, unparsed, wrong
from veriward.verifiers.wording import f1, words

MAX_GOLD_CHARS = 2_000
MAX_ALTERNATIVES = 50
MAX_CELLS = 500

TABFACT = ("entailed", "refuted")

Kind = Literal[
    "table", "wikitq", "hitab", "finqa", "tatqa", "aitqa", "tablebench", "multihiertt", "guru_table", "tabfact"
]
Scale = Literal["", "percent", "thousand", "million", "billion"]

_GOLD_SCHEMA = {"type": ["string", "number", "boolean", "array"]}


def _cell(gold: Any) -> str:
    text = repr(gold) if isinstance(gold, int | float) and not isinstance(gold, bool) else gold
    if not isinstance(text, str) or not text.strip():
        raise ValueError("a value is neither a text that says something nor a number")
    if len(text) > MAX_GOLD_CHARS:
        raise ValueError(f"a value is longer than {MAX_GOLD_CHARS:,} characters")
    return text


def _alternatives(gold: Any) -> list[str]:
    told = gold if isinstance(gold, list) else [gold]
    if not 1 <= len(told) <= MAX_ALTERNATIVES:
        raise ValueError(f"a value has {len(told)} alternatives, not 1 to {MAX_ALTERNATIVES}")
    return [_cell(one) for one in told]


def _values(gold: Any, known: ValidationInfo) -> list[list[str]]:
    """The gold values, each with its alternatives."""
    kind = known.data.get("kind")
    if kind == "tabfact":
        return [[_verdict(gold)]]
    if isinstance(gold, str) and kind == "wikitq":
        gold = [gold.split("|")]
    elif isinstance(gold, str) and kind == "guru_table":
        gold = gold.split("|")
    told = gold if isinstance(gold, list) else [gold]
    if not 1 <= len(told) <= MAX_ITEMS:
        raise ValueError(f"has {len(told)} values, not 1 to {MAX_ITEMS}")
    values = [_alternatives(one) for one in told]
    if sum(map(len, values)) > MAX_CELLS:
        raise ValueError(f"has more than {MAX_CELLS:,} values and alternatives together")
    return values


def _verdict(gold: Any) -> str:
    try:
        return ClaimTask.model_validate({"gold": gold, "classes": list(TABFACT)}).gold
    except ValueError:
        raise ValueError(f"{str(gold)[:40]!r} is neither entailed nor refuted") from None


class TableTask(Task):
    """`gold`: a value, or a list of values, each of which may be a list of alternatives (`[["US", "USA"], "France"]`).

    `scale`: in what the gold value is stated; an answer may state it so, or in full. `ordered`: whether the order of a
    list counts (default: only for `tablebench`).
    """

    kind: Kind = "table"
    ordered: bool | None = None
    scale: Scale = ""
    gold: Annotated[Any, AfterValidator(_values), WithJsonSchema(_GOLD_SCHEMA)]

    @field_validator("scale")
    @classmethod
    def _only_where_used(cls, scale: str, known: ValidationInfo) -> str:
        if scale and known.data.get("kind") not in ("table", "tatqa", None):
            raise ValueError("only 'table' and 'tatqa' know scales")
        return scale


@verifier("table", version=1, task=TableTask)
def table(response: str, task: TableTask, sandbox: Sandbox, /) -> Verdict:
    """Compare the final answer with the gold value by its type: quantity, percentage, money, date, text, or a list.

    A quantity may be off by half a unit of the last decimal that the gold value shows: 93.46 for 93.5, nothing for 12.
    Of 93.5 %, "93.5%", "93.5" and "0.935" are right, and 9350 is not. Of $1.5 million, "1,500,000" and "1.5M" are.
    "(1,234)" is negative. Text is compared after SQuAD's normalisation. A list needs every value once, in any order,
    and no more. Several values for one gold value are wrong.

    `kind` asks for a data set's own rule, to reproduce its figures; the one to train with is `table`. They are those by
    which Reasoning-Table (arXiv:2506.01710) and Guru (arXiv:2506.14965) score: `wikitq` lower case, punctuation as
    blanks, `|` between alternatives; `hitab`, `aitqa` 1e-5; `finqa` 0.01, 0.15 points or 5 %; `tatqa` the number, with
    its scale or bare, or the bag of words; `multihiertt` 1e-5 relative; `tablebench` as `table`, lists in order;
    `guru_table` 1e-3 with a free factor of 100, `|` between list values; `tabfact` entailed or refuted, as `claim`.
    Known holes kept: 104 for 100 (`finqa`), 5000 for 50 (`guru_table`), -5 for 5 (`wikitq`). Left out, for they pay for
    wrong answers: ladders and format bonuses, the first of several numbers, words contained anywhere.

    Metric: token `f1` (TAT-QA, MultiHiertt), the best over alternatives, of all values joined.
    """
    if task.kind == "tabfact":
        return claim(response, ClaimTask(gold=task.gold[0][0], classes=list(TABFACT)), sandbox)
    try:
        answer = final_answer(response)
    except NoAnswer as none:
        return unparsed(str(none))
    told = items_of(answer, len(task.gold))
    if told is None:
        return _with_f1(wrong(answer, f"not {len(task.gold)} values"), task, answer)
    same = _rule(task)
    ordered = task.kind == "tablebench" if task.ordered is None else task.ordered
    right = paired(task.gold, told, lambda gold, cell: any(same(one, cell) for one in gold), ordered)
    return _with_f1((correct if right else wrong)(answer), task, answer)


def _rule(task: TableTask) -> Same:
    if task.kind == "table":
        return lambda gold, told: same_cell(gold, told, task.scale)
    if task.kind == "tatqa" and task.scale:
        suffix = "%" if task.scale == "percent" else f" {task.scale}"
        return lambda gold, told: tatqa(gold + suffix, told) or tatqa(gold, told)
    return CONVENTIONS[task.kind]


def _with_f1(verdict: Verdict, task: TableTask, answer: str) -> Verdict:
    told = words(answer)
    if len(task.gold) == 1:
        best = max(f1(words(one), told) for one in task.gold[0])
    else:
        best = f1([word for value in task.gold for word in words(value[0])], told)
    verdict.metrics["f1"] = best
    return verdict
