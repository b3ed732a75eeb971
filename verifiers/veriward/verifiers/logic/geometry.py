"""Geometry: points of a triangle with given corners, and areas, exactly."""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from random import Random
from typing import Annotated, Literal

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator, levels
from veriward.verifiers.logic import GameTask, Unread, judged, last_text
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_COORDINATE = 10**6
MAX_NUMBER_CHARS = 60
MAX_TRIES = 200

Point = tuple[Fraction, Fraction]
Question = Literal["area", "midpoint", "centroid", "foot", "reflection", "circumcenter", "orthocenter"]

_FRACTION = re.compile(r"(-?)\\[dt]?frac\{(-?\d+)\}\{(\d+)\}")
_NUMBER = re.compile(r"-?\d+(?:/\d+|\.\d+)?", re.ASCII)


class GeometryTask(GameTask):
    """`corners`: A, B and C, each `[x, y]`; the `question` about their triangle."""

    corners: Annotated[
        list[
            Annotated[
                list[Annotated[int, Field(ge=-MAX_COORDINATE, le=MAX_COORDINATE)]], Field(min_length=2, max_length=2)
            ]
        ],
        Field(min_length=3, max_length=3),
    ]
    question: Question

    @model_validator(mode="after")
    def _a_triangle(self) -> "GeometryTask":
        if not _doubled_area(*_points(self.corners)):
            raise ValueError("the corners lie on one line")
        return self


@verifier("logic.geometry", version=1, task=GeometryTask)
def geometry(response: str, task: GeometryTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last number or pair of numbers; it is exactly what the corners give, computed in fractions.

    `3/2`, `1.5` and `\\frac{3}{2}` are one number; a rounded one is not. Of the eight tasks of "How Much Backtracking
    is Enough?" (arXiv:2505.24273).
    """
    return judged(lambda: _read(response), lambda told: _broken_rule(told, task))


def _read(response: str) -> list[str]:
    """One number, or two, in lowest terms."""
    text = last_text(response).strip("$ .").replace("−", "-")
    text = _FRACTION.sub(r"\1\2/\3", text.replace("\\left", "").replace("\\right", ""))
    bracketed = re.fullmatch(r"[(\[](.*)[)\]]", text, re.DOTALL)
    pieces = [piece.strip() for piece in (bracketed[1] if bracketed else text).split(",")]
    if len(pieces) > 2 or any(len(one) > MAX_NUMBER_CHARS or not _NUMBER.fullmatch(one) for one in pieces):
        raise Unread("it is neither a number nor a pair of numbers", text)
    try:
        return [str(Fraction(piece)) for piece in pieces]
    except ZeroDivisionError:
        raise Unread("it divides by zero", text) from None


def _broken_rule(told: list[str], task: GeometryTask) -> str | None:
    answer = _answer(task.question, *_points(task.corners))
    if len(told) != len(answer):
        return "it is a number, not a point" if len(answer) > 1 else "it is a point, not a number"
    return None if told == answer else "it is another " + ("point" if len(answer) > 1 else "number")


def _answer(question: Question, a: Point, b: Point, c: Point) -> list[str]:
    if question == "area":
        return [str(abs(_doubled_area(a, b, c)) / 2)]
    return [str(one) for one in POINTS[question](a, b, c)]


def _doubled_area(a: Point, b: Point, c: Point) -> Fraction:
    """Positive where the corners go round against the clock."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _midpoint(a: Point, b: Point, c: Point) -> Point:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


def _centroid(a: Point, b: Point, c: Point) -> Point:
    return (a[0] + b[0] + c[0]) / 3, (a[1] + b[1] + c[1]) / 3


def _foot(a: Point, b: Point, c: Point) -> Point:
    """Of the altitude from A."""
    across, up = c[0] - b[0], c[1] - b[1]
    share = ((a[0] - b[0]) * across + (a[1] - b[1]) * up) / (across**2 + up**2)
    return b[0] + share * across, b[1] + share * up


def _reflection(a: Point, b: Point, c: Point) -> Point:
    foot = _foot(a, b, c)
    return 2 * foot[0] - a[0], 2 * foot[1] - a[1]


def _circumcenter(a: Point, b: Point, c: Point) -> Point:
    squares = [x * x + y * y for x, y in (a, b, c)]
    twice = 2 * _doubled_area(a, b, c)
    x = squares[0] * (b[1] - c[1]) + squares[1] * (c[1] - a[1]) + squares[2] * (a[1] - b[1])
    y = squares[0] * (c[0] - b[0]) + squares[1] * (a[0] - c[0]) + squares[2] * (b[0] - a[0])
    return x / twice, y / twice


def _orthocenter(a: Point, b: Point, c: Point) -> Point:
    center = _circumcenter(a, b, c)
    return a[0] + b[0] + c[0] - 2 * center[0], a[1] + b[1] + c[1] - 2 * center[1]


POINTS: dict[Question, Callable[[Point, Point, Point], Point]] = {
    "midpoint": _midpoint,
    "centroid": _centroid,
    "foot": _foot,
    "reflection": _reflection,
    "circumcenter": _circumcenter,
    "orthocenter": _orthocenter,
}


def _points(corners: Sequence[Sequence[int]]) -> list[Point]:
    return [(Fraction(x), Fraction(y)) for x, y in corners]


class GeometryParameters(Parameters):
    """Which questions may be asked, and how large coordinates are."""

    questions: list[Question] = levels(
        ["area", "midpoint"],
        ["area", "midpoint", "centroid"],
        ["centroid", "foot"],
        ["foot", "reflection", "circumcenter"],
        ["reflection", "circumcenter", "orthocenter"],
        about="of which one is drawn",
    )
    largest: int = dial(6, 40, ge=2, le=10_000, about="the largest coordinate, either side of 0")


ASKS: dict[Question, str] = {
    "area": "the area of the triangle",
    "midpoint": "the midpoint of the side AB",
    "centroid": "the centroid of the triangle",
    "foot": "the foot of the altitude from A, on the line BC",
    "reflection": "the reflection of A in the line BC",
    "circumcenter": "the circumcenter of the triangle",
    "orthocenter": "the orthocenter of the triangle",
}
PROMPT = """A triangle has the corners A = ({0}, {1}), B = ({2}, {3}) and C = ({4}, {5}). Find {asked}.

Give it exactly, with fractions in the form p/q where needed, {form}, alone at the end, in a fenced block."""


@generator("logic.geometry", version=1, parameters=GeometryParameters, unique=True)
def generate(rng: Random, parameters: GeometryParameters, /) -> Generated:
    """Random corners and a question, whose answer is computed."""
    question = rng.choice(parameters.questions)
    for _ in range(MAX_TRIES):
        corners = [[rng.randint(-parameters.largest, parameters.largest) for _ in "xy"] for _ in "abc"]
        points = _points(corners)
        if not _doubled_area(*points):
            continue
        answer = _answer(question, *points)
        if answer != ["0"] and answer not in ([str(x), str(y)] for x, y in points):
            break
    else:
        raise NoTask(f"no triangle within {parameters.largest}")
    prompt = PROMPT.format(
        *(one for corner in corners for one in corner),
        asked=ASKS[question],
        form="as a number" if question == "area" else "as a point (x, y)",
    )
    written = answer[0] if question == "area" else f"({', '.join(answer)})"
    return Generated(
        prompt=prompt, task=GeometryTask(corners=corners, question=question), reference=f"```\n{written}\n```"
    )
