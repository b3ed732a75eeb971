"""`chart`: how alike figures are, by hand; what is a figure; what is seen of what a program draws."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from veriward.sandbox.execution import Execution, Run
from veriward.sandbox.local import LocalSandbox
from veriward.sandbox.plain import encode
from veriward.verifiers.chart.figure import MAX_POINTS, MAX_SERIES, MAX_TEXTS, Figure, Series, figure_from
from veriward.verifiers.chart.likeness import likeness, same_points
from veriward.verifiers.chart.verifier import ENTRY, PROFILE, ChartLimits, ChartTask, _drawing, _figure, chart
from veriward.verifiers.verdict import Unavailable

LINE = {"kind": "line", "data": [[1, 1], [2, 4], [3, 9]], "colors": ["#ff0000"]}
BARS = {"kind": "bar", "data": [[0, 1, 0], [1, 2, 0], [2, 3, 0], [3, 4, 0]], "colors": ["#1f77b4"]}


def figure(*series: dict[str, Any], texts: Any = (), **more: Any) -> Figure:
    return Figure.model_validate({"axes": [{"series": list(series), "texts": [list(one) for one in texts], **more}]})


LIKE = {  # type, data, labels, colours: 2 x what agrees / (what the one has + what the other has)
    "itself": (figure(LINE), figure(LINE), (1.0, 1.0, None, 1.0)),
    "one series of two": (figure(LINE, BARS), figure(LINE), (2 / 3, 2 * 3 / (3 + 4 + 3), None, 2 / 3)),
    "another one drawn beside it": (figure(LINE), figure(LINE, BARS), (2 / 3, 2 * 3 / (3 + 3 + 4), None, 2 / 3)),
    "another type of the same data": (figure(LINE), figure({**LINE, "kind": "scatter"}), (0.0, 0.0, None, 0.0)),
    "one point of three": (figure(LINE), figure({**LINE, "data": [[1, 1], [2, 5], [3, 8]]}), (1.0, 1 / 3, None, 1.0)),
    "within a thousandth of the range": (
        figure(LINE),
        figure({**LINE, "data": [[1, 1.007], [2, 4], [3, 8.993]]}),
        (1.0, 1.0, None, 1.0),
    ),
    "a bar left out": (figure(BARS), figure({**BARS, "data": BARS["data"][1:]}), (1.0, 2 * 3 / 7, None, 1.0)),
    "bars in another order are the same bars": (
        figure(BARS),
        figure({**BARS, "data": BARS["data"][::-1]}),
        (1.0, 1.0, None, 1.0),
    ),
    "a line in another order is another line": (
        figure({**LINE, "data": [[0, 0], [1, 1]]}),
        figure({**LINE, "data": [[1, 1], [0, 0]]}),
        (1.0, 0.0, None, 1.0),
    ),
    "other axes": (figure(LINE), figure(LINE, place=[0, 0, 1]), (0.0, 0.0, None, 0.0)),
    "a scale of another kind": (figure(LINE), figure(LINE, scales=["linear", "log"]), (0.0, 1.0, None, 1.0)),
    "two labels of three, one in the wrong role": (
        figure(LINE, texts=[("title", "Sales"), ("xlabel", "Shop"), ("ylabel", "Units")]),
        figure(LINE, texts=[("title", "SALES "), ("xlabel", "units"), ("ylabel", "units")]),
        (1.0, 1.0, 2 * 2 / 6, 1.0),
    ),
    "labels that nobody asked for": (figure(LINE), figure(LINE, texts=[("title", "x")]), (1.0, 1.0, 0.0, 1.0)),
    "black for white": (
        figure({**LINE, "colors": ["#000000"]}),
        figure({**LINE, "colors": ["#ffffff"]}),
        (1.0, 1.0, None, 0.0),  # 100 of CIE76 apart
    ),
    "grey 50 for grey 60": (
        figure({**LINE, "colors": ["#777777"]}),  # L* = 50.03
        figure({**LINE, "colors": ["#919191"]}),  # L* = 60.16
        (1.0, 1.0, None, pytest.approx(1 - 10.1 / 50, abs=0.01)),
    ),
    "missing values are alike": (
        figure({**LINE, "data": [[1, None], [2, 4]]}),
        figure({**LINE, "data": [[1, None], [2, 4]]}),
        (1.0, 1.0, None, 1.0),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("gold", "drawn", "parts"), LIKE.values(), ids=LIKE.keys())
def test_how_alike_two_figures_are(gold: Figure, drawn: Figure, parts: tuple[float | None, ...]) -> None:
    assert tuple(likeness(gold, drawn)) == tuple(
        one if one is None or not isinstance(one, float) else pytest.approx(one) for one in parts
    )


def test_of_two_that_agree_the_one_of_the_same_name_is_taken() -> None:
    gold = figure({**LINE, "label": "a"}, {**LINE, "label": "b", "colors": ["#00ff00"]})
    drawn = figure({**LINE, "label": "b", "colors": ["#00ff00"]}, {**LINE, "label": "a"})
    assert likeness(gold, drawn).colours == 1.0


@pytest.mark.parametrize("value", [1e300, -1e300, 5e-324, 0.0])
def test_extreme_numbers_are_compared(value: float) -> None:
    series = Series(kind="line", data=[[value, value], [1.0, 1.0]], colors=[])
    assert same_points(series, series) == 2


NO_FIGURES = {
    "no object": [1],
    "an unknown key": {"axes": [], "more": 1},
    "a number that is none": {"axes": [{"series": [{"kind": "line", "data": [["1", 2]]}]}]},
    "a number past the bound": {"axes": [{"series": [{"kind": "line", "data": [[1e301, 2.0]]}]}]},
    "a boolean": {"axes": [{"series": [{"kind": "line", "data": [[True, 2.0]]}]}]},
    "too many series": {"axes": [{"series": [{"kind": "line"}] * (MAX_SERIES + 1)}]},
    "too many series in all axes": {"axes": [{"series": [{"kind": "line"}] * 60}] * 2},
    "too many points in all series": {
        "axes": [{"series": [{"kind": "line", "data": [[1.0]] * (MAX_POINTS // 2 + 1)}] * 2}]
    },
    "too many texts": {"axes": [{"series": [], "texts": [["title", "x"]] * (MAX_TEXTS + 1)}]},
    "a text past the bound": {"axes": [], "titles": ["x" * 301]},
    "too many dimensions": {"axes": [{"series": [{"kind": "line", "data": [[1.0] * 5]}]}]},
    "a colour that is none": {"axes": [{"series": [{"kind": "line", "colors": ["red"]}]}]},
}


@pytest.mark.parametrize("told", NO_FIGURES.values(), ids=NO_FIGURES.keys())
def test_what_is_no_figure(told: Any) -> None:
    assert figure_from(told) is None


def test_the_most_that_is_compared_takes_no_time_to_speak_of() -> None:
    """As many series and points as there may be, all of one kind: a hundred million comparisons would not end here."""
    share = MAX_POINTS // MAX_SERIES
    many = [{"kind": "line", "data": [[float(x), float(x * at)] for x in range(share)]} for at in range(MAX_SERIES)]
    assert likeness(figure(*many), figure(*reversed(many))).data == 1.0


class NoProfile:
    """Refuses as a sandbox without matplotlib does."""

    def run(self, execution: Execution, stop: Any = None) -> list[Run]:
        from veriward.sandbox.errors import ExecutionRefused

        raise ExecutionRefused("profile", "'chart' needs matplotlib")


@pytest.mark.parametrize("response", ["prose", "```python\nplot()\n```"])
def test_without_matplotlib_no_response_is_judged(response: str) -> None:
    with pytest.raises(Unavailable, match="install veriward\\[chart\\]"):
        chart(response, ChartTask(gold_code="plot()"), NoProfile())
    with pytest.raises(Unavailable):
        chart(response, ChartTask(gold=figure(LINE)), NoProfile())


@pytest.fixture(scope="module")
def sandbox() -> Iterator[LocalSandbox]:
    with LocalSandbox() as found:
        yield found


def drawn(sandbox: LocalSandbox, program: str) -> Any:
    """The figure, or the sentence that says why there is none."""
    code = f"import matplotlib.pyplot as plt\n{program}"
    limits = ChartLimits(cpu_seconds=2.0).of_the_sandbox
    asked = Execution(_drawing(), "call", (encode((code,)),), ENTRY, profile=PROFILE, limits=limits)
    (run,) = sandbox.run(asked)
    return _figure(run)


SEEN: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "a line": ("plt.plot([1, 2], [3, 4], 'g', label='a')",
               [{"kind": "line", "data": [[1, 3], [2, 4]], "colors": ["#008000"], "label": "a"}]),
    "points": ("plt.scatter([1, 2], [3, 4], c='k')",
               [{"kind": "scatter", "data": [[1, 3], [2, 4]], "colors": ["#000000"], "label": ""}]),
    "marks without a line are points": ("plt.plot([1], [3], 'ro')",
               [{"kind": "scatter", "data": [[1, 3]], "colors": ["#ff0000"], "label": ""}]),
    "bars": ("plt.bar([1, 2], [3, 4], color='k')",
             [{"kind": "bar", "data": [[1, 3, 0], [2, 4, 0]], "colors": ["#000000"], "label": ""}]),
    "bars that lie": ("plt.barh([1, 2], [3, 4], color='k')",
                      [{"kind": "barh", "data": [[1, 3, 0], [2, 4, 0]], "colors": ["#000000"], "label": ""}]),
    "a pie": ("plt.pie([1, 3], colors=['r', 'b'])",
              [{"kind": "pie", "data": [[0.25], [0.75]], "colors": ["#ff0000", "#0000ff"], "label": ""}]),
    "a heat map": ("plt.imshow([[1, 2]], cmap='gray')",
                   [{"kind": "heatmap", "data": [[0, 0, 1], [0, 1, 2]], "colors": [], "label": "gray"}]),
    "dates are numbers": ("import datetime as d\nplt.plot([d.date(1970, 1, 2), d.date(1970, 1, 3)], [1, 2], 'r')",
                          [{"kind": "line", "data": [[1, 1], [2, 2]], "colors": ["#ff0000"], "label": ""}]),
    "not a number is a missing value": ("plt.plot([1, 2], [float('nan'), 1], 'r')",
                          [{"kind": "line", "data": [[1, None], [2, 1]], "colors": ["#ff0000"], "label": ""}]),
    "by pandas": ("import pandas as pd\npd.Series([1, 2]).plot(color='r')",
                  [{"kind": "line", "data": [[0, 1], [1, 2]], "colors": ["#ff0000"], "label": ""}]),
    "nothing that is hidden": (
        "plt.plot([1], [1], 'ro')\nplt.plot([1, 2], visible=False)\nplt.plot([1, 2], alpha=0)\nplt.plot([1, 2], lw=0)",
        [{"kind": "scatter", "data": [[1, 1]], "colors": ["#ff0000"], "label": ""}]),
}  # fmt: skip


@pytest.mark.sandbox
@pytest.mark.parametrize(("program", "series"), SEEN.values(), ids=SEEN.keys())
def test_what_is_seen_of_what_is_drawn(sandbox: LocalSandbox, program: str, series: list[dict[str, Any]]) -> None:
    found = drawn(sandbox, program)
    assert isinstance(found, Figure), found
    (axes,) = found.axes
    assert json.loads(axes.model_dump_json())["series"] == [
        {
            **one,
            "data": [[value if value is None else pytest.approx(value) for value in point] for point in one["data"]],
        }
        for one in series
    ]


@pytest.mark.sandbox
def test_words_have_their_roles(sandbox: LocalSandbox) -> None:
    found = drawn(
        sandbox,
        "fig, (left, right) = plt.subplots(1, 2)\nfig.suptitle('Both')\nleft.bar(['x', 'y'], [1, 2], label='n')\n"
        "left.set(title='Left', xlabel='shop', ylabel='units')\nleft.legend(title='Kind')\nright.plot([1, 2])\n"
        "right.text(0, 1, 'a  note')\nright.set_yscale('log')",
    )
    left, right = found.axes
    assert found.titles == ["Both"]
    assert sorted(map(tuple, left.texts)) == [
        ("legend", "Kind"), ("legend", "n"), ("title", "Left"), ("xlabel", "shop"), ("xtick", "x"), ("xtick", "y"),
        ("ylabel", "units"),
    ]  # fmt: skip
    assert (right.place, right.scales, right.texts) == ([0, 0, 1], ["linear", "log"], [["note", "a note"]])


NOT_SEEN = {
    "a program that fails": ("1 / 0", "ZeroDivisionError"),
    "an exit that says it failed": ("plt.plot([1, 2])\nraise SystemExit(3)", "does not draw"),
    "a figure with too many points": (f"plt.plot(range({MAX_POINTS + 1}))", "points"),
    "a figure with too many series": (f"plt.plot([[1] * {MAX_SERIES + 1}, [2] * {MAX_SERIES + 1}])", "series"),
    "no figure": ("pass", "draws nothing"),
    "an empty figure": ("plt.figure()\nplt.title('Sales')", "draws nothing"),
    "a program that takes too long": ("while True: pass", "time limit"),
    "a description of its own": (
        "import sys, os\nframe = sys._getframe()\nwhile frame.f_back: frame = frame.f_back\nos._exit(0)",
        "does not draw",
    ),
}


@pytest.mark.sandbox
@pytest.mark.parametrize(("program", "why"), NOT_SEEN.values(), ids=NOT_SEEN.keys())
def test_what_gives_no_figure(sandbox: LocalSandbox, program: str, why: str) -> None:
    found = drawn(sandbox, program)
    assert isinstance(found, str), found
    assert why in found


@pytest.mark.sandbox
def test_an_ordinary_exit_leaves_a_figure(sandbox: LocalSandbox) -> None:
    assert isinstance(drawn(sandbox, "plt.plot([1, 2])\nraise SystemExit"), Figure)
