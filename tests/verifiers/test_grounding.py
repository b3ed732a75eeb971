"""Readers, geometry, matching and bounds of `grounding.*`; their cases say the rest."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.verifiers import verifiers
from veriward.verifiers.conformance import NoSandbox, example
from veriward.verifiers.grounding.boxes import MAX_BOXES, Box, greedy_pairs, iou, read_boxes
from veriward.verifiers.grounding.detection import DetectionParams, DetectionTask, detection
from veriward.verifiers.grounding.interval import MAX_INTERVALS, IntervalTask, interval, read_intervals, united
from veriward.verifiers.grounding.points import MAX_POINTS, on_one_line, read_points
from veriward.verifiers.grounding.reading import MAX_COORDINATE, MAX_VALUE_CHARS, last_value, numbers, read_answer
from veriward.verifiers.grounding.trajectory import MAX_POINTS as MAX_PATH_POINTS
from veriward.verifiers.grounding.trajectory import TrajectoryParams, TrajectoryTask, trajectory
from veriward.verifiers.judging import judge, parse_task
from veriward.wire.outcomes import Outcome

VALUES: dict[str, tuple[str, Any]] = {
    "JSON": ('[1, {"a": 2}]', [1, {"a": 2}]),
    "JSON in single quotes": ("{'a': 'b'}", {"a": "b"}),
    "an apostrophe in proper JSON stays": ('{"a": "it\'s"}', {"a": "it's"}),
    "round brackets": ("[(1, 2), (3, 4)]", [[1, 2], [3, 4]]),
    "the last group of prose": ("first [1, 2], then [3, 4].", [3, 4]),
    "a group in round brackets": ("click at (3, 4).", [3, 4]),
    "square brackets come before round ones": ("[1, 2] (the door)", [1, 2]),
    "nested groups whole": ("so [[1, 2], [3, 4]] it is", [[1, 2], [3, 4]]),
    "an object": ('so {"a": [1]}', {"a": [1]}),
    "a key said twice": ('{"a": 1, "a": 2}', None),
    "a constant that is no JSON": ("[NaN, Infinity]", None),
    "brackets that do not match": ("[1, 2}", None),
    "a group that never opens": ("1, 2]", None),
    "code": ("[__import__('os')]", None),
    "a number of too many digits": ("[" + "1" * 5_000 + "]", None),
    "nothing": ("", None),
}


@pytest.mark.parametrize(("text", "value"), VALUES.values(), ids=VALUES.keys())
def test_last_value(text: str, value: Any) -> None:
    assert last_value(text) == value


ANSWERS: dict[str, tuple[str, str]] = {
    "the last answer tag": ("<answer>[1]</answer><answer>[2]</answer>", "[2]"),
    "the last fence": ("```json\n[1]\n```\n```json\n[2]\n```", "[2]"),
    "a fence in an answer tag": ("<answer>so\n```json\n[2]\n```\n</answer>", "[2]"),
    "a fence of another language is none": ("```python\n[1]\n```", "```python\n[1]\n```"),
    "thinking is left out": ("<think>[1]</think> [2]", "[2]"),
    "thinking that never ends leaves nothing": ("<think>[1]", ""),
}


@pytest.mark.parametrize(("response", "text"), ANSWERS.values(), ids=ANSWERS.keys())
def test_read_answer(response: str, text: str) -> None:
    assert read_answer(response).text == text


def test_a_value_one_character_too_long_is_not_read() -> None:
    text = "[" + " " * (MAX_VALUE_CHARS - 3) + "1]"
    assert last_value(text) == [1]
    assert last_value(text.replace("[", "[ ")) is None


def test_a_coordinate_one_step_past_its_bound_is_none() -> None:
    assert numbers([0, MAX_COORDINATE], 2) == [0.0, MAX_COORDINATE]
    assert numbers([0, math.nextafter(MAX_COORDINATE, math.inf)], 2) is None
    assert numbers([0, -(10**400)], 2) is None
    assert numbers([0, True], 2) is None


IOUS: dict[str, tuple[list[float], list[float], float]] = {
    "the same": ([0, 0, 4, 4], [0, 0, 4, 4], 1.0),
    "half": ([0, 0, 4, 4], [0, 0, 2, 4], 0.5),
    "a quarter each: 4 / (16 + 16 - 4)": ([0, 0, 4, 4], [2, 2, 6, 6], 1 / 7),
    "an edge": ([0, 0, 4, 4], [4, 0, 8, 4], 0.0),
    "a corner": ([0, 0, 4, 4], [4, 4, 8, 8], 0.0),
    "no area": ([1, 1, 1, 1], [0, 0, 4, 4], 0.0),
    "apart": ([0, 0, 1, 1], [5, 5, 6, 6], 0.0),
}


@pytest.mark.parametrize(("first", "second", "value"), IOUS.values(), ids=IOUS.keys())
def test_iou(first: list[float], second: list[float], value: float) -> None:
    assert iou(first, second) == value == iou(second, first)


def test_the_best_pair_is_removed_not_the_last_one_looked_at() -> None:
    gold = [Box([0, 0, 10, 10], "a"), Box([20, 20, 30, 30], "b")]
    assert [pair[:2] for pair in greedy_pairs(gold[::-1], gold, 0.5, same_label=False)] == [(0, 1), (1, 0)]


def test_of_equal_boxes_the_one_of_the_right_label_is_matched_first() -> None:
    gold = [Box([0, 0, 10, 10], "a"), Box([0, 0, 10, 10], "b")]
    pairs = greedy_pairs(gold[::-1], gold, 0.5, same_label=False)
    assert sorted(pair[:2] for pair in pairs) == [(0, 1), (1, 0)]


CORNERS = st.tuples(*[st.integers(0, 12)] * 4).filter(lambda box: box[0] < box[2] and box[1] < box[3])


@given(st.lists(CORNERS, min_size=1, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_any_order_of_the_gold_boxes_earns_everything(boxes: list[tuple[int, ...]], order: Any) -> None:
    entries = [{"bbox_2d": list(box), "label": f"{number}"} for number, box in enumerate(boxes)]
    task = parse_task(verifiers()["grounding.detection"], {"gold": entries, "params": {"iou_threshold": 0.99}})
    order.shuffle(entries)
    assert isinstance(task, DetectionTask)
    verdict = detection(str(entries), task, NoSandbox())
    assert verdict.outcome is Outcome.CORRECT
    assert verdict.reward == pytest.approx(1.0)


THRESHOLDS: dict[str, tuple[dict[str, Any], tuple[float, ...]]] = {
    "a number is itself": ({"iou_threshold": 0.75}, (0.75,)),
    "dynamic at the start": ({"iou_threshold": "dynamic", "step_ratio": 0.0}, (0.85,)),
    "dynamic at a quarter": ({"iou_threshold": "dynamic", "step_ratio": 0.25}, (0.95,)),
    "dynamic at the end": ({"iou_threshold": "dynamic", "step_ratio": 1.0}, (0.99,)),
}


@pytest.mark.parametrize(("fields", "thresholds"), THRESHOLDS.values(), ids=THRESHOLDS.keys())
def test_thresholds(fields: dict[str, Any], thresholds: tuple[float, ...]) -> None:
    assert DetectionParams(**fields).thresholds == thresholds


def test_the_average_threshold_is_the_mean_over_eleven() -> None:
    fields = {"gold": [{"bbox_2d": [0, 0, 10, 10], "label": "a"}], "params": {"iou_threshold": "average"}}
    task = parse_task(verifiers()["grounding.detection"], fields)
    assert isinstance(task, DetectionTask)
    verdict = detection('[{"bbox_2d": [0, 0, 7.6, 10], "label": "a"}]', task, NoSandbox())
    # An IoU of 0.76 passes the six thresholds from 0.5 to 0.75.
    assert verdict.reward == pytest.approx(6 / 11 * (0.7 * 0.76 + 0.3))


@pytest.mark.parametrize("name", ["grounding.iou", "grounding.detection"])
def test_one_box_too_many_is_unparsed(name: str) -> None:
    verifier = verifiers()[name]
    task = parse_task(verifier, {"gold": [{"bbox_2d": [0, 0, 1, 1]}]})
    boxes = [[0, 0, 1, 1 + number] for number in range(MAX_BOXES + 1)]
    outcomes = [judge(verifier, task, str(some), NoSandbox()).outcome for some in (boxes[1:], boxes)]
    assert [outcome is Outcome.UNPARSED for outcome in outcomes] == [False, True]


LINES: dict[str, tuple[list[list[float]], bool]] = {
    "two points are no line": ([[0, 0], [5, 5]], False),
    "a triangle": ([[0, 0], [5, 5], [5, 0]], False),
    "a slanting line": ([[0, 0], [1, 3], [2, 6]], True),
    "an upright line of fractions": ([[0.1, 0], [0.1, 1], [0.1, 7]], True),
    "three of four": ([[0, 0], [9, 1], [1, 1], [2, 2]], True),
    "equal points and a third": ([[1, 1], [1, 1], [7, 3]], True),
}


@pytest.mark.parametrize(("points", "line"), LINES.values(), ids=LINES.keys())
def test_on_one_line(points: list[list[float]], line: bool) -> None:
    assert on_one_line(points) is line


def test_one_point_too_many_is_seen() -> None:
    points = [[number, number**2] for number in range(MAX_POINTS + 2)]
    assert len(read_points(points[:-2]) or []) == MAX_POINTS
    assert len(read_points(points) or []) == MAX_POINTS + 1


def test_one_interval_too_many_is_unparsed() -> None:
    intervals = [[2 * number, 2 * number + 1] for number in range(MAX_INTERVALS + 1)]
    task = IntervalTask(gold=[[0, 1]])
    assert interval(str(intervals[:-1]), task, NoSandbox()).outcome is Outcome.PARTIAL
    assert interval(str(intervals), task, NoSandbox()).outcome is Outcome.UNPARSED


TIMES: dict[str, tuple[Any, list[list[float]] | None]] = {
    "numbers": ([1, 2.5], [[1.0, 2.5]]),
    "texts of minutes": (["1:05", "0:01:10.5"], [[65.0, 70.5]]),
    "texts of seconds": (["5s", "7.5 seconds"], [[5.0, 7.5]]),
    "a text that is no time": (["5s", "later"], None),
    "a text and a number": (["5s", 7], None),
    "an end that is missing": ({"start": 5}, None),
}


@pytest.mark.parametrize(("value", "intervals"), TIMES.values(), ids=TIMES.keys())
def test_read_intervals(value: Any, intervals: list[list[float]] | None) -> None:
    assert read_intervals(value) == intervals


def test_intervals_that_meet_are_one() -> None:
    assert united([[5, 7], [0, 2], [2, 3], [6, 9]]) == [(0, 3), (5, 9)]


def test_a_path_one_point_too_long_is_not_read() -> None:
    path = [[float(number), 0.0] for number in range(MAX_PATH_POINTS + 1)]
    task = TrajectoryTask(gold=path[:-1])
    assert trajectory(str(path[:-1]), task, NoSandbox()).outcome is Outcome.CORRECT
    assert trajectory(str(path), task, NoSandbox()).outcome is Outcome.UNPARSED


def test_displacement_errors_by_hand() -> None:
    task = TrajectoryTask(gold=[[0, 0], [2, 0]], params=TrajectoryParams(scale=10))
    verdict = trajectory("[[0, 3], [2, 4]]", task, NoSandbox())
    assert verdict.metrics == {"ade": 3.5, "fde": 4.0}
    assert verdict.reward == pytest.approx(0.65 * 0.6)


KEYS = st.sampled_from(["bbox_2d", "label", "point_2d", "start", "end"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner),
    max_leaves=12,
)
READERS: list[Callable[[Any], Any]] = [read_boxes, read_points, read_intervals]


@pytest.mark.parametrize("read", READERS)
@given(value=JSON)
def test_any_value_is_read_or_not(read: Callable[[Any], Any], value: Any) -> None:
    found = read(value)
    assert found is None or len(found) >= 1


@given(st.text(alphabet="[](){}\",'0123456789.-: \n"))
def test_any_text_has_a_last_value_or_not(text: str) -> None:
    last_value(text)


GROUNDING = [pytest.param(verifier, id=name) for name, verifier in verifiers().items() if name.startswith("grounding.")]
FLOODS = ["[", "]", "[]", "{", "(", "[1,", "[0,0,1,1],", "'", "<answer>", "```json\n", "1 to 2 ", "1:11:11 - ", "9"]


@pytest.mark.parametrize("piece", FLOODS)
@pytest.mark.parametrize("verifier", GROUNDING)
def test_a_million_characters_of_anything_are_judged(verifier: Any, piece: str) -> None:
    task = parse_task(verifier, example(verifier))
    verifier.function(piece * (1_000_000 // len(piece)), task, NoSandbox())


@given(st.lists(CORNERS, min_size=1, max_size=4), st.sampled_from([0.3, 0.5, "average"]))
def test_no_wrong_detection_earns_more_than_a_right_one(boxes: list[tuple[int, ...]], threshold: Any) -> None:
    gold = [{"bbox_2d": [0, 0, 8, 8], "label": "a"}, {"bbox_2d": [4, 4, 12, 12], "label": "b"}]
    task = parse_task(verifiers()["grounding.detection"], {"gold": gold, "params": {"iou_threshold": threshold}})
    assert isinstance(task, DetectionTask)
    right = detection(str(gold), task, NoSandbox())
    some = detection(str([{"bbox_2d": list(box), "label": "a"} for box in boxes]), task, NoSandbox())
    assert some.outcome is not Outcome.CORRECT
    assert some.reward < right.reward == pytest.approx(1.0)
