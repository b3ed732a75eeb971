"""One step past each bound an answer is unparsed; and nothing within the bounds is dear."""

from contextlib import suppress

import pytest

from veriward.verifiers import InvalidTask
from veriward.verifiers.math import MathTask, bounds, math
from veriward.verifiers.math.bounds import NotUnderstood, TooLarge
from veriward.verifiers.math.equal import Comparison
from veriward.verifiers.math.evaluate import Budget
from veriward.verifiers.math.parse import parse
from veriward.verifiers.math.values import same_value
from veriward.wire.outcomes import Outcome


def digits(count: int) -> str:
    """Numbers of `MAX_DIGIT_RUN` digits, `count` digits in all."""
    full, rest = divmod(count, bounds.MAX_DIGIT_RUN)
    return ",".join(["1" * bounds.MAX_DIGIT_RUN] * full + ["1" * rest] * bool(rest))


def spread(characters: int) -> str:
    return "2" + " " * (characters - 2) + "x"


def matrix(cells: int) -> str:
    return r"\begin{pmatrix}" + "&".join(["1"] * cells) + r"\end{pmatrix}"


# At the bound, and one step past it.
STEPS = {
    "characters": (spread(bounds.MAX_CANDIDATE_CHARS), spread(bounds.MAX_CANDIDATE_CHARS + 1)),
    "nesting": ("(" * 63 + "x" + ")" * 63, "(" * 64 + "x" + ")" * 64),
    "commands": (r"\alpha" * (bounds.MAX_COMMANDS // 2), r"\alpha" * (bounds.MAX_COMMANDS + 1)),
    "operators": ("-" * bounds.MAX_OPERATORS + "x", "-" * (bounds.MAX_OPERATORS + 1) + "x"),
    "digits in a row": ("1" * bounds.MAX_DIGIT_RUN + "x", "1" * (bounds.MAX_DIGIT_RUN + 1) + "x"),
    "digits": (digits(bounds.MAX_DIGITS), digits(bounds.MAX_DIGITS + 1)),
    "matrix cells": (matrix(bounds.MAX_MATRIX_CELLS), matrix(bounds.MAX_MATRIX_CELLS + 1)),
    "nodes": (",".join(["x+1"] * 127 + ["x"]), ",".join(["x+1+1"] * 103)),
    "depth of the tree": ("x" + "!" * (bounds.MAX_DEPTH - 1), "x" + "!" * bounds.MAX_DEPTH),
    "terms": ("+".join("x" * bounds.MAX_ARGUMENTS), "+".join("x" * (bounds.MAX_ARGUMENTS + 1))),
    "values": (",".join("x" * bounds.MAX_ARGUMENTS), ",".join("x" * (bounds.MAX_ARGUMENTS + 1))),
    "symbols": (
        "+".join(f"x_{{{n}}}" for n in range(bounds.MAX_SYMBOLS)),
        "+".join(f"x_{{{n}}}" for n in range(bounds.MAX_SYMBOLS + 1)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_the_bound_itself_is_within(name: str) -> None:
    parse(STEPS[name][0])


@pytest.mark.parametrize("name", STEPS)
def test_one_step_past_the_bound_is_unparsed(name: str) -> None:
    with pytest.raises(TooLarge):
        parse(STEPS[name][1])
    verdict = math(f"\\boxed{{{STEPS[name][1]}}}", MathTask(answer="\\sqrt{2}"), None)
    assert verdict.outcome is Outcome.UNPARSED
    assert verdict.reason


VALUES = {
    "an integer": (rf"2^{{{bounds.MAX_PRECISION_BITS}}}x", rf"2^{{{bounds.MAX_PRECISION_BITS + 1}}}x"),
    "a factorial": ("3249!", f"{bounds.MAX_FACTORIAL + 1}!"),
    "an exponent": (r"x^{10000}+0.5\cdot 0", rf"x^{{{bounds.MAX_EXPONENT + 1}}}"),
}


@pytest.mark.parametrize("name", VALUES)
def test_one_step_past_the_bound_of_a_value_is_not_compared(name: str) -> None:
    with pytest.raises(TooLarge):
        same_value(parse("x+y"), parse(VALUES[name][1]), Budget())


ENDLESS = {
    "roots": r"\sqrt" * 250 + "2",
    "functions": "sin " * 1_000 + "x",
    "minus signs in functions": r"-\sin" * 250 + "x",
    "minus signs": r"\sin" + "-" * 1_000 + "x",
    "fractions": r"\frac" * 250 + "1" * 251,
    "exponents": "x^" * 1_000 + "x",
    "exponents in braces": "x^{" * 1_000 + "x" + "}" * 1_000,
    "bars": "|" * 1_000,
    "absolute values": "|(" * 500 + "x" + ")|" * 500,
    "sets": r"\{" * 250 + "x" + r"\}" * 250,
    "subscripts": "x_" * 1_000 + "x",
    "primes": "f" + "'" * 1_000 + "(x)",
    "percent signs": "1" + "%" * 1_000,
    "matrices": r"\begin{pmatrix}" * 120 + "x" + r"\end{pmatrix}" * 120,
    "named functions": "f(" * 500 + "x" + ")" * 500,
    "signs that are not spelt out": r"e^{(x, \pm 1)} \pm \{\pm 1, 2\}",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_nesting_of_any_kind_ends(name: str) -> None:
    with suppress(NotUnderstood, TooLarge):
        tree = parse(ENDLESS[name])
        assert not Comparison(Budget()).equal(tree, parse("x+1"))


def test_exact_values_stop_at_their_bound_and_are_compared_beyond_it() -> None:
    bits = bounds.MAX_INTEGER_BITS
    for size in (bits - 1, bits, bits + 1):
        assert same_value(parse(rf"2^{{{size}}}"), parse(rf"2 \cdot 2^{{{size - 1}}}"), Budget())
        assert not same_value(parse(rf"2^{{{size}}}"), parse(rf"2^{{{size}}} + 1"), Budget())


def test_a_spent_budget_decides_nothing() -> None:
    with pytest.raises(TooLarge):
        same_value(parse(r"\sqrt{x}+1"), parse(r"1+\sqrt{x}"), Budget(work=10))


def test_alternatives_are_bounded_too() -> None:
    MathTask(answer=["1"] * bounds.MAX_ALTERNATIVES)
    with pytest.raises(ValueError, match="at most"):
        MathTask(answer=["1"] * (bounds.MAX_ALTERNATIVES + 1))


def test_a_gold_answer_past_the_bounds_is_refused() -> None:
    for answer in ("1" * (bounds.MAX_CANDIDATE_CHARS + 1), "+".join(["x"] * 1_000)):
        with pytest.raises(InvalidTask, match="answer"):
            math("\\boxed{1}", MathTask(answer=answer), None)


BOMBS = {
    "towers": "9^{9^{9^{9}}}",
    "a tower within brackets": "(((2^{100})^{100})^{100})^{100}",
    "nested roots": r"\sqrt{" * 20 + "2" + "}" * 20,
    "continued fractions": r"\frac{1}{1+" * 15 + "x" + "}" * 15,
    "many radicals": "+".join(rf"\sqrt{{{n}}}" for n in range(2, 80)),
    "many high roots": "+".join(rf"2^{{1/{n}}}" for n in range(2, 60)),
    "many sines": "+".join(rf"\sin({n}x)" for n in range(1, 60)),
    "many gamma functions": "+".join(f"(x+{n})!" for n in range(60)),
    "high powers": "+".join(f"x^{{{9_999 - n}}}" for n in range(100)),
    "a large cosine": r"\cos(10^{9000})",
    "large factorials": r"\cdot".join(["3000!"] * 20),
    "a large binomial": r"\binom{10000}{5000}",
    "a number near one": r"\frac{10^{9000}+1}{10^{9000}}",
    "a long list": ",".join(f"x+{n}" for n in range(100, 0, -1)),
    "a long set of sines": r"\{" + ",".join(rf"\sin {n}" for n in range(120, 0, -1)) + r"\}",
    "many equations": r" \text{ and } ".join(rf"x_{{{n}}}=x^{{{n}}}+\sqrt{{y}}" for n in range(50)),
    "many unions": r"\cup".join(["(0,1)"] * 100),
    "many floors": "+".join(rf"\lfloor x\sqrt{{{n}}}\rfloor" for n in range(2, 50)),
    "imaginary towers": "i^{i^{i^{i}}}",
}
GOLDS = [
    "42", "x+1", "y=2x",
    "+".join(rf"\sqrt{{{n}}}" for n in range(78, 1, -1)),
    r"\{" + ",".join(rf"\sin {n}" for n in range(1, 121)) + r"\}",
]  # fmt: skip


# The bombs that fit the bounds end by the budget, which is counted, not timed; the clock is only a net.
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", BOMBS)
def test_no_answer_within_the_bounds_is_dear(name: str) -> None:
    for gold in GOLDS:
        verdict = math(f"\\boxed{{{BOMBS[name]}}}", MathTask(answer=gold), None)
        assert verdict.outcome in (Outcome.WRONG, Outcome.UNPARSED)
