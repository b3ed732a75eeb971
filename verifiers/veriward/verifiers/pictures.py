"""Draws a generated grid puzzle as SVG or PNG: what its task tells, never its solution.

For people who look at tasks, and for training on pictures. Needs matplotlib (the extra `pictures`), which is imported
when the first one is drawn. The same task makes the same SVG with the same matplotlib.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from veriward.verifiers.logic.boxes import BOXES
from veriward.verifiers.logic.grids import Place
from veriward.verifiers.logic.regions import LETTERS

CELL_INCHES = 0.45
DPI = 120
WALL, MUTED, WARM, COLD = "#333333", "#d9d9d9", "#f4d9c6", "#cfe3f5"
PALETTE = ("#f9d5d3", "#d3e8f9", "#d9f2d6", "#fbeec3", "#e4d9f5", "#cdeeea", "#f7dfc4", "#e3e3e3", "#f5d0e6")
BLANKS = ("0", "X", ".", "?", "-1")

Rows = Sequence[Sequence[Any]]


@dataclass(slots=True)
class Picture:
    """Texts and colours of cells, thick lines where `regions` differ, counts at the edges, and what lies over it."""

    cells: list[list[str]]
    fills: dict[Place, str] = field(default_factory=dict)
    regions: Rows | None = None
    top: Sequence[str] = ()
    bottom: Sequence[str] = ()
    left: Sequence[str] = ()
    right: Sequence[str] = ()
    corners: dict[Place, str] = field(default_factory=dict)  # small texts in the upper left of a cell
    between: list[tuple[Place, Place, str]] = field(default_factory=list)  # signs between two cells
    lines: list[list[Place]] = field(default_factory=list)  # thermometers, the bulb first


def drawable() -> list[str]:
    """The names of the verifiers whose tasks can be drawn."""
    return sorted(PICTURES)


def draw(task: Mapping[str, Any], path: Path) -> bool:
    """Draw the task (with its `verifier`) to a file, `.svg` or `.png`; False where it is none that can be drawn.

    Raises `ImportError` without matplotlib, and `OSError`.
    """
    make = PICTURES.get(str(task.get("verifier")))
    if make is None:
        return False
    picture = make(task)
    import matplotlib
    from matplotlib.figure import Figure

    height, width = len(picture.cells), len(picture.cells[0])
    aside = max((len(text) for text in (*picture.left, *picture.right)), default=0) * 0.25
    above = max((text.count("\n") + 1 for text in (*picture.top, *picture.bottom) if text), default=0) * 0.45
    figure = Figure(figsize=(CELL_INCHES * (width + 2 * aside + 0.4), CELL_INCHES * (height + 2 * above + 0.4)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-aside - 0.2, width + aside + 0.2), ylim=(height + above + 0.2, -above - 0.2))
    axes.axis("off")
    _paint(axes, picture)
    svg = path.suffix == ".svg"
    with matplotlib.rc_context({"svg.hashsalt": "veriward", "svg.fonttype": "none"}):
        figure.savefig(path, dpi=DPI, metadata={"Date": None} if svg else None)
    return True


def _paint(axes: Any, picture: Picture) -> None:
    height, width = len(picture.cells), len(picture.cells[0])
    for (row, column), color in picture.fills.items():
        axes.fill([column, column + 1, column + 1, column], [row, row, row + 1, row + 1], color=color, linewidth=0)
    for at in range(height + 1):
        axes.plot([0, width], [at, at], color="black", linewidth=0.6)
    for at in range(width + 1):
        axes.plot([at, at], [0, height], color="black", linewidth=0.6)
    for line in picture.lines:
        middle = [(column + 0.5, row + 0.5) for row, column in line]
        axes.plot(*zip(*middle, strict=True), color=MUTED, linewidth=9, solid_capstyle="round")
        axes.plot(*middle[0], marker="o", color=MUTED, markersize=20)
    regions = picture.regions or [[0] * width] * height
    for row in range(height):
        for column in range(width):
            if row == 0 or regions[row][column] != regions[row - 1][column]:
                axes.plot([column, column + 1], [row, row], color="black", linewidth=2.2)
            if column == 0 or regions[row][column] != regions[row][column - 1]:
                axes.plot([column, column], [row, row + 1], color="black", linewidth=2.2)
    axes.plot([0, width, width], [height, height, 0], color="black", linewidth=2.2)
    centered = {"ha": "center", "va": "center"}
    for row, texts in enumerate(picture.cells):
        for column, text in enumerate(texts):
            color = "white" if picture.fills.get((row, column)) == WALL else "black"
            axes.text(column + 0.5, row + 0.5, text, color=color, fontsize=13, **centered)
    for (row, column), text in picture.corners.items():
        axes.text(column + 0.08, row + 0.08, text, fontsize=6.5, ha="left", va="top")
    for (row, column), (other, to), sign in picture.between:
        turned = 90 if sign in "<>" and row != other else 0
        x, y = (column + to + 1) / 2, (row + other + 1) / 2
        axes.text(x, y, sign, fontsize=11, rotation=-turned, **centered)
    for at, text in enumerate(picture.top):
        axes.text(at + 0.5, -0.15, text, ha="center", va="bottom")
    for at, text in enumerate(picture.bottom):
        axes.text(at + 0.5, height + 0.15, text, ha="center", va="top")
    for at, text in enumerate(picture.left):
        axes.text(-0.15, at + 0.5, text, ha="right", va="center")
    for at, text in enumerate(picture.right):
        axes.text(width + 0.15, at + 0.5, text, ha="left", va="center")


def _shown(rows: Rows, keep: Sequence[str] = ()) -> list[list[str]]:
    """Cells as texts, empty where they are asked for."""
    return [["" if str(cell) in BLANKS and str(cell) not in keep else str(cell) for cell in row] for row in rows]


def _where(rows: Rows, cells: str, color: str) -> dict[Place, str]:
    return {(r, c): color for r, row in enumerate(rows) for c, cell in enumerate(row) if str(cell) in cells}


def _counts(counts: Sequence[Any]) -> list[str]:
    return ["" if count == -1 else str(count) for count in counts]


def _boxed(rows: Rows) -> Rows:
    height, width = BOXES[len(rows)]
    return [[(row // height, column // width) for column in range(len(rows))] for row in range(len(rows))]


def _firsts(regions: Sequence[str], texts: Mapping[str, Any]) -> dict[Place, str]:
    """The text of each region at its first cell."""
    found: dict[str, Place] = {}
    for row, letters in enumerate(regions):
        for column, letter in enumerate(letters):
            found.setdefault(letter, (row, column))
    return {place: str(texts[letter]) for letter, place in found.items()}


def _sudoku(task: Mapping[str, Any]) -> Picture:
    return Picture(_shown(task["puzzle"]), regions=_boxed(task["puzzle"]))


def _odd_even(task: Mapping[str, Any]) -> Picture:
    fills = _where(task["marks"], "o", WARM) | _where(task["marks"], "e", COLD)
    return Picture(_shown(task["puzzle"]), fills, _boxed(task["puzzle"]))


def _killer(task: Mapping[str, Any]) -> Picture:
    return Picture(_shown(task["puzzle"]), regions=task["cages"], corners=_firsts(task["cages"], task["sums"]))


def _colored(task: Mapping[str, Any]) -> Picture:
    fills: dict[Place, str] = {}
    for letter in sorted(set("".join(task["colors"]))):
        fills |= _where(task["colors"], letter, PALETTE[LETTERS.index(letter) % len(PALETTE)])
    return Picture(_shown(task["puzzle"]), fills)


def _futoshiki(task: Mapping[str, Any]) -> Picture:
    signs = [((one[0], one[1]), (to[0], to[1]), sign) for one, to, sign in task["constraints"]]
    return Picture(_shown(task["puzzle"]), between=signs)


def _renzoku(task: Mapping[str, Any]) -> Picture:
    dots = [((one[0] - 1, one[1] - 1), (to[0] - 1, to[1] - 1), "●") for one, to in task["dots"]]
    return Picture(_shown(task["puzzle"]), between=dots)


def _skyscrapers(task: Mapping[str, Any]) -> Picture:
    sides = {
        name: ["" if not seen else str(seen) for seen in task[name]] for name in ("top", "bottom", "left", "right")
    }
    return Picture(_shown(task["puzzle"]), **sides)  # type: ignore[arg-type]


def _kakuro(task: Mapping[str, Any]) -> Picture:
    corners = {(row - 1, column - 1): f"→{total}" for row, column, total in task["across"]}
    for row, column, total in task["down"]:
        place = (row - 1, column - 1)
        corners[place] = f"{corners[place]} ↓{total}" if place in corners else f"↓{total}"
    walls = _where(task["puzzle"], "#", WALL)
    return Picture([["" if cell in "#." else cell for cell in row] for row in task["puzzle"]], walls, corners=corners)


def _counted(task: Mapping[str, Any]) -> Picture:
    cells = _shown(task["given"], keep=("0",))
    picture = Picture(cells, regions=task.get("tanks"), top=_counts(task["columns"]), left=_counts(task["rows"]))
    picture.lines = [[(row - 1, column - 1) for row, column in one] for one in task.get("thermometers", ())]
    return picture


def _nonogram(task: Mapping[str, Any]) -> Picture:
    top = ["\n".join(map(str, runs or [0])) for runs in task["columns"]]
    left = [" ".join(map(str, runs or [0])) for runs in task["rows"]]
    return Picture(_shown(task["given"], keep=("0",)), top=top, left=left)


def _hitori(task: Mapping[str, Any]) -> Picture:
    fills = _where(task["given"], "1", MUTED) | _where(task["given"], "0", COLD)
    return Picture(_shown(task["numbers"]), fills)


def _light_up(task: Mapping[str, Any]) -> Picture:
    known = [["●" if cell == "1" else "·" if cell == "0" else "" for cell in row] for row in task["given"]]
    cells = [
        ["" if wall == "#" else wall if wall != "." else known[r][c] for c, wall in enumerate(row)]
        for r, row in enumerate(task["walls"])
    ]
    return Picture(cells, _where(task["walls"], "#01234", WALL))


def _maze(task: Mapping[str, Any]) -> Picture:
    cells = [["" if cell in "#." else cell for cell in row] for row in task["maze"]]
    fills = _where(task["maze"], "#", WALL) | _where(task["maze"], "SG", WARM) | _where(task["maze"], "ABCDE", MUTED)
    return Picture(cells, fills)


def _regions(task: Mapping[str, Any]) -> Picture:
    return Picture([[""] * len(row) for row in task["regions"]], regions=task["regions"])


PICTURES: dict[str, Callable[[Mapping[str, Any]], Picture]] = {
    "logic.sudoku": _sudoku,
    "logic.odd_even_sudoku": _odd_even,
    "logic.killer_sudoku": _killer,
    "logic.jigsaw_sudoku": lambda task: Picture(_shown(task["puzzle"]), regions=task["pieces"]),
    "logic.colored_sudoku": _colored,
    "logic.futoshiki": _futoshiki,
    "logic.renzoku": _renzoku,
    "logic.skyscraper_puzzle": _skyscrapers,
    "logic.kakuro": _kakuro,
    "logic.aquarium": _counted,
    "logic.thermometers": _counted,
    "logic.battleship": _counted,
    "logic.binairo": lambda task: Picture(_shown(task["given"], keep=("0",))),
    "logic.nonogram": _nonogram,
    "logic.hitori": _hitori,
    "logic.light_up": _light_up,
    "logic.maze": _maze,
    "logic.numbrix": lambda task: Picture(_shown(task["grid"])),
    "logic.number_wall": lambda task: Picture(_shown(task["grid"])),
    "logic.minesweeper": lambda task: Picture(_shown(task["grid"], keep=("0",))),
    "logic.arrow_maze": lambda task: Picture(_shown(task["maze"])),
    "logic.star_placement_puzzle": _regions,
}
