"""Runs a program that draws with matplotlib and describes what it drew: the program that goes into the sandbox child.

Standard library and matplotlib only: it is sent there as text, and nothing of a task but the program comes with it.
What it returns is the program's own figure, as plain data; a program that tampers with it describes another figure of
its own, and gains nothing by it.
"""

import sys
from types import ModuleType
from typing import Any

MAX_FIGURES = 10
MAX_AXES = 50
MAX_SERIES = 100
MAX_POINTS = 10_000
MAX_TEXTS = 500
MAX_TEXT_CHARS = 300


class TooMuch(Exception):
    """The figure has more in it than is compared."""


def figure_of(program: str) -> dict[str, Any]:
    """What the program leaves drawn. Raises what the program raises."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.show = plt.close = lambda *args, **kwargs: None  # what is shown or closed is still to be described
    _run(program)
    figures = [plt.figure(number) for number in plt.get_fignums()]
    if len(figures) > MAX_FIGURES:
        raise TooMuch(f"more than {MAX_FIGURES} figures")
    described = [
        _axes(axes, (at, *_cell(axes)))
        for at, figure in enumerate(figures)
        for axes in figure.axes
        if axes.get_visible()
    ]
    if len(described) > MAX_AXES:
        raise TooMuch(f"more than {MAX_AXES} axes")
    titles = [_text(figure._suptitle) for figure in figures if getattr(figure, "_suptitle", None) is not None]
    return {"axes": described, "titles": [title for title in titles if title]}


def _run(program: str) -> None:
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    try:
        exec(compile(program, "<program>", "exec", dont_inherit=True), vars(module))  # noqa: S102
    except SystemExit as end:
        if end.code not in (None, 0):
            raise RuntimeError(f"the program ended with {end.code!r}") from None


def _cell(axes: Any) -> tuple[int, int]:
    """Row and column among the figure's, from 0."""
    spec = axes.get_subplotspec()
    return (0, 0) if spec is None else (int(spec.rowspan.start), int(spec.colspan.start))


def _axes(axes: Any, place: tuple[int, ...]) -> dict[str, Any]:
    drawn = [*_bars(axes), *_lines(axes), *_collections(axes), *_wedges(axes), *_images(axes)]
    series = [each for each in drawn if each["data"]]
    if len(series) > MAX_SERIES:
        raise TooMuch(f"more than {MAX_SERIES} series")
    if sum(len(each["data"]) for each in series) > MAX_POINTS:
        raise TooMuch(f"more than {MAX_POINTS:,} points")
    return {
        "place": list(place),
        "kind": str(getattr(axes, "name", "")),
        "scales": [str(axes.get_xscale()), str(axes.get_yscale())],
        "series": series,
        "texts": _texts(axes),
    }


def _texts(axes: Any) -> list[list[str]]:
    """[role, text] of all that is written: titles, axis labels, legend, ticks that are words, notes."""
    found = [["title", axes.title], ["title", axes._left_title], ["title", axes._right_title]]
    found += [["xlabel", axes.xaxis.label], ["ylabel", axes.yaxis.label]]
    legend = axes.get_legend()
    found += [["legend", text] for text in ([*legend.get_texts(), legend.get_title()] if legend is not None else ())]
    found += [["note", text] for text in axes.texts]
    for role, axis in (("xtick", axes.xaxis), ("ytick", axes.yaxis)):
        found += [[role, text] for text in axis.get_ticklabels() if not _is_number(_text(text))]
    told = [[role, _text(text)] for role, text in found if text.get_visible()]
    told = [pair for pair in told if pair[1]]
    if len(told) > MAX_TEXTS:
        raise TooMuch(f"more than {MAX_TEXTS} texts")
    return told


def _bars(axes: Any) -> list[dict[str, Any]]:
    """Bars and histograms, a series for each call: the middle along the axis, the length, where it begins."""
    found = []
    seen: set[int] = set()
    for container in axes.containers:
        patches = [patch for patch in getattr(container, "patches", ()) if _is_seen(patch)]
        seen.update(map(id, getattr(container, "patches", ())))
        if patches:
            found.append(_bar_series(patches, getattr(container, "orientation", None) == "horizontal", container))
    loose = [patch for patch in axes.patches if type(patch).__name__ == "Rectangle" and id(patch) not in seen]
    loose = [patch for patch in loose if _is_seen(patch)]
    return [*found, _bar_series(loose, False, None)] if loose else found


def _bar_series(patches: list[Any], is_horizontal: bool, container: Any) -> dict[str, Any]:
    data = []
    for patch in patches:
        x, y, width, height = patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height()
        data.append([y + height / 2, width, x] if is_horizontal else [x + width / 2, height, y])
    kind = "barh" if is_horizontal else "bar"
    return _series(kind, data, [patch.get_facecolor() for patch in patches], container)


def _lines(axes: Any) -> list[dict[str, Any]]:
    found = []
    for line in axes.lines:
        if not _is_seen(line):
            continue
        x, y = line.get_xdata(orig=False), line.get_ydata(orig=False)
        has_stroke = str(line.get_linestyle()) not in ("None", "none", "", " ") and line.get_linewidth() > 0
        has_marks = str(line.get_marker()) not in ("None", "none", "", " ")
        if has_stroke or has_marks:
            data = [[a, b] for a, b in zip(x, y, strict=False)]
            color = line.get_color() if has_stroke else line.get_markerfacecolor()
            found.append(_series("line" if has_stroke else "scatter", data, [color], line))
    return found


def _collections(axes: Any) -> list[dict[str, Any]]:
    found = []
    for collection in axes.collections:
        if not _is_seen(collection):
            continue
        name = type(collection).__name__
        colors = list(collection.get_facecolor()) or list(collection.get_edgecolor())
        if name.startswith(("PathCollection", "Path3D")):
            data = [list(point) for point in _offsets(collection)]
            found.append(_series("scatter", data, colors[:1] if len(colors) == 1 else colors, collection))
        elif name == "QuadMesh":
            found.append(_grid(collection, collection.get_array()))
        else:
            data = [list(point) for path in collection.get_paths() for point in path.vertices]
            kind = "area" if name in ("PolyCollection", "FillBetweenPolyCollection") else name.lower()
            found.append(_series(kind, data, colors[:1], collection))
    return found


def _offsets(collection: Any) -> Any:
    three = getattr(collection, "_offsets3d", None)
    return collection.get_offsets() if three is None else zip(*three, strict=False)


def _wedges(axes: Any) -> list[dict[str, Any]]:
    wedges = [patch for patch in axes.patches if type(patch).__name__ == "Wedge" and _is_seen(patch)]
    if not wedges:
        return []
    shares = [[abs(wedge.theta2 - wedge.theta1) / 360] for wedge in wedges]
    return [_series("pie", shares, [wedge.get_facecolor() for wedge in wedges], None)]


def _images(axes: Any) -> list[dict[str, Any]]:
    return [_grid(image, image.get_array()) for image in axes.images if _is_seen(image)]


def _grid(mappable: Any, values: Any) -> dict[str, Any]:
    """A heat map: its values row by row, each with its place; its colours are those of a scale, which has a name."""
    rows = values.tolist() if values is not None else []
    data = [
        [r, c, value] for r, row in enumerate(rows) for c, value in enumerate(row if isinstance(row, list) else [row])
    ]
    data = [[r, c, value] for r, c, value in data if not isinstance(value, list)]
    series = _series("heatmap", data, [], None)
    series["label"] = str(getattr(mappable.get_cmap(), "name", ""))[:MAX_TEXT_CHARS]
    return series


def _series(kind: str, data: list[list[Any]], colors: list[Any], artist: Any) -> dict[str, Any]:
    from matplotlib.colors import to_hex

    if len(data) > MAX_POINTS:
        raise TooMuch(f"more than {MAX_POINTS:,} points")
    label = str(artist.get_label()) if artist is not None else ""
    return {
        "kind": kind,
        "data": [[_number(value) for value in point] for point in data],
        "colors": list(dict.fromkeys(to_hex(color) for color in colors[:MAX_SERIES])),
        "label": "" if label.startswith("_") else label[:MAX_TEXT_CHARS],
    }


def _is_seen(artist: Any) -> bool:
    alpha = artist.get_alpha()
    return bool(artist.get_visible()) and not (isinstance(alpha, int | float) and alpha <= 0)


def _number(value: Any) -> float | None:
    number = float(value)
    return number if abs(number) < float("inf") else None  # neither NaN nor infinite


def _text(text: Any) -> str:
    return " ".join(str(text.get_text()).split())[:MAX_TEXT_CHARS]


def _is_number(text: str) -> bool:
    try:
        float(text.replace("−", "-").replace(",", ""))
    except ValueError:
        return not text or text.startswith("$\\mathdefault{")
    return True
