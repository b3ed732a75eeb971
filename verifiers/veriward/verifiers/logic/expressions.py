"""Random arithmetic expressions over given numbers, for generators: solvable because they were computed."""

from fractions import Fraction
from random import Random

OPERATORS = "+-*/"


def random_expression(
    rng: Random, numbers: list[int], operators: str = OPERATORS, *, whole: bool = False
) -> tuple[str, Fraction | None]:
    """An expression that uses each number once, and its value; None where it divides by zero.

    With `whole`, None too where a step is no whole number, or negative.
    """
    parts = [(str(number), number, 1) for number in numbers]  # text, numerator, denominator
    while len(parts) > 1:
        left = parts.pop(rng.randrange(len(parts)))
        right = parts.pop(rng.randrange(len(parts)))
        sign = rng.choice(operators)
        (_, a, b), (_, c, d) = left, right
        if sign == "+":
            top, bottom = a * d + c * b, b * d
        elif sign == "-":
            top, bottom = a * d - c * b, b * d
        elif sign == "*":
            top, bottom = a * c, b * d
        else:
            top, bottom = a * d, b * c
        if not bottom or (whole and (top % bottom or top * bottom < 0)):
            return "", None
        if whole:
            top, bottom = top // bottom, 1
        parts.append((f"({left[0]} {sign} {right[0]})", top, bottom))
    text, top, bottom = parts[0]
    return (text[1:-1] if text.startswith("(") else text), Fraction(top, bottom)
