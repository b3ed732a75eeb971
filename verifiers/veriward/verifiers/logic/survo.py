"""Survo: fill in told numbers, so that rows and columns add up to what stands at their ends."""

from random import Random
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, judged, last_grid, published, stored, whole_numbers
from veriward.verifiers.logic.grids import MAX_SIDE, places, require_rectangle
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

Grid = list[list[int]]

MAX_NUMBER = 9_999
MAX_TRIES = 300
MAX_STEPS = 20_000  # of the search for a second solution, per try

Row = Annotated[list[Annotated[int, Field(ge=0, le=MAX_NUMBER)]], Field(min_length=2, max_length=MAX_SIDE)]


class SurvoTask(GameTask):
    """`matrix`: rows of numbers, 0 where one is asked for; the last of each row and column is its sum. `numbers`: those
    that are to be filled in, each once."""

    matrix: Annotated[list[Row], Field(min_length=2, max_length=MAX_SIDE), AfterValidator(require_rectangle)] = (
        published("original_matrix")
    )
    numbers: Annotated[list[Annotated[int, Field(ge=0, le=MAX_NUMBER)]], Field(max_length=MAX_SIDE * MAX_SIDE)] = (
        published("candidate_numbers")
    )

    @model_validator(mode="after")
    def _one_each(self) -> "SurvoTask":
        blanks = sum(row.count(0) for row in self.matrix)
        if blanks != len(self.numbers):
            raise ValueError(f"{len(self.numbers)} numbers are given for {blanks} blanks")
        return self


@verifier("logic.survo", version=1, task=SurvoTask, golds=stored("filled_matrix"))
def survo(response: str, task: SurvoTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last matrix; each number is used once, every row and column adds up, and no given is changed.

    Any solution counts. Published rows: SynLogic's `survo` (arXiv:2505.19641).
    """
    height, width = len(task.matrix), len(task.matrix[0])
    return judged(
        lambda: last_grid(response, whole_numbers(0, MAX_NUMBER), height, width), lambda grid: _broken_rule(grid, task)
    )


def _broken_rule(grid: Grid, task: SurvoTask) -> str | None:
    filled = []
    for row, column in places(grid):
        if not task.matrix[row][column]:
            filled.append(grid[row][column])
        elif task.matrix[row][column] != grid[row][column]:
            return f"row {row + 1}, column {column + 1} is changed"
    if sorted(filled) != sorted(task.numbers):
        return "other numbers than the given ones are filled in"
    for name, lines in (("row", grid), ("column", list(zip(*grid, strict=True)))):
        for at, line in enumerate(lines, 1):
            if sum(line[:-1]) != line[-1]:
                return f"{name} {at} sums to {sum(line[:-1])}, not {line[-1]}"
    return None


class SurvoParameters(Parameters):
    """`side` with the sums; `blank_share` of the other cells is blank."""

    side: int = dial(3, 6, ge=3, le=8)
    blank_share: float = dial(0.4, 0.6, ge=0.1, le=0.8)
    largest: int = dial(9, 20, ge=5, le=99, about="largest number")
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """In this matrix, the last number of each row and column is the sum of all others in it. X is a blank:

{matrix}

Fill the blanks with the numbers {numbers}, using each of them once.

Give the whole matrix with its sums at the end, in a fenced block, as [[1, 2, …], …].""",
    "zh": """在下面的矩阵中，每行和每列的最后一个数是该行或该列其他所有数的和。X 表示空格：

{matrix}

请用数字 {numbers} 填充空格，每个数字使用一次。

请在最后用代码块给出包括和在内的完整矩阵，形如 [[1, 2, …], …]。""",
}


@generator("logic.survo", version=1, parameters=SurvoParameters, unique=True)
def generate(rng: Random, parameters: SurvoParameters, /) -> Generated:
    """A random matrix and random blanks, until a search finds only one way to fill them."""
    inner = parameters.side - 1
    for _ in range(MAX_TRIES):
        numbers = [[rng.randint(1, parameters.largest) for _ in range(inner)] for _ in range(inner)]
        blanks = rng.sample(places(numbers), max(2, round(parameters.blank_share * inner * inner)))
        full = [[*row, sum(row)] for row in numbers]
        full.append([sum(column) for column in zip(*full, strict=True)])
        if _only_solution(full, sorted(blanks)):
            break
    else:
        raise NoTask(f"no {len(blanks)} blanks had one solution")
    matrix = [
        [0 if (row, column) in blanks else cell for column, cell in enumerate(cells)] for row, cells in enumerate(full)
    ]
    free = [full[row][column] for row, column in blanks]
    shown = str(matrix).replace("[0", "[X").replace(" 0", " X")
    return Generated(
        prompt=PROMPTS[parameters.language].format(matrix=shown, numbers=free),
        task=SurvoTask(matrix=matrix, numbers=free),
        reference=f"```\n{full}\n```",
    )


def _only_solution(full: Grid, blanks: list[tuple[int, int]]) -> bool:
    """Whether a search finds one way to fill the blanks; False where it takes too long."""
    inner = len(full) - 1
    rows, columns = [0] * inner, [0] * inner  # what the blanks of each still have to add
    in_row, in_column = [0] * inner, [0] * inner
    left: dict[int, int] = {}
    for row, column in blanks:
        rows[row] += full[row][column]
        columns[column] += full[row][column]
        in_row[row] += 1
        in_column[column] += 1
        left[full[row][column]] = left.get(full[row][column], 0) + 1
    found = steps = 0

    def fill(at: int) -> None:
        nonlocal found, steps
        steps += 1
        if at == len(blanks):
            found += 1
            return
        row, column = blanks[at]
        in_row[row] -= 1
        in_column[column] -= 1
        for number in sorted(left):
            if not left[number] or found > 1 or steps > MAX_STEPS:
                continue
            over, below = rows[row] - number, columns[column] - number
            if over < in_row[row] or below < in_column[column]:
                continue
            if (not in_row[row] and over) or (not in_column[column] and below):
                continue
            left[number] -= 1
            rows[row], columns[column] = over, below
            fill(at + 1)
            left[number] += 1
            rows[row], columns[column] = over + number, below + number
        in_row[row] += 1
        in_column[column] += 1

    fill(0)
    return found == 1 and steps <= MAX_STEPS
