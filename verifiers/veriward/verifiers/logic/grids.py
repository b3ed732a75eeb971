"""Rectangles of cells, for the games that are played on them: their shape, their neighbours, places and text."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from veriward.verifiers.logic.reading import Unread, last_literal

Place = tuple[int, int]

MAX_SIDE = 20
ACROSS = ((-1, 0), (0, -1), (0, 1), (1, 0))
AROUND = (*ACROSS, (-1, -1), (-1, 1), (1, -1), (1, 1))


def as_texts(rows: Any) -> Any:
    """A published grid whose cells are texts and numbers, all as texts."""
    if not isinstance(rows, list):
        return rows
    return [
        [str(cell) if type(cell) is int else cell for cell in row] if isinstance(row, list) else row for row in rows
    ]


def require_rectangle(rows: list[Any]) -> list[Any]:
    """Raises `ValueError` where the rows differ in length."""
    if len({len(row) for row in rows}) > 1:
        raise ValueError("its rows differ in length")
    return rows


def places(rows: Sequence[Sequence[Any]]) -> list[Place]:
    """All of them, row after row."""
    return [(row, column) for row, cells in enumerate(rows) for column in range(len(cells))]


def neighbours(place: Place, rows: Sequence[Sequence[Any]], steps: Iterable[Place] = ACROSS) -> list[Place]:
    """The places within the grid that are one of `steps` away."""
    row, column = place
    near = [(row + down, column + right) for down, right in steps]
    return [(to, at) for to, at in near if 0 <= to < len(rows) and 0 <= at < len(rows[0])]


def parts(some: Collection[Place], rows: Sequence[Sequence[Any]]) -> list[list[Place]]:
    """The places in parts that hang together edge to edge, in the order in which they are given."""
    left = dict.fromkeys(some)
    found = []
    while left:
        part = [next(iter(left))]
        del left[part[0]]
        for place in part:
            near = [one for one in neighbours(place, rows) if one in left]
            for one in near:
                del left[one]
            part += near
        found.append(part)
    return found


def last_places(response: str) -> list[Place]:
    """The last list of places, such as `[(0, 1), (2, 3)]`, in its order. Raises `Unread`."""
    return [place_of(one) for one in listed(last_literal(response))]


def listed(told: Any) -> list[Any]:
    """Raises `Unread` where it is no list."""
    if not isinstance(told, list):
        raise Unread("it is no list", str(told))
    return told


def place_of(told: Any) -> Place:
    """Raises `Unread` where it is no pair of whole numbers."""
    if not isinstance(told, list) or len(told) != 2 or any(type(one) is not int for one in told):
        raise Unread(f"{str(told)[:40]!r} is no place", str(told))
    return told[0], told[1]


def written(rows: Iterable[Iterable[Any]]) -> str:
    return "\n".join(" ".join(map(str, row)) for row in rows)


def _as_text(cell: Any) -> Any:
    return str(cell) if type(cell) is int else cell
