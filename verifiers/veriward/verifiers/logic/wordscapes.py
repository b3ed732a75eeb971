"""Wordscapes: put told words across and down into a grid, so that they agree where they cross."""

import json
from random import Random
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Puzzle, judged, last_grid, published, stored
from veriward.verifiers.logic.grids import MAX_SIDE, Place, places, require_rectangle, written
from veriward.verifiers.logic.wordlists import WORDS
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

Grid = list[list[str]]

LETTER, EMPTY = "X", "0"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
CELLS = {one: one.lower() for one in LETTERS + LETTERS.upper()} | dict.fromkeys(("", " ", '""', "''", EMPTY), "")
MAX_TRIES = 200
MAX_STEPS = 2_000  # of the search for places that words don't share

Word = Annotated[str, Field(pattern=r"^[A-Za-z]{0,20}$")]
Words = Annotated[list[Word], Field(max_length=100)]
Row = Annotated[list[Literal["X", "0"]], Field(min_length=1, max_length=MAX_SIDE)]


class WordscapesTask(GameTask):
    """`grid`: rows of "X" for a letter and "0" for none; the words that stand `across` and `down`; `whole_lines`: a
    word is never a part of a line of letters."""

    grid: Annotated[list[Row], Field(min_length=1, max_length=MAX_SIDE), AfterValidator(require_rectangle)] = published(
        "grid"
    )
    across: Words = published("across_words")
    down: Words = published("down_words")
    whole_lines: bool = False


@verifier("logic.wordscapes", version=1, task=WordscapesTask, golds=stored("solution"))
def wordscapes(response: str, task: WordscapesTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last grid; letters stand where they are asked for, and each told word in a place of its own.

    No two words across share a cell, nor two words down, and every letter is in a word. Any solution counts. Published
    rows: SynLogic's `wordscapes` (arXiv:2505.19641), where one place would do for two words.
    """
    height, width = len(task.grid), len(task.grid[0])
    return judged(lambda: last_grid(response, CELLS, height, width), lambda grid: _broken_rule(grid, task))


def _broken_rule(grid: Grid, task: WordscapesTask) -> str | None:
    for row, column in places(grid):
        if (grid[row][column] == "") != (task.grid[row][column] == EMPTY):
            return f"row {row + 1}, column {column + 1} has a letter too many or none"
    covered: set[Place] = set()
    for name, words, lines in (("across", task.across, _lines(grid)), ("down", task.down, _columns(grid))):
        told = sorted((word.lower() for word in words if word), key=len, reverse=True)
        places_of = [
            [
                line[at : at + len(word)]
                for line in lines
                for at in range(len(line) - len(word) + 1)
                if not (task.whole_lines and len(line) > len(word))
                and all(grid[row][column] == one for (row, column), one in zip(line[at:], word, strict=False))
            ]
            for word in told
        ]
        chosen = _apart(places_of, MAX_STEPS)
        if chosen is None:
            missing = next((word for word, found in zip(told, places_of, strict=True) if not found), "a word")
            return f"{missing} does not stand {name} in a place of its own"
        covered.update(chosen)
    if any(grid[row][column] and (row, column) not in covered for row, column in places(grid)):
        return "a letter is in no word"
    return None


def _apart(places_of: list[list[list[Place]]], steps: int) -> set[Place] | None:
    """The cells that are taken where each has one of its places and no two share a cell; None where that can't be."""
    left = steps

    def take(at: int, taken: frozenset[Place]) -> frozenset[Place] | None:
        nonlocal left
        if at == len(places_of):
            return taken
        for place in places_of[at]:
            left -= 1
            if left < 0:
                return None
            if taken.isdisjoint(place):
                found = take(at + 1, taken.union(place))
                if found is not None:
                    return found
        return None

    found = take(0, frozenset())
    return None if found is None else set(found)


def _lines(grid: Grid) -> list[list[Place]]:
    """The places of each run of letters from left to right, of two at least."""
    runs: list[list[Place]] = []
    for row, cells in enumerate(grid):
        run: list[Place] = []
        for column, cell in enumerate([*cells, ""]):
            if cell:
                run.append((row, column))
            else:
                runs += [run] if len(run) > 1 else []
                run = []
    return runs


def _columns(grid: Grid) -> list[list[Place]]:
    turned = [list(column) for column in zip(*grid, strict=True)]
    return [[(row, column) for column, row in run] for run in _lines(turned)]


class WordscapesParameters(Parameters):
    """How many words are told."""

    words: int = dial(4, 14, ge=2, le=20)
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """Fill in this crossword, in which X is a letter and 0 an empty cell, with these words, each once:

across: {across}
down: {down}

{grid}

Where words cross, they share the letter, and each line of two letters or more is one of them. Give all {height} rows \
at the end, in a fenced block, every cell in quotes and a blank in empty cells, as [["C", "A"], [" ", "T"]].""",
    "zh": """请用下列单词（各用一次）填写这个填字游戏，X 表示字母，0 表示空格：

横向：{across}
纵向：{down}

{grid}

单词相交处共用同一个字母，每一段两个以上连续的字母都是其中一个单词。\
请在最后用代码块给出全部 {height} 行，每个单元格用引号括起，空格处写一个空格，形如 \
[["C", "A"], [" ", "T"]]。""",
}


@generator("logic.wordscapes", version=1, parameters=WordscapesParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: WordscapesParameters, /) -> Generated:
    """Words laid across each other at random, until they fit their places in one way only."""
    for _ in range(MAX_TRIES):
        full = _laid_out(rng, parameters.words)
        if full is not None and _only_solution(full):
            break
    else:
        raise NoTask(f"no {parameters.words} words crossed in one way only")
    grid = [[LETTER if cell else EMPTY for cell in row] for row in full]
    across, down = (
        sorted("".join(full[row][column] for row, column in line) for line in lines)
        for lines in (_lines(full), _columns(full))
    )
    prompt = PROMPTS[parameters.language].format(
        across=", ".join(across), down=", ".join(down), grid=written(grid), height=len(grid)
    )
    told = [[cell.upper() or " " for cell in row] for row in full]
    return Generated(
        prompt=prompt,
        task=WordscapesTask.model_validate({"grid": grid, "across": across, "down": down, "whole_lines": True}),
        reference=f"```\n{json.dumps(told)}\n```",
    )


def _laid_out(rng: Random, count: int) -> Grid | None:
    """Different words, each but the first across one before; None where there is no room for so many."""
    word = rng.choice([one for one in WORDS if len(one) >= 5])
    letters: dict[Place, str] = {(0, at): one for at, one in enumerate(word)}
    used = {word}
    for _ in range(20 * count):
        if len(used) == count:
            break
        place = rng.choice(list(letters))
        word = rng.choice(WORDS)
        at = word.find(letters[place])
        across = (place[0], place[1] - 1) not in letters and (place[0], place[1] + 1) not in letters
        if word in used or at < 0:
            continue
        step = (0, 1) if across else (1, 0)
        cells = [(place[0] + step[0] * (to - at), place[1] + step[1] * (to - at)) for to in range(len(word))]
        if _fits(cells, word, step, letters) and _size({**letters, **dict.fromkeys(cells, "")}) <= MAX_SIDE:
            letters.update(zip(cells, word, strict=True))
            used.add(word)
    if len(used) < count:
        return None
    top, left = min(row for row, _ in letters), min(column for _, column in letters)
    height, width = max(row for row, _ in letters) - top + 1, max(column for _, column in letters) - left + 1
    return [[letters.get((top + row, left + column), "") for column in range(width)] for row in range(height)]


def _fits(cells: list[Place], word: str, step: Place, letters: dict[Place, str]) -> bool:
    """Whether the word makes no other words beside it."""
    before = cells[0][0] - step[0], cells[0][1] - step[1]
    after = cells[-1][0] + step[0], cells[-1][1] + step[1]
    if before in letters or after in letters:
        return False
    for (row, column), letter in zip(cells, word, strict=True):
        sides = ((row + step[1], column + step[0]), (row - step[1], column - step[0]))
        if letters.get((row, column), letter) != letter:
            return False
        if (row, column) not in letters and any(side in letters for side in sides):
            return False
    return True


def _size(letters: dict[Place, str]) -> int:
    rows, columns = zip(*letters, strict=True)
    return 1 + max(int(max(rows) - min(rows)), int(max(columns) - min(columns)))


def _only_solution(full: Grid) -> bool:
    """Whether the words fit their lines in one way only."""
    with Puzzle() as puzzle:
        at = {place: puzzle.choice(26) for place in places(full) if full[place[0]][place[1]]}
        for lines in (_lines(full), _columns(full)):
            words = ["".join(full[row][column] for row, column in line) for line in lines]
            picks = []
            for line in lines:
                picks.append([puzzle.literal() for _ in words])
                fitting = []
                for pick, word in zip(picks[-1], words, strict=True):
                    if len(word) == len(line):
                        fitting.append(pick)
                        for place, letter in zip(line, word, strict=True):
                            puzzle.implies([pick], [at[place][LETTERS.index(letter)]])
                    else:
                        puzzle.never([pick])
                puzzle.any_of(fitting)
            puzzle.different(picks)
        return puzzle.unique([one[LETTERS.index(full[row][column])] for (row, column), one in at.items()])
