"""Buggy tables: a table that was saved wrongly, how it went wrong, and a question about what stood in it."""

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator, levels
from veriward.verifiers.logic import GameTask, Unread, judged, last_text
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_TRIES = 50

_ONE = re.compile(r"[-−]?(?:\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(?:\.\d{1,2})?", re.ASCII)
_WITHIN = re.compile(r"(?<![\w.,])[-−]?\d{1,15}\.\d{2}(?![\w,]|\.\d)", re.ASCII)


def _as_number(answer: Any) -> Any:
    """A published answer, such as "42.00", in the form that answers are compared in."""
    try:
        return _number(str(answer)) if isinstance(answer, str | int | float) else answer
    except Unread as unread:
        raise ValueError(str(unread)) from None


class BuggyTablesTask(GameTask):
    """`answer`: a number with at most two decimals, as text."""

    answer: Annotated[str, Field(max_length=40), BeforeValidator(_as_number)]


@verifier("logic.buggy_tables", version=1, task=BuggyTablesTask)
def buggy_tables(response: str, task: BuggyTablesTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last answer; it is the number, or says a single number with two decimals, and that is right.

    Published rows: SynLogic's `buggy_tables` (arXiv:2505.19641), where nothing was right if the answer was empty.
    """
    return judged(
        lambda: _number(last_text(response)), lambda told: None if told == task.answer else "it is another number"
    )


def _number(text: str) -> str:
    plain = text.strip("$ .。*")
    if not _ONE.fullmatch(plain):
        within = set(_WITHIN.findall(text))
        if len(within) != 1:
            raise Unread("it says no number, or more than one", text)
        plain = within.pop()
    value = Decimal(plain.replace(",", "").replace("−", "-")).quantize(Decimal("0.01"))
    return str(value if value else abs(value))


KINDS = ("extra_row", "extra_column", "error", "rotated_rows", "rotated_columns", "merged", "missing")


class BuggyTablesParameters(Parameters):
    """`rows` of the table without its head, and which faults may be among them: the simple first, then all."""

    rows: int = dial(6, 30, ge=4, le=60)
    columns: int = dial(4, 7, ge=3, le=8)
    faults: Literal["simple", "all"] = levels(
        "simple",
        "all",
        "all",
        about="simple: a row or column too many, or cells lost; all: shifted and merged ones too",
    )
    language: Literal["en", "zh"] = "en"


Table = list[list[str]]
NAMES = ("steps", "calls", "emails", "meetings", "minutes", "tasks", "water", "visits")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FAULTS = {
    "extra_row": {"en": "A last row of random numbers was added that does not belong to it.",
                  "zh": "表格末尾多了一行不属于它的随机数。"},
    "extra_column": {"en": "A last column of random numbers, x, was added that does not belong to it.",
                     "zh": "表格末尾多了一列不属于它的随机数 x。"},
    "error": {"en": "Some cells were replaced by ERROR; these stood there, row after row from the left: {0}",
              "zh": "部分单元格被替换为 ERROR；它们原来的值（逐行从左到右）为：{0}"},
    "rotated_rows": {"en": "Row k below the head (the first is 1) was shifted cyclically by k cells to the right.",
                     "zh": "表头下的第 k 行（从 1 开始）被循环右移了 k 格。"},
    "rotated_columns": {"en": "Below the head, column k (the first is 1) was shifted cyclically down by k cells.",
                        "zh": "第 k 列（从 1 开始）表头下的单元格被循环下移了 k 格。"},
    "merged": {"en": "Every two rows were merged into one, each cell as “upper && lower”; of an odd number the last "
                     "row is alone.",
               "zh": "每两行被合并为一行，单元格写作“上 && 下”；若行数为奇数，最后一行单独保留。"},
    "missing": {"en": "The cells were saved row after row, and empty ones were left out. Empty were, as (row, column) "
                      "counted from 1 below the head: {0}",
                "zh": "单元格按行依次保存，空单元格被省略。空单元格的位置为（行, 列，从表头下的 1 开始计数）：{0}"},
}  # fmt: skip
QUESTIONS = {
    ("en", "sum"): "What is the sum of {0} over the rows where {1}?",
    ("en", "mean"): "What is the mean of {0} over the rows where {1}?",
    ("en", "range"): "By how much does the largest {0} exceed the smallest, over the rows where {1}?",
    ("zh", "sum"): "在{1}的各行中，{0} 之和是多少？",
    ("zh", "mean"): "在{1}的各行中，{0} 的平均值是多少？",
    ("zh", "range"): "在{1}的各行中，{0} 的最大值比最小值大多少？",
}
CONDITIONS = {
    ("en", "day"): "the day is {0}", ("zh", "day"): "day 为 {0} ",
    ("en", "more"): "{0} is more than {1}", ("zh", "more"): "{0} 大于 {1} ",
}  # fmt: skip
PROMPTS = {
    "en": """This table was saved wrongly:

{table}

{fault}

{question} An empty cell counts nowhere and fulfils no condition.

Give the number at the end with two decimals, as \\boxed{{42.00}}.""",
    "zh": """下面的表格在保存时出了错：

{table}

{fault}

{question}空单元格不参与计算，也不满足任何条件。

请在最后给出保留两位小数的数字，形如 \\boxed{{42.00}}。""",
}


@generator("logic.buggy_tables", version=1, parameters=BuggyTablesParameters, unique=True)
def generate(rng: Random, parameters: BuggyTablesParameters, /) -> Generated:
    """A random table and a question whose answer has exactly two decimals or less; then the table is spoilt."""
    language = parameters.language
    names = rng.sample(NAMES, parameters.columns - 1)
    kind = rng.choice(KINDS[:3] if parameters.faults == "simple" else KINDS)
    table = [[rng.choice(DAYS), *(str(rng.randint(1, 999)) for _ in names)] for _ in range(parameters.rows)]
    holes = []
    if kind == "missing":
        holes = sorted(rng.sample([(row, at) for row in range(len(table)) for at in range(len(names) + 1)], len(table)))
        for row, at in holes:
            table[row][at] = ""
    for _ in range(MAX_TRIES):
        question, answer = _question(rng, table, names, language)
        if answer is not None:
            break
    else:
        raise NoTask("no question had an answer of two decimals")
    head = ["day", *names]
    if kind == "missing":
        told = ", ".join(f"({row + 1}, {at + 1})" for row, at in holes)
        text = ", ".join([*head, *(cell for row in table for cell in row if cell)])
    else:
        head, shown, told = SPOIL[kind](rng, head, table)
        text = "\n".join(f"| {' | '.join(row)} |" for row in (head, *shown))
    prompt = PROMPTS[language].format(table=text, fault=FAULTS[kind][language].format(told), question=question)
    return Generated(prompt=prompt, task=BuggyTablesTask(answer=answer), reference=f"\\boxed{{{answer}}}")


def _question(rng: Random, table: Table, names: list[str], language: str) -> tuple[str, str | None]:
    """A question, and its answer; None where no row is asked for, or it would have to be rounded, or is 0."""
    target, other = rng.sample(range(1, len(names) + 1), 2)
    if rng.random() < 0.5:
        day = rng.choice(DAYS)
        condition = CONDITIONS[language, "day"].format(day)
        rows = [row for row in table if row[0] == day]
    else:
        least = rng.randrange(100, 900, 50)
        condition = CONDITIONS[language, "more"].format(names[other - 1], least)
        rows = [row for row in table if row[other] and int(row[other]) > least]
    values = [int(row[target]) for row in rows if row[target]]
    kind = rng.choice(("sum", "mean", "range"))
    question = QUESTIONS[language, kind].format(names[target - 1], condition)
    if len(values) < 2:
        return question, None
    whole = sum(values) if kind != "range" else max(values) - min(values)
    cents = Fraction(100 * whole, len(values) if kind == "mean" else 1)
    if cents.denominator > 1 or not cents:
        return question, None
    return question, f"{cents.numerator // 100}.{cents.numerator % 100:02}"


def _extra_row(rng: Random, head: list[str], table: Table) -> tuple[list[str], Table, str]:
    return head, [*table, [rng.choice(DAYS), *(str(rng.randint(1, 999)) for _ in head[1:])]], ""


def _extra_column(rng: Random, head: list[str], table: Table) -> tuple[list[str], Table, str]:
    return [*head, "x"], [[*row, str(rng.randint(1, 999))] for row in table], ""


def _error(rng: Random, head: list[str], table: Table) -> tuple[list[str], Table, str]:
    cells = [(row, at) for row in range(len(table)) for at in range(len(head))]
    lost = sorted(rng.sample(cells, len(cells) // 6))
    shown = [
        ["ERROR" if (row, at) in lost else cell for at, cell in enumerate(cells)] for row, cells in enumerate(table)
    ]
    return head, shown, ", ".join(table[row][at] for row, at in lost)


def _rotated_rows(rng: Random, head: list[str], table: Table) -> tuple[list[str], Table, str]:
    width = len(head)
    return head, [[row[(at - by) % width] for at in range(width)] for by, row in enumerate(table, 1)], ""


def _rotated_columns(rng: Random, head: list[str], table: Table) -> tuple[list[str], Table, str]:
    count = len(table)
    return head, [[table[(row - by - 1) % count][by] for by in range(len(head))] for row in range(count)], ""


def _merged(rng: Random, head: list[str], table: Table) -> tuple[list[str], Table, str]:
    pairs = [table[at : at + 2] for at in range(0, len(table), 2)]
    return head, [[" && ".join(cells) for cells in zip(*pair, strict=True)] for pair in pairs], ""


SPOIL: dict[str, Callable[[Random, list[str], Table], tuple[list[str], Table, str]]] = {
    "extra_row": _extra_row,
    "extra_column": _extra_column,
    "error": _error,
    "rotated_rows": _rotated_rows,
    "rotated_columns": _rotated_columns,
    "merged": _merged,
}
