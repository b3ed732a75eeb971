"""Zebra puzzles: who lives in which house with what, by clues."""

import json
from random import Random
from typing import Annotated, Any

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Puzzle, Unread, judged, last_literal
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_HOUSES = 10
MAX_CLUES = 200
MAX_GOLD_CHARS = 20_000

Name = Annotated[str, Field(min_length=1, max_length=60)]
Thing = Annotated[list[Name], Field(min_length=2, max_length=2)]  # attribute, value
Clue = Annotated[list[str | Thing | int], Field(min_length=3, max_length=3)]
Houses = list[dict[str, str]]  # of each house in order, its value of every attribute

KINDS = ("same", "at", "not_at", "left_of", "directly_left_of", "next_to")


class ZebraTask(GameTask):
    """`attributes`: their values, one per house; `clues`: `[kind, thing, thing or house]`, a thing being
    `[attribute, value]` and the first house 1; or a published row's `answer`: JSON of a table or of a mapping."""

    attributes: dict[Name, list[Name]] = Field(default_factory=dict, max_length=12)
    clues: Annotated[list[Clue], Field(max_length=MAX_CLUES)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _whole(self) -> "ZebraTask":
        if not self.attributes:
            self.gold()
            return self
        sizes = {len(values) for values in self.attributes.values()}
        if len(sizes) > 1 or not 2 <= min(sizes) <= MAX_HOUSES:
            raise ValueError(f"every attribute must have as many values as there are houses, 2 to {MAX_HOUSES}")
        if any(len(set(map(_plain, values))) < len(values) for values in self.attributes.values()):
            raise ValueError("an attribute has one value twice")
        for clue in self.clues:
            if (
                clue[0] not in KINDS
                or not self._known(clue[1])
                or not (isinstance(clue[2], int) or self._known(clue[2]))
            ):
                raise ValueError(f"a clue must be one of {', '.join(KINDS)}, of things that occur")
            if (clue[0] in ("at", "not_at")) is not isinstance(clue[2], int):
                raise ValueError("at and not_at take a house, the others two things")
        return self

    def gold(self) -> Any:
        """A published row's answer in the form that answers are compared in. Raises `ValueError`."""
        answer = self.answer
        if isinstance(answer, str):
            if len(answer) > MAX_GOLD_CHARS:
                raise ValueError(f"the answer is longer than {MAX_GOLD_CHARS:,} characters")
            try:
                answer = json.loads(answer)
            except (ValueError, RecursionError):
                raise ValueError("the answer is not JSON") from None
        if not isinstance(answer, dict) or not answer:
            raise ValueError("give attributes and clues, or the answer of a published row")
        return _comparable(answer)

    def _known(self, thing: Any) -> bool:
        return isinstance(thing, list) and len(thing) == 2 and thing[1] in self.attributes.get(str(thing[0]), ())


@verifier("logic.zebra_puzzle", version=1, task=ZebraTask)
def zebra_puzzle(response: str, task: ZebraTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last JSON table; every house has each attribute, every value lives once, and every clue holds.

    The table is `{"House 1": {attribute: value, …}, …}`, case and order apart. Published rows, which bring no clues
    (SynLogic's `zebra_puzzle`, Guru's), are compared with their answer: a mapping, or `{"header": […], "rows": [[…]]}`
    in any order of rows; all of it must be right, where Guru pays a share of the cells.
    """
    if not task.attributes:
        gold = task.gold()
        return judged(
            lambda: _comparable(_mapping(response)), lambda told: None if told == gold else "the table differs"
        )
    return judged(lambda: _houses(_mapping(response), task), lambda houses: _broken_clue(houses, task))


def _mapping(response: str) -> dict[Any, Any]:
    told = last_literal(response)
    if not isinstance(told, dict):
        raise Unread("it is no mapping")
    return told


def _houses(told: dict[Any, Any], task: ZebraTask) -> Houses:
    """The houses in order, in the task's own spelling."""
    count = len(next(iter(task.attributes.values())))
    by_number = {_plain(name).removeprefix("house").strip(): house for name, house in told.items()}
    if set(by_number) != {str(at) for at in range(1, count + 1)} or len(by_number) != len(told):
        raise Unread(f"it does not tell of the houses 1 to {count}, each once", str(told))
    names = {_plain(name): name for name in task.attributes}
    houses = []
    for at in range(1, count + 1):
        house = by_number[str(at)]
        if not isinstance(house, dict) or {_plain(name) for name in house} != set(names) or len(house) != len(names):
            raise Unread(f"house {at} does not tell {', '.join(task.attributes)}, each once", str(told))
        values = {names[_plain(name)]: _plain(value) for name, value in house.items()}
        spelt = {name: {_plain(value): value for value in task.attributes[name]} for name in values}
        unknown = [value for name, value in values.items() if value not in spelt[name]]
        if unknown:
            raise Unread(f"{unknown[0][:40]!r} does not occur", str(told))
        houses.append({name: spelt[name][values[name]] for name in task.attributes})
    return houses


def _broken_clue(houses: Houses, task: ZebraTask) -> str | None:
    for name, values in task.attributes.items():
        if {house[name] for house in houses} != set(values):
            return f"a value of {name} stands twice"
    places = {(name, value): at for at, house in enumerate(houses, 1) for name, value in house.items()}
    for clue in task.clues:
        one: Any = clue[1]
        other: Any = clue[2]
        second = other if isinstance(other, int) else places[tuple(other)]
        if not _holds(str(clue[0]), places[tuple(one)], second):
            return f"{json.dumps(clue)} does not hold"
    return None


def _holds(kind: str, first: int, second: int) -> bool:
    match kind:
        case "same" | "at":
            return first == second
        case "not_at":
            return first != second
        case "left_of":
            return first < second
        case "directly_left_of":
            return first + 1 == second
    return abs(first - second) == 1


def _comparable(told: Any, depth: int = 0) -> Any:
    """Equal tables as equal values: case, spaces, the order of a table's rows, and 1 or "1" are the same."""
    if depth > 8:
        raise ValueError("it is too deep")
    if isinstance(told, dict):
        if set(told) == {"header", "rows"} and isinstance(told["rows"], list) and isinstance(told["header"], list):
            header = [_plain(name) for name in told["header"]]
            rows = [[_plain(cell) for cell in row] for row in told["rows"] if isinstance(row, list)]
            if len(rows) == len(told["rows"]):
                return {"header": header, "rows": sorted(rows)}
        return {_plain(name): _comparable(value, depth + 1) for name, value in told.items()}
    if isinstance(told, list):
        return [_comparable(one, depth + 1) for one in told]
    return _plain(told)


def _plain(value: Any) -> str:
    return " ".join(str(value).casefold().split())


ATTRIBUTES = {
    "name": ("Arnold", "Eric", "Peter", "Alice", "Bob", "Carol"),
    "pet": ("cat", "dog", "fish", "horse", "bird", "hamster"),
    "drink": ("tea", "milk", "coffee", "water", "juice", "cocoa"),
    "colour": ("red", "green", "blue", "white", "yellow", "purple"),
    "hobby": ("chess", "painting", "cooking", "gardening", "sailing", "knitting"),
    "job": ("doctor", "teacher", "lawyer", "artist", "pilot", "farmer"),
}
CLUES = {
    "same": "The house with {0} is the house with {1}.",
    "at": "House {1} has {0}.",
    "not_at": "House {1} does not have {0}.",
    "left_of": "The house with {0} is somewhere to the left of the house with {1}.",
    "directly_left_of": "The house with {0} is directly to the left of the house with {1}.",
    "next_to": "The houses with {0} and with {1} are next to each other.",
}
PROMPT = """There are {count} houses in a row, numbered 1 to {count} from left to right. Each has a value of its own \
for each of these:

{attributes}

{clues}

Which house has what? Give the answer at the end as JSON in a fenced block, with every house and every attribute:
```json
{{"House 1": {{{form}}}, …}}
```"""


class ZebraParameters(Parameters):
    """How many houses, how many attributes each has, and whether clues that name a house are among them."""

    houses: int = dial(3, 5, ge=2, le=6)
    attributes: int = dial(3, 5, ge=2, le=6)
    placed: float = dial(
        0.5, 0.1, ge=0.0, le=1.0, about="share of clues that name a house, before the idle are dropped"
    )


@generator("logic.zebra_puzzle", version=1, parameters=ZebraParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: ZebraParameters, /) -> Generated:
    """Random clues that are true of a random street, of which none can be dropped without a second solution."""
    count = parameters.houses
    names = rng.sample(list(ATTRIBUTES), parameters.attributes)
    street = {name: rng.sample(ATTRIBUTES[name], count) for name in names}
    places = {(name, value): at for name, values in street.items() for at, value in enumerate(values, 1)}
    clues = _true_clues(rng, places, count, parameters.placed)
    with Puzzle() as puzzle:
        cells = {thing: puzzle.choice(count) for thing in places}
        for name, values in street.items():
            puzzle.different([cells[name, value] for value in values])
        literals = [_clue(puzzle, clue, cells, count) for clue in clues]
        spare = [cells[thing][at - 1] for thing, at in places.items()]
        needed = puzzle.thinned(rng, spare, spare, given=literals)
        kept = set(puzzle.thinned(rng, spare, literals, given=needed))
    told = [clue for clue, one in zip(clues, literals, strict=True) if one in kept]
    told += [["at", list(thing), at] for thing, at in places.items() if cells[thing][at - 1] in needed]
    attributes = {name: sorted(values) for name, values in street.items()}
    houses = {f"House {at + 1}": {name: street[name][at] for name in names} for at in range(count)}
    prompt = PROMPT.format(
        count=count,
        attributes="\n".join(f"- {name}: {', '.join(values)}" for name, values in attributes.items()),
        clues="\n".join(f"{at}. {_sentence(clue)}" for at, clue in enumerate(told, 1)),
        form=", ".join(f'"{name}": …' for name in names),
    )
    response = f"```json\n{json.dumps(houses)}\n```"
    return Generated(prompt=prompt, task=ZebraTask(attributes=attributes, clues=told), reference=response)


def _true_clues(rng: Random, places: dict[tuple[str, str], int], count: int, placed: float) -> list[Any]:
    """Clues in random order; they may leave more than one street."""
    things = list(places)
    clues: list[Any] = []
    for _ in range(8 * len(things)):
        one, other = rng.sample(things, 2)
        if rng.random() < placed:
            house = rng.randint(1, count)
            clues.append(["at" if places[one] == house else "not_at", list(one), house])
            continue
        kinds = [kind for kind in ("same", *KINDS[3:]) if _holds(kind, places[one], places[other])]
        if kinds and one[0] != other[0]:
            clues.append([rng.choice(kinds), list(one), list(other)])
    return [clue for at, clue in enumerate(clues) if clue not in clues[:at]]


def _clue(puzzle: Puzzle, clue: Any, cells: dict[tuple[str, str], list[int]], count: int) -> int:
    """A literal that implies the clue."""
    kind, one, other = clue
    where = puzzle.literal()
    first = cells[tuple(one)]
    for at, literal in enumerate(first, 1):
        if isinstance(other, int):
            if not _holds(kind, at, other):
                puzzle.never([where, literal])
        else:
            second = cells[tuple(other)]
            puzzle.implies([where, literal], [second[to - 1] for to in range(1, count + 1) if _holds(kind, at, to)])
    return where


def _sentence(clue: Any) -> str:
    kind, one, other = clue
    second = other if isinstance(other, int) else f"{other[0]} {other[1]}"
    return CLUES[kind].format(f"{one[0]} {one[1]}", second)
