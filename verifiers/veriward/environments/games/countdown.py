"""`countdown`: reach a number from others, one operation at a time."""

from random import Random
from typing import Annotated, Literal

from pydantic import Field

from veriward.environments import Call, Environment, EpisodeTask, Example, Step, ToolError, environment, tool

MAX_VALUE = 10**9
_DRAWS = 1_000
Number = Annotated[int, Field(ge=1, le=1_000)]


class CountdownTask(EpisodeTask):
    """`numbers` and `target`; left out, the seed draws `count` numbers and a target that can be reached."""

    numbers: Annotated[tuple[Number, ...], Field(min_length=2, max_length=6, strict=False)] | None = None
    target: Annotated[int, Field(ge=1, le=MAX_VALUE)] | None = None
    count: int = Field(default=4, ge=2, le=6)


@environment(
    "countdown",
    version=1,
    task=CountdownTask,
    examples=(Example(), Example({"numbers": [3, 5, 7], "target": 56}), Example({"count": 6})),
)
class Countdown(Environment[CountdownTask]):
    """Reach the target from the numbers, each used at most once, by + - * / two at a time.

    Earns 1 when the target stands among the numbers; an operation takes its two numbers away for its result.
    """

    def reset(self) -> str:
        rng = Random(self.seed)
        drawn = [rng.randint(1, 25) for _ in range(self.task.count)]
        self.numbers = list(self.task.numbers or drawn)
        self.target = self.task.target or _reachable(self.numbers, rng)
        return (
            f"Reach {self.target} from the numbers {self._listed()}. Each operation takes two of them and puts its "
            "result in their place; division must come out even, and results stay above 0."
        )

    @tool
    def combine(self, left: int, operation: Literal["+", "-", "*", "/"], right: int) -> Step:
        """Replace two of the numbers by the result of an operation on them."""
        left_over = list(self.numbers)
        for one in (left, right):
            if one not in left_over:
                raise ToolError(f"{one} is not among the numbers {self._listed()}")
            left_over.remove(one)
        result = _result(left, operation, right)
        if result is None:
            raise ToolError(f"{left} {operation} {right} is not a whole number from 1 to {MAX_VALUE:,}")
        self.numbers = [*left_over, result]
        if result == self.target:
            return Step(f"{left} {operation} {right} = {result}: the target is reached.", outcome=1.0)
        if len(self.numbers) == 1:
            return Step(f"{result} is left, not {self.target}.", outcome=0.0, reason="the target was not reached")
        return Step(f"The numbers are {self._listed()}.")

    def expert(self) -> Call:
        (left, operation, right), *_ = _solution(self.numbers, self.target) or [(0, "+", 0)]
        return Call("combine", {"left": left, "operation": operation, "right": right})

    def chance(self, rng: Random) -> Call:
        left, right = rng.sample(self.numbers, 2)
        return Call("combine", {"left": left, "operation": rng.choice("+-*/"), "right": right})

    def _listed(self) -> str:
        return ", ".join(map(str, self.numbers))


def _result(left: int, operation: str, right: int) -> int | None:
    if operation == "/":
        result = left // right if right and left % right == 0 else 0
    else:
        result = {"+": left + right, "-": left - right, "*": left * right}[operation]
    return result if 1 <= result <= MAX_VALUE else None


def _reachable(numbers: list[int], rng: Random) -> int:
    """A target that takes all the numbers, and is none of them."""
    for _ in range(_DRAWS):
        left_over = list(numbers)
        while len(left_over) > 1:
            left, right = (left_over.pop(rng.randrange(len(left_over))) for _ in range(2))
            result = _result(left, rng.choice("+-*/"), right)
            left_over.append(left + right if result is None else result)
        if left_over[0] not in numbers and left_over[0] <= 1_000:
            return left_over[0]
    return sum(numbers)


def _solution(numbers: list[int], target: int) -> list[tuple[int, str, int]] | None:
    for at, left in enumerate(numbers):
        for to, right in enumerate(numbers):
            if at == to:
                continue
            rest = [one for index, one in enumerate(numbers) if index not in (at, to)]
            for operation in "+-*/" if at < to else "-/":
                result = _result(left, operation, right)
                if result == target:
                    return [(left, operation, right)]
                if result is not None and rest and (found := _solution([*rest, result], target)):
                    return [(left, operation, right), *found]
    return None
