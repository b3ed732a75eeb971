"""Ordering puzzles: a line of people, told by who stands before, beside, between or how far from whom."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from random import Random
from typing import Annotated, Literal

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Puzzle, Unread, judged, last_literal
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict

MAX_ITEMS = 30

NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ivo", "June", "Kai", "Lena")
SAYS = {
    "before": "{0} stands somewhere to the left of {1}.",
    "next_to": "{0} stands directly beside {1}.",
    "not_next_to": "{0} does not stand directly beside {1}.",
    "just_before": "{0} stands directly to the left of {1}.",
    "two_apart": "Exactly one person stands between {0} and {1}.",
    "between": "{0} stands somewhere between {1} and {2}.",
    "not_at_end": "{0} stands at neither end.",
    "at_end": "{0} stands at one of the two ends.",
}
WHO = {"between": 3, "not_at_end": 1, "at_end": 1}  # else 2

Name = Annotated[str, Field(min_length=1, max_length=40)]
Kind = Literal["before", "next_to", "not_next_to", "just_before", "two_apart", "between", "not_at_end", "at_end"]
Said = tuple[Kind, tuple[int, ...]]  # a clue whose people are numbers


class Clue(Task):
    """What is said, and of whom."""

    kind: Kind
    who: Annotated[list[Name], Field(min_length=1, max_length=3)]


class OrderingTask(GameTask):
    """`items`: all names; `clues`: a `kind` and the names `who` that it speaks of, in their order."""

    items: Annotated[list[Name], Field(min_length=2, max_length=MAX_ITEMS)]
    clues: Annotated[list[Clue], Field(max_length=400)]

    @model_validator(mode="after")
    def _of_these_items(self) -> "OrderingTask":
        if len(set(self.items)) < len(self.items):
            raise ValueError("two items have one name")
        for clue in self.clues:
            if len(set(clue.who)) != WHO.get(clue.kind, 2) or not set(clue.who) <= set(self.items):
                raise ValueError(f"a clue {clue.kind!r} must name {WHO.get(clue.kind, 2)} different items")
        return self


@verifier("logic.ordering_puzzle", version=1, task=OrderingTask)
def ordering_puzzle(response: str, task: OrderingTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last list; it names everybody once, and every clue is true of it.

    Names may go without quotes, and in small or capital letters. Any order counts that fits.
    """
    return judged(lambda: _read(response, task.items), lambda told: _broken_rule(told, task))


def _read(response: str, items: Sequence[str]) -> list[str]:
    told = last_literal(response, words=True)
    if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
        raise Unread("it is no list of names", str(told))
    names = {name.lower(): name for name in items}
    return [names.get(str(one).lower(), str(one)) for one in told]


def _broken_rule(told: list[str], task: OrderingTask) -> str | None:
    if sorted(told) != sorted(task.items):
        return "it does not name everybody once"
    place = {name: at for at, name in enumerate(told)}
    for clue in task.clues:
        if not _holds(clue.kind, [place[name] for name in clue.who], len(told)):
            return f"this is not so: {SAYS[clue.kind].format(*clue.who)}"
    return None


def _holds(kind: str, at: Sequence[int], count: int) -> bool:
    if kind in ("at_end", "not_at_end"):
        return (at[0] in (0, count - 1)) == (kind == "at_end")
    if kind == "between":
        return min(at[1:]) < at[0] < max(at[1:])
    if kind == "before":
        return at[0] < at[1]
    if kind == "just_before":
        return at[0] + 1 == at[1]
    if kind == "two_apart":
        return abs(at[0] - at[1]) == 2
    return (abs(at[0] - at[1]) == 1) == (kind == "next_to")


class OrderingParameters(Parameters):
    """How many people; `vague`: the share of clues that leave more open, such as "somewhere to the left"."""

    count: int = dial(4, 9, ge=3, le=len(NAMES), about="how many people stand in line")
    vague: float = dial(0.3, 0.9, ge=0.0, le=1.0, about="share of clues that leave more open")


VAGUE = ("before", "not_next_to", "between", "not_at_end")
PRECISE = ("next_to", "just_before", "two_apart", "at_end")
PROMPT = """{count} people stand in a line, from left to right: {names} (not in this order).

{clues}

In which order do they stand? Give all names from left to right at the end, in a fenced block:
```
[first name, second name, …]
```"""


@generator("logic.ordering_puzzle", version=1, parameters=OrderingParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: OrderingParameters, /) -> Generated:
    """A random line, and of many clues that are true of it as few as leave it the only one."""
    count = parameters.count
    names = sorted(rng.sample(NAMES, count))
    order = rng.sample(range(count), count)  # the place of each name
    clues, chain = _true_clues(rng, order, parameters.vague)
    puzzle, people, literals = _rules(count)
    solution = [people[one][at] for one, at in enumerate(order)]
    held = [literals[clue] for clue in clues]
    links = puzzle.thinned(rng, solution, [literals[clue] for clue in chain], given=held)
    kept = {*links, *puzzle.thinned(rng, solution, held, given=links)}
    told = [clue for clue in {**dict.fromkeys(clues), **dict.fromkeys(chain)} if literals[clue] in kept]
    said = [Clue(kind=kind, who=[names[one] for one in who]) for kind, who in told]
    line = [name for _, name in sorted(zip(order, names, strict=True))]
    items = line
    while items == line:  # so that the names as they are told are no answer
        items = rng.sample(names, count)
    prompt = PROMPT.format(
        count=count,
        names=", ".join(items),
        clues="\n".join(f"- {SAYS[clue.kind].format(*clue.who)}" for clue in said),
    )
    return Generated(
        prompt=prompt, task=OrderingTask(items=items, clues=said), reference=f"```\n[{', '.join(line)}]\n```"
    )


def _true_clues(rng: Random, order: Sequence[int], vague: float) -> tuple[list[Said], list[Said]]:
    """True clues in random order, and a chain of them that alone leaves one line."""
    count = len(order)
    clues: dict[Said, None] = {}
    for _ in range(12 * count):
        kind: Kind = rng.choice(VAGUE if rng.random() < vague else PRECISE)  # type: ignore[arg-type]
        who = tuple(rng.sample(range(count), WHO.get(kind, 2)))
        if _holds(kind, [order[one] for one in who], count):
            clues[kind, who] = None
    line = sorted(range(count), key=order.__getitem__)
    chain: list[Said] = [("before", pair) for pair in pairwise(line)]
    return [clue for clue in clues if clue not in chain], chain


@cache
def _rules(count: int) -> tuple[Puzzle, list[list[int]], "Literals"]:
    puzzle = Puzzle()
    people = [puzzle.choice(count) for _ in range(count)]
    puzzle.different(people)
    return puzzle, people, Literals(puzzle, people)


class Literals(dict[Said, int]):
    """Of each clue, made when first asked for, a literal that implies it."""

    def __init__(self, puzzle: Puzzle, people: list[list[int]]) -> None:
        super().__init__()
        self._puzzle, self._people = puzzle, people

    def __missing__(self, clue: Said) -> int:
        kind, who = clue
        count = len(self._people)
        where = self[clue] = self._puzzle.literal()
        first, *rest = (self._people[one] for one in who)
        for at in range(count):
            if not rest and not _holds(kind, [at], count):
                self._puzzle.never([where, first[at]])
            for to in range(count) if rest else ():
                if len(rest) == 1 and not _holds(kind, [at, to], count):
                    self._puzzle.never([where, first[at], rest[0][to]])
                for also in range(count) if len(rest) == 2 else ():
                    if not _holds(kind, [at, to, also], count):
                        self._puzzle.never([where, first[at], rest[0][to], rest[1][also]])
        return where
