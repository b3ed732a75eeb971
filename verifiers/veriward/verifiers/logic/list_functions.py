"""List functions: the function that makes one list of another, learnt from examples."""

from itertools import accumulate, pairwise
from random import Random

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator, levels
from veriward.verifiers.logic.induction import InductionTask, Row, Rule, drawn, judged_row
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict


class ListFunctionsTask(InductionTask):
    """`examples` of a function's `input` and `output`; the `input` asked about, and the `answer`."""


@verifier("logic.list_functions", version=1, task=ListFunctionsTask)
def list_functions(response: str, task: ListFunctionsTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last list; it is what the function makes of the input that is asked about, number for number.

    Of the eight tasks of "How Much Backtracking is Enough?" (arXiv:2505.24273).
    """
    return judged_row(response, task)


RULES: dict[str, Rule] = {
    "reverse": lambda row: row[::-1],
    "sort": sorted,
    "sort descending": lambda row: sorted(row, reverse=True),
    "first of each": lambda row: list(dict.fromkeys(row)),
    "running sums": lambda row: list(accumulate(row)),
    "running largest": lambda row: list(accumulate(row, max)),
    "differences": lambda row: [other - one for one, other in pairwise(row)],
    "even ones": lambda row: [one for one in row if one % 2 == 0],
    "odd ones": lambda row: [one for one in row if one % 2],
    "every second": lambda row: row[::2],
    "every other second": lambda row: row[1::2],
    "without first": lambda row: row[1:],
    "without last": lambda row: row[:-1],
    "without largest": lambda row: [one for one in row if one != max(row)],
    "without smallest": lambda row: [one for one in row if one != min(row)],
    "first last": lambda row: row[1:] + row[:1],
    "last first": lambda row: row[-1:] + row[:-1],
    "ends swapped": lambda row: row[-1:] + row[1:-1] + row[:1] if len(row) > 1 else row,
    "twice each": lambda row: [one for one in row for _ in range(2)],
    "twice over": lambda row: row + row,
    "sum at the end": lambda row: [*row, sum(row)],
    "length in front": lambda row: [len(row), *row],
    "largest in front": lambda row: [max(row), *row] if row else row,
    "times place": lambda row: [one * at for at, one in enumerate(row, 1)],
    "plus place": lambda row: [one + at for at, one in enumerate(row, 1)],
    "how often": lambda row: [row.count(one) for one in row],
    "last digits": lambda row: [one % 10 for one in row],
    **{f"plus {n}": lambda row, n=n: [one + n for one in row] for n in (1, 2, 3, 5, 10)},  # type: ignore[misc]
    **{f"times {n}": lambda row, n=n: [one * n for one in row] for n in (2, 3, 4)},  # type: ignore[misc]
    **{f"first {n}": lambda row, n=n: row[:n] for n in (2, 3, 4)},  # type: ignore[misc]
    **{f"last {n}": lambda row, n=n: row[-n:] for n in (2, 3, 4)},  # type: ignore[misc]
    **{f"above {n}": lambda row, n=n: [one for one in row if one > n] for n in (5, 10, 15)},  # type: ignore[misc]
}


class ListFunctionsParameters(Parameters):
    """How many functions are composed, how many examples are shown, and how long lists are."""

    depth: int = levels(1, 1, 2, 2, about="functions that are composed, 1 or 2")
    examples: int = dial(5, 4, ge=2, le=10, about="how many examples are shown")
    longest: int = dial(5, 9, ge=3, le=20, about="numbers of an input, at most")


PROMPT = """A function makes lists of lists. Find out which from these examples:

{examples}

What does it make of {input}?

Give the list at the end, in a fenced block:
```
[first, second, …]
```"""


@generator("logic.list_functions", version=1, parameters=ListFunctionsParameters, unique=True)
def generate(rng: Random, parameters: ListFunctionsParameters, /) -> Generated:
    """Random functions and examples; all functions of this game that explain the examples give the same answer."""

    def inputs(rng: Random) -> Row:
        return [rng.randint(0, 20) for _ in range(rng.randint(3, parameters.longest))]

    made = drawn(rng, RULES, min(parameters.depth, 2), parameters.examples, inputs)
    prompt = PROMPT.format(
        examples="\n".join(f"{one.input} -> {one.output}" for one in made.examples), input=made.input
    )
    task = ListFunctionsTask(examples=made.examples, input=made.input, answer=made.answer)
    return Generated(prompt=prompt, task=task, reference=f"```\n{made.answer}\n```")
