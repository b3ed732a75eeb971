"""Laws of the `math` comparison, over generated answers: written in any form it is accepted, changed it is not."""

from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from veriward.verifiers.math import MathTask, math
from veriward.verifiers.math.bounds import NotUnderstood, TooLarge
from veriward.verifiers.math.equal import Comparison
from veriward.verifiers.math.evaluate import Budget
from veriward.verifiers.math.normalise import clean, squeeze
from veriward.verifiers.math.parse import parse
from veriward.verifiers.math.reading import literal, matches, read_gold
from veriward.verifiers.math.values import same_value
from veriward.wire.outcomes import Outcome

Forms = tuple[str, str]
"""One expression twice: as LaTeX, and in plain signs with its sums and products turned round."""


def both(join: str, plain: str, parts: list[Forms]) -> Forms:
    return (
        join.join(f"\\left({part[0]}\\right)" for part in parts),
        plain.join(f"({part[1]})" for part in reversed(parts)),
    )


LEAVES: st.SearchStrategy[Forms] = st.one_of(
    st.integers(-99, 99).map(lambda n: (str(n), f"({n})")),
    st.fractions(-9, 9, max_denominator=12).map(
        lambda f: (f"\\frac{{{f.numerator}}}{{{f.denominator}}}", f"({f.numerator}/{f.denominator})")
    ),
    st.sampled_from("xyn").map(lambda letter: (letter, letter)),
    st.just(("\\pi", "pi")),
)


def grown(inner: st.SearchStrategy[Forms]) -> st.SearchStrategy[Forms]:
    some = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        some.map(lambda parts: both(" + ", " + ", parts)),
        some.map(lambda parts: both(" \\cdot ", "*", parts)),
        inner.map(lambda part: (f"-\\left({part[0]}\\right)", f"0-({part[1]})")),
        st.tuples(inner, st.integers(2, 3)).map(
            lambda pair: (f"\\left({pair[0][0]}\\right)^{{{pair[1]}}}", "*".join([f"({pair[0][1]})"] * pair[1]))
        ),
        inner.map(lambda part: (f"\\sqrt{{{part[0]}}}", f"({part[1]})^(1/2)")),
        inner.map(lambda part: (f"\\sin\\left({part[0]}\\right)", f"sin({part[1]})")),
    )


EXPRESSIONS = st.recursive(LEAVES, grown, max_leaves=6)
NUMBERS = st.one_of(st.integers(-(10**12), 10**12).map(Fraction), st.fractions(-1000, 1000, max_denominator=999))


def says(gold: str, answer: str) -> Outcome:
    return math(f"\\boxed{{{answer}}}", MathTask(answer=gold), None).outcome


def written(value: Fraction) -> list[str]:
    """A rational in every exact form that models use."""
    sign, size = ("-" if value < 0 else ""), abs(value)
    upper, lower = size.numerator, size.denominator
    forms = [
        f"{sign}{upper}/{lower}",
        f"{sign}\\frac{{{upper}}}{{{lower}}}",
        f"\\dfrac{{{sign}{3 * upper}}}{{{3 * lower}}}",
    ]
    if lower == 1:
        forms += [
            f"{sign}{upper}",
            f"{sign}{upper:,}",
            f"{sign}{upper}.00",
            f"${sign}{upper}$",
            f"{sign}{upper} \\text{{ cm}}",
        ]
        forms += [f"{sign}{upper:,}".replace(",", "{,}"), f"{sign}{upper:,}".replace(",", "\\,"), f"x = {sign}{upper}"]
    elif upper > lower:
        forms.append(f"{sign}{upper // lower}\\frac{{{upper % lower}}}{{{lower}}}")
    return forms


@settings(deadline=None)
@given(value=NUMBERS, data=st.data())
def test_a_number_written_in_two_ways_is_one_number(value: Fraction, data: st.DataObject) -> None:
    gold, answer = (data.draw(st.sampled_from(written(value))) for _ in range(2))
    assert says(gold, answer) is Outcome.CORRECT


@settings(deadline=None)
@given(value=NUMBERS, other=NUMBERS, data=st.data())
def test_another_number_is_another_number(value: Fraction, other: Fraction, data: st.DataObject) -> None:
    assume(abs(value - other) > Fraction(1, 10**5))
    gold, answer = data.draw(st.sampled_from(written(value))), data.draw(st.sampled_from(written(other)))
    assert says(gold, answer) is Outcome.WRONG


@given(number=st.integers(10**20, 10**200), place=st.integers(0, 20))
def test_one_digit_changed_is_wrong(number: int, place: int) -> None:
    assert says(str(number), str(number + 10**place)) is Outcome.WRONG


PLAIN = st.one_of(
    NUMBERS.flatmap(lambda value: st.sampled_from(written(value))),
    st.decimals(-1000, 1000, places=3).map(str),
    st.text("0123456789,./- ", min_size=1, max_size=8),
)


@settings(deadline=None, max_examples=300)
@given(gold=PLAIN, answer=PLAIN)
def test_the_fast_reading_agrees_with_the_tree(gold: str, answer: str) -> None:
    gold, answer = clean(gold), clean(answer)
    if literal(gold) is None or literal(answer) is None:
        return
    slow = Comparison(Budget()).equal(parse(gold), parse(answer))
    assert matches(read_gold(gold), answer, Budget()) is slow


@settings(deadline=None, max_examples=150)
@given(forms=EXPRESSIONS)
def test_an_expression_in_another_form_is_the_same(forms: Forms) -> None:
    try:
        assert same_value(parse(forms[0]), parse(forms[1]), Budget())
    except TooLarge:
        assume(False)
    except AssertionError:
        # A value that is nowhere defined, such as 0/0, is equal to nothing but its own spelling.
        assert not same_value(parse(f"({forms[0]})+0"), parse(forms[0]), Budget())


@settings(deadline=None, max_examples=150)
@given(forms=EXPRESSIONS, change=st.sampled_from(["+\\frac{1}{7}", "+10^{-40}", "-x^5", "+\\sqrt{2}", "+e^{-50}"]))
def test_an_expression_that_is_changed_is_another(forms: Forms, change: str) -> None:
    try:
        assert not same_value(parse(forms[0]), parse(forms[1] + change), Budget())
    except TooLarge:
        assume(False)


@settings(deadline=None, max_examples=100)
@given(
    left=EXPRESSIONS, right=EXPRESSIONS, shape=st.sampled_from(["{}", "({}, 1)", "\\{{{}, 1\\}}", "{}, 1", "y = {}"])
)
def test_comparison_is_symmetric(left: Forms, right: Forms, shape: str) -> None:
    one, two = (parse(shape.format(forms[0])) for forms in (left, right))
    try:
        assert Comparison(Budget()).equal(one, two) is Comparison(Budget()).equal(two, one)
    except TooLarge:
        assume(False)


PIECES = [
    "1", "23", "4.5", "x", "ab", "e", "\\pi", "+", "-", "*", "/", "^", "_", "!", "%", "=", "<", "\\le", ",", ";", ":",
    "|", "'", "(", ")", "[", "]", "{", "}", "\\{", "\\}", "\\frac", "\\sqrt", "\\sin", "\\log",
    "\\text{cm}", "\\text{or}",
    " and ", "\\pm", "\\cup", "\\infty", "\\in",
    "\\begin{pmatrix}", "\\end{pmatrix}", "&", "\\\\", "\\$", "$",
    "^\\circ", "\\pmod", "\\binom", "\\int", "\\lfloor", "\\rfloor", "\\overline", "f", "\\left(", "\\right)", " ",
    "yes", "\\unknown", "\\,", ".",
]  # fmt: skip
SOUP = st.lists(st.sampled_from(PIECES), min_size=1, max_size=14).map("".join)


@settings(deadline=None, max_examples=500)
@given(text=SOUP)
def test_any_soup_is_read_or_refused(text: str) -> None:
    try:
        tree = parse(clean(text))
    except (NotUnderstood, TooLarge):
        return
    assert Comparison(Budget()).equal(tree, tree)


@settings(deadline=None, max_examples=300)
@given(gold=SOUP, answer=SOUP)
def test_any_soup_gets_a_verdict(gold: str, answer: str) -> None:
    try:
        reading = read_gold(gold)
    except ValueError:
        return
    try:
        matches(reading, answer, Budget())
    except (NotUnderstood, TooLarge):
        return


@given(text=st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert squeeze(squeeze(text)) == squeeze(text)


@pytest.mark.parametrize("gold", ["x", "1", "\\{\\}", "yes", "(1,2)"])
def test_nothing_is_never_an_answer(gold: str) -> None:
    for nothing in ("", " ", "\\,", "$$", "{}", "\\text{}", "."):
        assert says(gold, nothing) is not Outcome.CORRECT or (gold, nothing) == ("\\{\\}", "{}")
