"""The plain encoding: Python's builtin values as bounded JSON, and back, without believing who wrote it.

`encode` runs beside hostile objects: it takes exact builtin types, and subclasses only through the base class's own
methods, so that no override of theirs is called. `decode` is for trusted readers of hostile bytes: what comes out is
made of exact builtin types. Numbers, strings, booleans, None and lists are JSON's own; every JSON object is a tag:

    {"t": [...]} tuple     {"s": [...]} set      {"f": [...]} frozenset      {"d": [[key, value], ...]} dict
    {"b": hex} bytes       {"c": [re, im]} complex   {"i": hex} an integer beyond 64 bits   {"n": "nan"} nan, inf, -inf
    {"u": hex} a string with lone surrogates     {"h": number} a reference (only where the caller gives a hook)
"""

import json
from collections.abc import Callable
from math import isfinite
from typing import Any, NoReturn

from veriward.sandbox.execution import MAX_RESULT_BYTES

MAX_DEPTH = 64
MAX_CONTAINERS = 1 << 20  # a container costs three bytes of text but some hundred of memory
MAX_INT_BITS = 1 << 17  # 39,000 digits
MAX_HASH_COLLISIONS = 64  # among the keys of one dict or set: beyond it building is quadratic
_MAX_JSON_DEPTH = 3 * MAX_DEPTH + 2  # a dict nests three JSON containers; its innermost value may be tagged
_WORD = 1 << 63
_CONTAINER_COST = MAX_RESULT_BYTES // MAX_CONTAINERS


class Unserialisable(Exception):
    """The value is not plain data, or more than the bounds allow."""


def encode(value: object, refer: Callable[[object], int | None] | None = None) -> bytes:
    """The plain encoding of `value`, the members of sets in one order. Raises `Unserialisable`.

    `refer(object)` may give the number by which an object that is not plain is to be known; None refuses it.
    """
    data = _dumps(_Encoder(refer).tree(value, 0)).encode()
    if len(data) > MAX_RESULT_BYTES or data.count(b"[") > MAX_CONTAINERS:
        raise Unserialisable("the value is too large")
    return data


def decode(data: bytes, resolve: Callable[[int], object] | None = None) -> Any:
    """The value that `data` encodes. Raises `ValueError` for anything that is not the plain encoding.

    `resolve(number)` gives the object for a reference, which is refused without it.
    """
    if len(data) > MAX_RESULT_BYTES or data.count(b"[") + data.count(b"{") > 2 * MAX_CONTAINERS:
        raise ValueError("the encoded value is too large")
    _check_depth(data)
    decoders = _DECODERS if resolve is None else {**_DECODERS, "h": lambda number: resolve(_expect(number, int))}

    def untag(pairs: list[tuple[str, Any]]) -> object:
        if len(pairs) != 1 or pairs[0][0] not in decoders:
            raise ValueError("not a tag of the plain encoding")
        return decoders[pairs[0][0]](pairs[0][1])

    reader = json.JSONDecoder(object_pairs_hook=untag, parse_constant=_refuse)
    try:
        return reader.decode(data.decode("ascii"))
    except (TypeError, RecursionError, OverflowError) as error:
        raise ValueError(f"not the plain encoding: {error}") from None


class _Encoder:
    """Turns a value into what JSON can say, spending a budget so that shared parts cannot multiply without end."""

    def __init__(self, refer: Callable[[object], int | None] | None) -> None:
        self._refer = refer
        self._budget = MAX_RESULT_BYTES

    def tree(self, value: Any, depth: int) -> object:
        kind = type(value)
        if value is None or kind is bool:
            return value
        if issubclass(kind, int):
            return self._integer(int.__int__(value))
        if issubclass(kind, str):
            return self._string(str.__str__(value))
        if issubclass(kind, float):
            return _float(float.__float__(value))
        if depth >= MAX_DEPTH:
            raise Unserialisable("the value is nested too deeply, or in itself")
        if issubclass(kind, list):
            return self._sequence(list(list.__iter__(value)), depth)
        if issubclass(kind, tuple):
            return {"t": self._sequence(list(tuple.__iter__(value)), depth)}
        if issubclass(kind, dict):
            self._spend((4 + _CONTAINER_COST) * dict.__len__(value) + _CONTAINER_COST)
            return {"d": [[self.tree(key, depth + 1), self.tree(item, depth + 1)] for key, item in dict.items(value)]}
        if issubclass(kind, set):
            return {"s": sorted(self._sequence(list(set.__iter__(value)), depth), key=_dumps)}
        if issubclass(kind, frozenset):
            return {"f": sorted(self._sequence(list(frozenset.__iter__(value)), depth), key=_dumps)}
        return self._rare(value, kind)

    def _rare(self, value: Any, kind: type) -> object:
        if issubclass(kind, bytes):
            exact = bytes.__bytes__(value)
            self._spend(2 * len(exact))
            return {"b": exact.hex()}
        if issubclass(kind, complex):
            number = complex.__complex__(value)
            return {"c": [_float(number.real), _float(number.imag)]}
        number_of = None if self._refer is None else self._refer(value)
        if number_of is None:
            raise Unserialisable(f"a value of type {kind.__name__} is not plain data")
        return {"h": number_of}

    def _sequence(self, items: list[Any], depth: int) -> list[Any]:
        self._spend(2 * len(items) + _CONTAINER_COST)
        kinds = set(map(type, items))
        if kinds == {int} and min(items) > -_WORD and max(items) < _WORD:
            return items
        if kinds == {float} and all(map(isfinite, items)):
            return items
        return [self.tree(item, depth + 1) for item in items]

    def _integer(self, value: int) -> object:
        if -_WORD < value < _WORD:
            return value
        if value.bit_length() > MAX_INT_BITS:
            raise Unserialisable("an integer is too large")
        self._spend(value.bit_length() // 4)
        return {"i": f"{value:x}"}

    def _string(self, value: str) -> object:
        self._spend(len(value))
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                return {"u": value.encode("utf-8", "surrogatepass").hex()}
        return value

    def _spend(self, size: int) -> None:
        self._budget -= size
        if self._budget < 0:
            raise Unserialisable("the value is too large")


def _float(value: float) -> object:
    return value if isfinite(value) else {"n": float.__repr__(value)}


def _check_depth(data: bytes) -> None:
    brackets = data.count(b"[") + data.count(b"{")
    if brackets <= _MAX_JSON_DEPTH:
        return
    # Outside strings, peel the innermost pairs off layer by layer: each pass is one level, at the speed of C.
    pieces = data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
    shape = b"".join(pieces).translate(_SHAPE, bytes(byte for byte in range(256) if byte not in b"[]{}"))
    for _ in range(_MAX_JSON_DEPTH):
        if not shape:
            return
        shape = shape.replace(b"[]", b"")
    if shape:
        raise ValueError("nested too deeply, or unbalanced")


_SHAPE = bytes.maketrans(b"{}", b"[]")


def _expect(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"expected {kind.__name__}")
    return value


def _integer(text: Any) -> int:
    if len(_expect(text, str)) > MAX_INT_BITS // 4 + 1:
        raise ValueError("an integer is too large")
    return int(text, 16)


def _distinct(keys: list[Any]) -> list[Any]:
    if len(keys) - len(set(map(hash, keys))) > MAX_HASH_COLLISIONS:
        raise ValueError("too many keys collide")
    return keys


def _dict(pairs: Any) -> dict[Any, Any]:
    for pair in _expect(pairs, list):
        if len(_expect(pair, list)) != 2:
            raise ValueError("expected pairs")
    _distinct([key for key, _ in pairs])
    return dict(pairs)


def _complex(pair: Any) -> complex:
    real, imaginary = _expect(pair, list)
    return complex(_expect(real, float), _expect(imaginary, float))


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_FLOATS = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
_DECODERS: dict[str, Callable[[Any], object]] = {
    "t": lambda items: tuple(_expect(items, list)),
    "s": lambda items: set(_distinct(_expect(items, list))),
    "f": lambda items: frozenset(_distinct(_expect(items, list))),
    "d": _dict,
    "b": lambda text: bytes.fromhex(_expect(text, str)),
    "c": _complex,
    "i": _integer,
    "n": lambda name: _FLOATS[name] if name in _FLOATS else _refuse(str(name)),
    "u": lambda text: bytes.fromhex(_expect(text, str)).decode("utf-8", "surrogatepass"),
}
_dumps = json.JSONEncoder(allow_nan=False, check_circular=False, separators=(",", ":")).encode
