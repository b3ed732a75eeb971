"""The plain encoding: what goes in comes out as exact builtin types, and nothing hostile gets through either way."""

import math
from collections import Counter, OrderedDict, namedtuple
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.sandbox import plain
from veriward.sandbox.execution import MAX_RESULT_BYTES
from veriward.sandbox.plain import Unserialisable, decode, encode

ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=2**60, max_value=2**400),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(st.characters(codec=None), max_size=8),
    st.binary(max_size=8),
)
KEYS = st.recursive(
    ATOMS, lambda inner: st.one_of(st.tuples(inner, inner), st.frozensets(inner, max_size=3)), max_leaves=4
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.sets(KEYS, max_size=3),
        st.frozensets(KEYS, max_size=3),
        st.dictionaries(KEYS, inner, max_size=3),
    ),
    max_leaves=12,
)


def same(left: Any, right: Any) -> bool:
    """Equal, and of equal types all the way down (sets apart, where 1 and True are one)."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return bool(left == right)


@given(VALUES)
def test_what_goes_in_comes_out(value: Any) -> None:
    assert same(decode(encode(value)), value)


@given(st.sets(KEYS))
def test_the_order_in_which_a_set_grew_does_not_show(value: set[Any]) -> None:
    backwards = list(value)[::-1]
    assert encode(value) == encode(set(backwards))


@given(st.binary())
def test_any_bytes_are_a_value_or_a_value_error(data: bytes) -> None:
    try:
        value = decode(data)
    except ValueError:
        return
    assert same(decode(encode(value)), value)


@given(VALUES, st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_a_spoilt_byte_is_a_value_or_a_value_error(value: Any, at: int, byte: int) -> None:
    data = bytearray(encode(value))
    data[at % len(data)] = byte
    try:
        decode(bytes(data))
    except ValueError:
        pass


def test_nan_survives() -> None:
    assert math.isnan(decode(encode(float("nan"))))


class LyingInt(int):
    def __eq__(self, other: object) -> bool:
        return True

    def __int__(self) -> int:
        return 42

    __index__ = __hash__ = __int__


class LyingText(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "a lie"

    __repr__ = __str__


class LyingList(list[Any]):
    def __iter__(self) -> Any:
        return iter([42])

    def __len__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        return True


class LyingDict(dict[Any, Any]):
    def items(self) -> Any:
        return [("answer", 42)]


class Colour(IntEnum):
    RED = 1


Pair = namedtuple("Pair", "x y")

BASE_VALUES: dict[str, tuple[Any, Any]] = {
    "an int subclass": (LyingInt(7), 7),
    "a str subclass": (LyingText("true"), "true"),
    "a list subclass": (LyingList([1, 2]), [1, 2]),
    "a dict subclass": (LyingDict(a=1), {"a": 1}),
    "an enumeration": (Colour.RED, 1),
    "a named tuple": (Pair(1, 2), (1, 2)),
    "a counter": (Counter("aab"), {"a": 2, "b": 1}),
    "an ordered dict": (OrderedDict(a=1), {"a": 1}),
    "subclasses within a list": ([LyingInt(7), LyingText("x")], [7, "x"]),
}


@pytest.mark.parametrize(("value", "base"), BASE_VALUES.values(), ids=BASE_VALUES.keys())
def test_of_a_subclass_the_base_value_counts(value: Any, base: Any) -> None:
    assert same(decode(encode(value)), base)


class AlwaysEqual:
    def __eq__(self, other: object) -> bool:
        return True


class ClaimsToBeAnInt:
    __class__ = int  # type: ignore[assignment]

    def __int__(self) -> int:
        return 42


def cycle() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def doubled(times: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(times):
        value = [value, value]
    return value


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


REFUSED: dict[str, Any] = {
    "an object that equals everything": AlwaysEqual(),
    "an object that claims to be an int": ClaimsToBeAnInt(),
    "a function": len,
    "a class": int,
    "a generator": (x for x in "ab"),
    "a range": range(3),
    "an object deep inside": {"a": [(1, {AlwaysEqual})]},
    "a cycle": cycle(),
    "one level too deep": nested(plain.MAX_DEPTH + 1),
    "shared parts that double and double": doubled(60),
    "one bit too many": 1 << plain.MAX_INT_BITS,
    "too much text": "x" * (MAX_RESULT_BYTES + 1),
    "too many containers": [[]] * plain.MAX_CONTAINERS,
    "the same long text many times": ["x" * 1_000_000] * 9,
}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_plain_is_refused(value: Any) -> None:
    with pytest.raises(Unserialisable):
        encode(value)


AT_THE_BOUND: dict[str, Any] = {
    "the deepest list": nested(plain.MAX_DEPTH),
    "the largest integer": (1 << plain.MAX_INT_BITS) - 1,
    "its negative": 1 - (1 << plain.MAX_INT_BITS),
    "surrogates that would join into one character": "\ud83d\ude00",
    "long text of brackets in a string": "[" * 1_000,
    "many small numbers": list(range(1_000_000)),
}


@pytest.mark.parametrize("value", AT_THE_BOUND.values(), ids=AT_THE_BOUND.keys())
def test_what_is_within_the_bounds_goes_through(value: Any) -> None:
    assert same(decode(encode(value)), value)


def test_dicts_as_deep_as_the_bound_go_through() -> None:
    value: Any = {1: 2}
    for _ in range(plain.MAX_DEPTH - 1):
        value = {(1,): value} if type(value) is dict and len(value) == 2 else {"a": value}
    assert decode(encode(value)) == value


COLLIDING = b",".join(str(index * (2**61 - 1)).encode() for index in range(plain.MAX_HASH_COLLISIONS + 2))

FORGED: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{]",
    "two values": b"1 2",
    "not ASCII": "é".encode(),
    "an unknown tag": b'{"x":[1]}',
    "a reference where none is known": b'{"h":1}',
    "no tag": b"{}",
    "two tags": b'{"t":[1],"s":[1]}',
    "one tag twice": b'{"t":[1],"t":[2]}',
    "NaN": b"NaN",
    "Infinity": b"[-Infinity]",
    "a tuple of text": b'{"t":"abc"}',
    "a tuple of a tuple": b'{"t":{"t":[]}}',
    "a set of lists": b'{"s":[[1]]}',
    "a dict of triples": b'{"d":[[1,2,3]]}',
    "a dict of tuples": b'{"d":[{"t":[1,2]}]}',
    "bytes that are not hex": b'{"b":"zz"}',
    "bytes of a number": b'{"b":12}',
    "a complex of integers": b'{"c":[1,2]}',
    "an unknown float": b'{"n":"1.5"}',
    "a list for a float": b'{"n":[]}',
    "an integer that is not hex": b'{"i":"0x"}',
    "an integer with too many digits": b'{"i":"' + b"f" * (plain.MAX_INT_BITS // 4 + 2) + b'"}',
    "a decimal integer with too many digits": b"1" * 5_000,
    "text that is not UTF-8": b'{"u":"ff"}',
    "ten thousand brackets": b"[" * 10_000 + b"]" * 10_000,
    "a million open brackets": b"[" * 1_000_000,
    "brackets hidden behind a string": b'["\\"",' + b"[" * 500 + b"]" * 500 + b"]",
    "one byte too many": b" " * MAX_RESULT_BYTES + b"1",
    "a set whose members collide": b'{"s":[' + COLLIDING + b"]}",
    "a dict whose keys collide": b'{"d":[[' + COLLIDING.replace(b",", b",0],[") + b",0]]}",
}


@pytest.mark.parametrize("data", FORGED.values(), ids=FORGED.keys())
def test_a_forgery_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        decode(data)


def test_references_are_the_callers_to_give_and_to_resolve() -> None:
    thing = AlwaysEqual()
    data = encode([thing, (1, thing)], lambda value: 7 if value is thing else None)
    first, (one, second) = decode(data, {7: "it"}.__getitem__)
    assert (first, one, second) == ("it", 1, "it")
    with pytest.raises(Unserialisable):
        encode([len], lambda value: None)
    with pytest.raises(ValueError, match="expected int"):
        decode(b'{"h":"x"}', str)
