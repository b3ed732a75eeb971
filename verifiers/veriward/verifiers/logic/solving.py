"""Asks a SAT solver whether a puzzle has a solution, and whether it has another: for generators, never for verifiers.

The solver is only asked for yes or no, which is the same for every solver; a solution that it happens to find is never
shown, so tasks do not depend on its version. Needs python-sat (the extra `logic`), imported when the first puzzle is
made.
"""

import weakref
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import combinations
from random import Random
from typing import Any

SOLVER = "glucose4"


class Puzzle:
    """Constraints over literals: positive whole numbers, negative where the literal is false."""

    def __init__(self) -> None:
        from pysat.solvers import Solver

        self._solver: Any = Solver(name=SOLVER)
        # Puzzles that are kept until the process ends go before the library does.
        self._end = weakref.finalize(self, self._solver.delete)
        self._last = 0
        self._cuts: list[Callable[[AbstractSet[int]], Iterable[Sequence[int]]]] = []

    @property
    def effort(self) -> int:
        """How many decisions the solver has taken so far, and how often it had to take one back."""
        told = self._solver.accum_stats()
        return int(told["decisions"] + told["conflicts"])

    def literal(self) -> int:
        """A new one."""
        self._last += 1
        return self._last

    def literals(self, count: int) -> list[int]:
        return [self.literal() for _ in range(count)]

    def choice(self, count: int) -> list[int]:
        """New literals, of which exactly one is true: a cell that takes one of `count` values."""
        chosen = self.literals(count)
        self.exactly(1, chosen)
        return chosen

    def any_of(self, literals: Iterable[int]) -> None:
        """At least one of them is true: a clause."""
        self._solver.add_clause(list(literals))

    def never(self, literals: Iterable[int]) -> None:
        """Not all of them are true."""
        self._solver.add_clause([-one for one in literals])

    def implies(self, conditions: Iterable[int], literals: Iterable[int]) -> None:
        """Where all conditions are true, at least one of the literals is."""
        self._solver.add_clause([-one for one in conditions] + list(literals))

    def at_most(self, count: int, literals: Sequence[int], *, where: int | None = None) -> None:
        """At most `count` are true; only `where` that literal is, if it is given."""
        unless = [] if where is None else [-where]
        if count >= len(literals):
            return
        if count == 0:
            for one in literals:
                self._solver.add_clause([*unless, -one])
        elif count == 1 and len(literals) <= 10:
            for pair in combinations(literals, 2):
                self._solver.add_clause([*unless, -pair[0], -pair[1]])
        else:
            from pysat.card import CardEnc

            encoded = CardEnc.atmost(list(literals), bound=count, top_id=self._last)
            self._last = max(self._last, encoded.nv)
            for clause in encoded.clauses:
                self._solver.add_clause([*unless, *clause])

    def at_least(self, count: int, literals: Sequence[int], *, where: int | None = None) -> None:
        """At least `count` are true; only `where` that literal is, if it is given."""
        if count == 1:
            self._solver.add_clause([*([] if where is None else [-where]), *literals])
        else:
            self.at_most(len(literals) - count, [-one for one in literals], where=where)

    def exactly(self, count: int, literals: Sequence[int], *, where: int | None = None) -> None:
        self.at_least(count, literals, where=where)
        self.at_most(count, literals, where=where)

    def different(self, cells: Iterable[Sequence[int]]) -> None:
        """No two cells, each a `choice` over the same values, take the same value."""
        some = list(cells)
        for same in zip(*some, strict=True):
            self.at_most(1, same)
            if len(some) == len(some[0]):  # so each value is taken; said too, it saves the solver most of its search
                self.any_of(same)

    def one_of(self, rows: Iterable[Sequence[int]], *, where: int | None = None) -> None:
        """For at least one of the rows all its literals are true: a table of what is allowed."""
        chosen = []
        for row in rows:
            picked = self.literal()
            chosen.append(picked)
            for one in row:
                self._solver.add_clause([-picked, one])
        self._solver.add_clause([*([] if where is None else [-where]), *chosen])

    def lazily(self, cuts: Callable[[AbstractSet[int]], Iterable[Sequence[int]]]) -> None:
        """A rule that takes too many clauses to state at once: of a model's true literals, `cuts` gives clauses of the
        rule that they break; none where the rule holds.
        """
        self._cuts.append(cuts)

    def solvable(self, given: Iterable[int] = ()) -> bool:
        """Whether a solution exists in which all of `given` are true."""
        fixed = list(given)
        while self._solver.solve(assumptions=fixed):
            model = set(self._solver.get_model()) if self._cuts else set()
            broken = [clause for cuts in self._cuts for clause in cuts(model)]
            if not broken:
                return True
            for clause in broken:
                self._solver.add_clause(list(clause))
        return False

    def differs(self, solution: Sequence[int]) -> int:
        """A literal that, when given, leaves only solutions that are not `solution`."""
        other = self.literal()
        self._solver.add_clause([-other, *(-one for one in solution)])
        return other

    def unique(self, solution: Sequence[int], given: Iterable[int] = ()) -> bool:
        """Whether no other solution holds all of `given`; `solution`: the literals that are true in the known one."""
        other = self.differs(solution)
        alone = not self.solvable([*given, other])
        self.any_of([-other])  # for good: the solver drops the clause
        return alone

    def solution(self, rng: Random, cells: Sequence[Sequence[int]], given: Iterable[int] = ()) -> list[int] | None:
        """A random solution: of each cell its true literal; None where there is none.

        Cell after cell, in random order, takes the first of its values in random order that still has a solution: so
        it depends on `rng` and on the rules, not on the solver.
        """
        fixed = list(given)
        if not self.solvable(fixed):
            return None
        chosen: dict[int, int] = {}
        found = set(self._solver.get_model())
        for at in rng.sample(range(len(cells)), len(cells)):
            for one in rng.sample(list(cells[at]), len(cells[at])):
                if one not in found:
                    if not self.solvable([*fixed, one]):
                        continue
                    found = set(self._solver.get_model())
                chosen[at] = one
                fixed.append(one)
                break
        return [chosen[at] for at in range(len(cells))]

    def thinned(
        self,
        rng: Random,
        solution: Sequence[int],
        clues: Sequence[int],
        least: int = 0,
        given: Sequence[int] = (),
    ) -> list[int]:
        """Clues left after taking away as many as leaves `solution` the only one, in random order; `least` at least.

        A clue is a literal that is true in the solution: a given cell, or one that implies a constraint. Those of
        `given` hold throughout and are not among the result.
        """
        other = self.differs(solution)
        kept = list(clues)
        for clue in rng.sample(kept, len(kept)):
            if len(kept) <= least:
                break
            rest = [one for one in kept if one != clue]
            if not self.solvable([*given, *rest, other]):
                kept = rest
        self.any_of([-other])
        return kept

    def close(self) -> None:
        self._end()

    def __enter__(self) -> "Puzzle":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
