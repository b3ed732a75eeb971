"""The last stage of `math`: what sympy and math-verify are asked, what they are not, and that they are asked late."""

import subprocess
import sys

import pytest

from veriward.verifiers.math import MathTask, bounds, math
from veriward.verifiers.math.bounds import NotUnderstood, TooLarge
from veriward.verifiers.math.parse import parse
from veriward.verifiers.math.radicals import joined_roots
from veriward.verifiers.math.second_reading import is_unread, second_reading, verified
from veriward.verifiers.math.solvable import check_solvable
from veriward.verifiers.math.solving import common_roots, real_solutions, roots, same_zeros
from veriward.verifiers.math.sympy_trees import check_size, degree, from_sympy, to_sympy
from veriward.verifiers.math.tree import Relation, difference
from veriward.verifiers.math.warm import warm_up
from veriward.wire.outcomes import Outcome

CHEAP = [
    ("42", "43"), ("1/2", "0.5"), ("x=3", "x=4"), ("(1,2)", "(2,1)"), ("x^2-1", "(x-1)(x+1)"), ("x>3", "(3,\\infty)"),
    ("y=2x+1", "y=2x-1"), ("\\text{even}", "odd"), ("2\\sqrt3", "\\sqrt{13}"), ("\\{1,2\\}", "\\{1,3\\}"),
    ("7", "5 is bad"), ("42", "10^{10^{10}}"), ("5", "x^2=25"), ("3:30 PM", "3:31 PM"), ("1,2", "1,2,3"),
]  # fmt: skip


def test_what_needs_no_algebra_never_imports_sympy() -> None:
    program = (
        "import sys\n"
        "from veriward.verifiers.math import MathTask, math\n"
        f"for gold, answer in {CHEAP!r}:\n"
        "    math('\\\\boxed{' + answer + '}', MathTask(answer=gold), None)\n"
        "sys.exit('sympy' in sys.modules or 'math_verify' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


# At the bound, and one step past it.
SIZES = {
    "parts": ("+".join(["x"] * (bounds.MAX_ALGEBRA_NODES - 1)), "+".join(["x"] * bounds.MAX_ALGEBRA_NODES)),
    "digits": ("9" * bounds.MAX_ALGEBRA_DIGITS + "x", "1" + "0" * bounds.MAX_ALGEBRA_DIGITS + "x"),
    "digits of a denominator": (
        f"x/{'9' * bounds.MAX_ALGEBRA_DIGITS}",
        f"\\frac{{x}}{{1{'0' * bounds.MAX_ALGEBRA_DIGITS}}}",
    ),
}


@pytest.mark.parametrize("name", SIZES)
def test_one_step_past_the_size_nothing_is_solved(name: str) -> None:
    check_size(parse(SIZES[name][0]))
    with pytest.raises(TooLarge):
        check_size(parse(SIZES[name][1]))


DEGREES = {
    "x^8": 8, "x^4 x^4": 8, "(x^2+1)^4": 8, "\\frac{x^3}{x^5+1}": 8, "\\sqrt{x^8}": 4, "x^3+x^5": 5, "|x^3|": 3,
    "\\frac1x+\\frac1y+x": 3, "\\pi^2": 0, "3": 0,
}  # fmt: skip


@pytest.mark.parametrize("text", DEGREES)
def test_the_degree_is_known_before_anything_is_expanded(text: str) -> None:
    assert degree(parse(text)) == DEGREES[text]


@pytest.mark.parametrize("text", ["x^9", "x^5 x^4", "((x^2)^2)^3", "\\frac{x^5}{x^4+1}", "\\sqrt{x^{17}}"])
def test_one_degree_past_the_bound_nothing_is_solved(text: str) -> None:
    with pytest.raises(TooLarge):
        degree(parse(text))


SOLVABLE = [
    "x^2-2x-1", "x^3-6x^2+11x-6", "x^7-2", "(x^2-3)(x^2-5)(x-1)", "\\frac{x^2-2}{x^2+x+1}-3", "|x|+|x-1|+|x-2|-9",
    "|x^2-4|-3", "\\sqrt{x-1}-2", "\\sqrt{x+3}-x", "2^x-8", "\\ln(x^2-1)-1", "\\frac13x-\\sqrt2",
]  # fmt: skip
NOT_SOLVABLE = {
    "a cubic without rational roots": "x^3-2x+\\frac13",
    "a quintic": "x^5-x-1",
    "a quartic in disguise": "(x^2-x)^2-x-7",
    "a cubic within an absolute value": "|x^3-2x|-1",
    "one absolute value too many": "|x|+|x-1|+|x-2|+|x-3|-9",
    "two roots": "\\sqrt{x}+\\sqrt{x+1}-3",
    "a root beside an absolute value": "\\sqrt{x}+|x|-3",
    "a sine": "\\sin x-x",
    "a logarithm beside its unknown": "\\ln x-x",
    "two exponentials": "2^x+3^x-5",
    "a tower": "x^x-2",
    "a floor": "\\lfloor x\\rfloor-2",
    "a factorial": "x!-6",
}


@pytest.mark.parametrize("text", SOLVABLE)
def test_what_is_quick_and_certain_is_solved(text: str) -> None:
    check_solvable(parse(text))


@pytest.mark.parametrize("name", NOT_SOLVABLE)
def test_what_is_not_is_left_alone(name: str) -> None:
    with pytest.raises((NotUnderstood, TooLarge)):
        check_solvable(parse(NOT_SOLVABLE[name]))
    zero = Relation(("=",), (parse(NOT_SOLVABLE[name]), parse("0")))
    assert roots(zero, real=True) is None
    assert real_solutions(Relation(("<",), zero.sides)) is None


def test_a_gold_answer_that_is_not_solved_is_still_compared() -> None:
    for gold in (f"{text}<0" for text in NOT_SOLVABLE.values()):
        assert math(f"\\boxed{{{gold}}}", MathTask(answer=gold), None).outcome is Outcome.CORRECT
        assert math("\\boxed{(1,2)}", MathTask(answer=gold), None).outcome is Outcome.WRONG


ZEROS = [
    ("x^2-y^2", "(x-y)(x+y)", True), ("(x-y)^2", "y-x", True), ("\\frac1x+\\frac1y-1", "x+y-xy", True),
    ("\\frac{x^2-x}{x}", "x-1", True), ("x^2+1", "x-y", False), ("x-y", "x^3-y^3", False), ("xy", "x", False),
    ("\\frac1x", "\\frac1y", False), ("0", "0", None), ("x-x", "y-y", False), ("x^7-y", "y-x^7", None),
    ("\\sqrt2x-y", "y-\\sqrt2x", None), ("\\sin x-y", "y-\\sin x", None), ("x+y+z+w", "w+z+y+x", True),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right", "same"), ZEROS)
def test_two_functions_vanish_together(left: str, right: str, same: bool | None) -> None:
    assert same_zeros(parse(left), parse(right)) is same


SYSTEMS = {
    "without a solution": "x+y=1, x+y=2",
    "with a line of solutions": "x+y=1, 2x+2y=2",
    "of too high a degree": "x^2+y^2=25, xy=12",
    "of too large numbers": "1234567x+y=1, x-y=1",
    "of what is no polynomial": "\\sin x+y=1, x-y=1",
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_that_has_no_points_as_its_solution_is_left_alone(name: str) -> None:
    system = parse(SYSTEMS[name])
    assert common_roots(system.items) is None  # type: ignore[union-attr]


# What math-verify would read, wrongly or dearly.
REFUSED = {
    "words": "5 \\text{ apples}",
    "words without a command": "five",
    "a sentence": "\\det is 5",
    "values side by side": "3 5",
    "values with a small space between": "3\\;5",
    "a subscript": "204_5",
    "degrees and minutes": "90^\\circ 30'",
    "a percentage": "5\\%",
    "a factorial": "100000!",
    "a sum": "\\sum_{k=1}^{9} k",
    "a product": "\\prod 5",
    "an integral": "\\int x",
    "a limit": "\\lim x",
    "a derivative": "\\frac{d}{dx} x^2",
    "plus or minus": "\\pm 5",
    "an implication": "x=1 \\Rightarrow y=2",
    "a box in the box": "\\boxed{5}",
    "a fraction of old TeX": "{x+1 \\over 2}",
    "dollars": "$5$",
    "code": "__import__('os').getpid()",
    "an array": "\\begin{array}{l}5\\end{array}",
    "a tower": "2^{3^{4}}",
    "powers of powers": "((2^{64})^{64})^{64}",
    "many digits": "1" * (bounds.MAX_SECOND_DIGITS + 1),
    "many characters": "x" + "+x" * (bounds.MAX_SECOND_CHARS // 2),
    "many brackets": "(" * (bounds.MAX_SECOND_NESTING + 1) + "x" + ")" * (bounds.MAX_SECOND_NESTING + 1),
    "a large matrix": "\\det\\begin{pmatrix}" + "&".join("1" * 14) + "\\end{pmatrix}",
    "other scripts": "х==5",
    "an unclosed bracket": "(5",
    "nothing": "",
    "a letter in another case": "A+a",
    "a decimal, which it would round": "x==0.1",
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_second_reading_refuses(name: str) -> None:
    assert second_reading(REFUSED[name]) is None


READ = {
    "x==5": "x=5",
    "2x==\\frac{1}{2}": "2x=1/2",
    "\\operatorname{arsinh}(x)": "\\operatorname{arcsinh}(x)",
    "\\det\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}": "-2",
    "\\alpha==2": "\\alpha=2",
}


@pytest.mark.parametrize("text", READ)
def test_the_second_reading_gives_a_tree_of_ours(text: str) -> None:
    found = second_reading(text)
    assert found is not None
    verdict = math(f"\\boxed{{{text}}}", MathTask(answer=READ[text]), None)
    assert verdict.outcome is Outcome.CORRECT


def test_math_verify_has_to_agree() -> None:
    assert verified("-2", "\\det\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}")
    assert not verified("-3", "\\det\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}")
    assert not verified("5 apples", "5")


def test_an_unknown_command_is_known_to_be_unknown() -> None:
    assert is_unread(parse("\\det A"))
    assert not is_unread(parse("\\alpha+\\int_0^1 x dx+\\overline{AB}"))


@pytest.mark.parametrize("text", ["\\int_0^1 x dx", "(1,2)", "5\\text{ cm}", "\\max(x,1)", "x^{\\sqrt2}"])
def test_only_expressions_become_sympys(text: str) -> None:
    with pytest.raises((NotUnderstood, TooLarge)):
        to_sympy(difference(parse(text), parse("x")), real=True)


def test_what_sympy_gives_by_condition_or_index_is_no_answer() -> None:
    import sympy

    x = sympy.Symbol("x")
    for found in (
        sympy.ConditionSet(x, sympy.sin(x) > x, sympy.S.Reals),
        sympy.CRootOf(x**5 - x - 1, 0),
        sympy.Integral(x, x),
        sympy.nan,
        sympy.zoo,
    ):
        with pytest.raises(NotUnderstood):
            from_sympy(found)


@pytest.mark.parametrize(
    "text", ["x", "\\sqrt{x}", "\\sqrt2\\sqrt3", "2\\sqrt{x}", "\\sqrt{x}\\sqrt[3]{y}", "\\sqrt{x^2}"]
)
def test_roots_that_stand_alone_stay_as_they_are(text: str) -> None:
    tree = parse(text)
    assert joined_roots(tree) is tree


# They end by bounds, not by the clock, which is only a net.
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "gold",
    [
        "x^2<4",
        "x^2=4",
        "x+y=3, x-y=1",
        "\\frac1x+\\frac1y=1",
        "\\det A",
        "x^8-3x^5+x-7>0",
        "|x^4-7x+5|+|x-158|<53",
        "\\sqrt{6x+5}+\\sqrt{97x+4}+\\sqrt{37x+67}=9",
        "(7x+3y+2)^6=8x^2+y",
        "2x^4-379142x^2y+2=0, 57y-26x-50=0",
    ],
)
def test_no_gold_relation_makes_an_answer_dear(gold: str) -> None:
    for answer in (
        "(-9,9)",
        "x=9",
        "(9^9x+y)^6=(x-3y)^6",
        "9^{9^{9}}",
        "x>" + "(" * 60 + "x" + ")" * 60,
        "\\det" * 40,
        "x==" + "\\sqrt{" * 15 + "x" + "}" * 15,
        "\\cup".join(["(0,1)"] * 90),
        "\\frac{1}{x+" * 20 + "y" + "}" * 20 + "=0",
        "xyz(x+y)(y+z)(x+z)=(x-y)^6",
    ):
        verdict = math(f"\\boxed{{{answer}}}", MathTask(answer=gold), None)
        assert verdict.outcome in (Outcome.WRONG, Outcome.UNPARSED)


def test_warming_up_asks_each_of_them() -> None:
    warm_up()
    assert {"sympy", "math_verify"} <= set(sys.modules)
