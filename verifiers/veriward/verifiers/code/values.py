"""Compares the value that a function returned with the JSON value expected of it.

As LiveCodeBench does: a tuple equals the list of its elements, and numbers are compared as Python compares them, so 1,
1.0 and True are equal. Beyond it, floats may differ by 1e-6, absolute or relative; integers may not. The keys of a dict
may be the numbers, booleans or None that JSON writes as those strings. Sets, bytes and complex numbers equal nothing,
for JSON has none; neither does NaN.
"""

import math
from typing import Any

ABSOLUTE = 1e-6
RELATIVE = 1e-6
_WORDS = {True: "true", False: "false", None: "null"}


def same_value(expected: Any, value: Any) -> bool:
    """Whether `value`, as `plain.decode` gives it, is the `expected` one, as JSON gives it."""
    if isinstance(expected, int | float) and isinstance(value, int | float):
        return _same_number(expected, value)
    if isinstance(expected, list):
        fits = isinstance(value, list | tuple) and len(expected) == len(value)
        return fits and all(map(same_value, expected, value))
    if isinstance(expected, dict):
        return isinstance(value, dict) and _same_items(expected, value)
    return type(expected) is type(value) and bool(expected == value)


def _same_number(expected: float, value: float) -> bool:
    if expected == value or (isinstance(expected, int) and isinstance(value, int)):
        return expected == value
    try:
        return math.isclose(expected, value, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    except OverflowError:  # an integer beyond the floats
        return False


def _same_items(expected: dict[str, Any], value: dict[Any, Any]) -> bool:
    by_text = {_key(key): item for key, item in value.items()}
    if by_text.keys() != expected.keys() or len(by_text) != len(value):
        return False
    return all(map(same_value, expected.values(), map(by_text.__getitem__, expected)))


def _key(key: Any) -> Any:
    if key is None or isinstance(key, bool):
        return _WORDS[key]
    if isinstance(key, float):
        return repr(key)
    if isinstance(key, int) and key.bit_length() <= 64:
        return str(key)
    return key
