"""A figure as data: what a task may give as gold, and what is made of a drawing program's word, in bounds."""

from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from veriward.verifiers.registry import Task

MAX_AXES = 50
MAX_SERIES = 100  # each is compared with each of its kind
MAX_POINTS = 10_000
MAX_DIMENSIONS = 4
MAX_TEXTS = 500
MAX_TEXT_CHARS = 300
MAX_COLORS = 200
MAX_COORDINATE = 1e300

Text = Annotated[str, Field(max_length=MAX_TEXT_CHARS)]
Coordinate = Annotated[float, Field(ge=-MAX_COORDINATE, le=MAX_COORDINATE)]
Point = Annotated[list[Coordinate | None], Field(min_length=1, max_length=MAX_DIMENSIONS)]
Written = Annotated[list[Text], Field(min_length=2, max_length=2)]
Color = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]


class Series(Task):
    """One thing that is drawn. `kind`: `line`, `scatter`, `bar`, `barh`, `pie`, `area`, `heatmap`, or matplotlib's.

    `data`: points [x, y]; of bars [middle, length] and perhaps where they begin; of a pie [share]; of a heat map
    [row, column, value].
    """

    kind: Annotated[str, Field(min_length=1, max_length=60)]
    data: Annotated[list[Point], Field(default_factory=list, max_length=MAX_POINTS)]
    colors: Annotated[list[Color], Field(default_factory=list, max_length=MAX_COLORS)]
    label: Text = ""


class Axes(Task):
    """`place`: the figure, the row and the column. `texts`: [role, text]; roles are `title`, `xlabel`, `ylabel`,
    `legend`, `xtick`, `ytick`, `note`."""

    series: Annotated[list[Series], Field(max_length=MAX_SERIES)]
    texts: Annotated[list[Written], Field(default_factory=list, max_length=MAX_TEXTS)]
    place: Annotated[list[int], Field(default_factory=lambda: [0, 0, 0], min_length=3, max_length=3)]
    kind: Text = "rectilinear"
    scales: Annotated[list[Text], Field(default_factory=lambda: ["linear", "linear"], min_length=2, max_length=2)]


class Figure(Task):
    axes: Annotated[list[Axes], Field(max_length=MAX_AXES)]
    titles: Annotated[list[Text], Field(default_factory=list, max_length=MAX_TEXTS)]

    @model_validator(mode="after")
    def _few_enough_to_compare(self) -> "Figure":
        series = [each for axes in self.axes for each in axes.series]
        if len(series) > MAX_SERIES:
            raise ValueError(f"more than {MAX_SERIES} series")
        if sum(len(each.data) for each in series) > MAX_POINTS:
            raise ValueError(f"more than {MAX_POINTS:,} points")
        return self

    @property
    def is_empty(self) -> bool:
        return not any(axes.series for axes in self.axes)


def figure_from(told: Any) -> Figure | None:
    """The figure that a drawing program describes; None where that is no figure, or more than the bounds allow."""
    try:
        return Figure.model_validate(told)
    except ValidationError:
        return None
