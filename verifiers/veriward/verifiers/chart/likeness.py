"""How alike two figures are: the F1 of their types, data, labels and colours.

Each part is 2 x (what agrees) / (what the one has + what the other has), so that drawing more than is asked lowers it
as leaving out does. The parts are ChartMimic's low-level ones (Yang et al. 2024, arXiv:2406.09961, section 3.3: text,
layout, type and colour, each an F1; colours by their likeness), with the place of the axes counted with the type, and
with the data itself, which ChartMimic leaves to a model.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

from veriward.verifiers.chart.figure import Axes, Figure, Series

DATA_TOLERANCE = 1e-3  # of the range of the gold series' own coordinate
COLOR_REACH = 50.0  # CIE76 units; colours that far apart are not alike at all
SAME_COLOR = 2.3  # what an eye just tells apart
ORDERED = frozenset(("line", "area", "pie"))

Place = tuple[int, ...]
Keyed = tuple[Place, Series]


class Likeness(NamedTuple):
    """Each from 0 to 1, None where neither figure has any of it."""

    type: float | None
    data: float | None
    labels: float | None
    colours: float | None


def likeness(gold: Figure, drawn: Figure) -> Likeness:
    golds, drawns = _keyed(gold), _keyed(drawn)
    pairs = _paired(golds, drawns)
    return Likeness(
        _f1(_types(gold), _types(drawn)),
        _data_f1(golds, drawns, pairs),
        _f1(_labels(gold), _labels(drawn)),
        _color_f1(golds, drawns, pairs),
    )


def same_points(gold: Series, drawn: Series) -> int:
    """How many points of the two series agree, of the gold series' dimensions; in order where the order is drawn."""
    if not gold.data or not drawn.data:
        return 0
    dimensions = len(gold.data[0])
    if any(len(point) < dimensions for point in drawn.data):
        return 0
    slack = _slack(gold.data, dimensions)
    ours, theirs = list(gold.data), [point[:dimensions] for point in drawn.data]
    if gold.kind not in ORDERED:
        ours.sort(key=_order)
        theirs.sort(key=_order)
    return _agreeing(ours, theirs, slack)


def _agreeing(
    ours: Sequence[Sequence[float | None]], theirs: Sequence[Sequence[float | None]], slack: list[float]
) -> int:
    """Points that agree in order, those that one of the two lacks being passed over along the first coordinate."""
    at = count = 0
    for point in ours:
        while at < len(theirs) and _order(theirs[at])[0] < _order(point)[0] - slack[0] and len(ours) != len(theirs):
            at += 1
        if at < len(theirs) and _close(point, theirs[at], slack):
            count += 1
            at += 1
        elif len(ours) == len(theirs):
            at += 1
    return count


def _close(gold: Sequence[float | None], drawn: Sequence[float | None], slack: list[float]) -> bool:
    return all(
        a is b if a is None or b is None else abs(a - b) <= most for a, b, most in zip(gold, drawn, slack, strict=False)
    )


def _slack(data: Sequence[Sequence[float | None]], dimensions: int) -> list[float]:
    slack = []
    for at in range(dimensions):
        values = [value for point in data if at < len(point) and (value := point[at]) is not None]
        reach = max(values) - min(values) if values else 0.0
        size = max(map(abs, values), default=0.0)
        slack.append(DATA_TOLERANCE * (reach if reach > 1e-9 * size else size) if math.isfinite(reach) else 0.0)
    return slack


def _order(point: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(-math.inf if value is None else value for value in point)


def _keyed(figure: Figure) -> list[Keyed]:
    return [(tuple(axes.place), series) for axes in figure.axes for series in axes.series]


def _paired(golds: list[Keyed], drawns: list[Keyed]) -> list[tuple[int, int, int]]:
    """(gold, drawn, points that agree), each series once, the most alike first."""
    alike = []
    for i, (place, gold) in enumerate(golds):
        for j, (where, drawn) in enumerate(drawns):
            if place == where and gold.kind == drawn.kind:
                named = bool(gold.label) and _plain(gold.label) == _plain(drawn.label)
                alike.append((same_points(gold, drawn), named, -abs(i - j), i, j))
    pairs: list[tuple[int, int, int]] = []
    taken: tuple[set[int], set[int]] = (set(), set())
    for count, _, _, i, j in sorted(alike, reverse=True):
        if i not in taken[0] and j not in taken[1]:
            taken[0].add(i)
            taken[1].add(j)
            pairs.append((i, j, count))
    return pairs


def _types(figure: Figure) -> Counter[Hashable]:
    """A series by its kind, where it stands, and on what axes."""
    return Counter(
        (*axes.place, axes.kind, *axes.scales, series.kind) for axes in figure.axes for series in axes.series
    )


def _labels(figure: Figure) -> Counter[Hashable]:
    told: list[Hashable] = [("title", _plain(title)) for title in figure.titles]
    return Counter([*told, *(pair for axes in figure.axes for pair in _labels_of(axes))])


def _labels_of(axes: Axes) -> Iterable[Hashable]:
    """Roles are told apart but where the same words stand: a title of the figure is as good as one of its axes."""
    return ((role, _plain(text)) for role, text in axes.texts if _plain(text))


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip().casefold()


def _f1(gold: Counter[Hashable], drawn: Counter[Hashable]) -> float | None:
    total = gold.total() + drawn.total()
    return 2 * (gold & drawn).total() / total if total else None


def _data_f1(golds: list[Keyed], drawns: list[Keyed], pairs: list[tuple[int, int, int]]) -> float | None:
    total = sum(len(series.data) for _, series in (*golds, *drawns))
    return 2 * sum(count for _, _, count in pairs) / total if total else None


def _color_f1(golds: list[Keyed], drawns: list[Keyed], pairs: list[tuple[int, int, int]]) -> float | None:
    """Over the colours of the series, each beside that of its pair."""
    total = sum(len(series.colors) for _, series in (*golds, *drawns))
    if not total:
        return None
    alike = 0.0
    for i, j, _ in pairs:
        alike += sum(_color_likeness(*both) for both in zip(golds[i][1].colors, drawns[j][1].colors, strict=False))
    return 2 * alike / total


def _color_likeness(one: str, other: str) -> float:
    distance = math.dist(_lab(one), _lab(other))
    return 1.0 if distance <= SAME_COLOR else max(0.0, 1 - distance / COLOR_REACH)


def _lab(color: str) -> tuple[float, float, float]:
    """CIE L*a*b* of an sRGB colour, white D65."""
    r, g, b = (_linear(int(color[at : at + 2], 16) / 255) for at in (1, 3, 5))
    x = (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047
    y = 0.2126729 * r + 0.7151522 * g + 0.0721750 * b
    z = (0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883
    fx, fy, fz = map(_cube_root, (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _cube_root(value: float) -> float:
    return value ** (1 / 3) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116
