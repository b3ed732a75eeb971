"""A trusted test script reaches the candidate in another child, by plain data alone.

The script's child holds a `Judge`, the candidate's a `Candidate`, the keeper only carries: `Q {fn} [operation]` of the
one becomes a `T` of the other, whose result goes back as `A {status, reason} [result]`. What is not plain data stays
with the candidate, and the script gets a `Remote`, known by a number; the stubs are -1, -2, … in the order of `stubs`.

What makes the script's verdict trustworthy: values that arrive are of exact builtin types, and nothing the script
compares *with* is ever sent: a `Remote` equals itself alone, or what the candidate calls equal among its own objects.
Lists, dicts and sets given to a call are changed in place as the candidate did, if the call returned None, which is how
Python marks such functions: else a candidate could empty the very list whose sum the script computes next.
"""

import builtins
import json
import operator
import os
import socket
from collections.abc import Callable
from typing import Any

from veriward.sandbox.plain import Unserialisable, decode, encode

UNPLAIN_ARGUMENT = "unplain_argument"
"""The script gave a stub what is not plain data, a function say: this task can't be judged at arm's length."""

MAX_MESSAGE_BYTES = 64 << 10
MAX_TEXT_CHARS = 10_000
_NOT_RAISED = ("StopIteration", "StopAsyncIteration")  # they would end a loop of the script, unseen


def read_all(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def write_all(descriptor: int, data: bytes) -> None:
    os.ftruncate(descriptor, 0)
    view = memoryview(data)
    at = 0
    while at < len(data):
        at += os.pwrite(descriptor, view[at:], at)


class MissingEntry(Exception):
    """The program defines no such function."""


def find_entry(namespace: dict[str, Any], entry: str) -> Any:
    """`f`, `Class.method` of a fresh instance, or a bare method name of `class Solution`. Raises `MissingEntry`."""
    name, _, method = entry.partition(".")
    if name not in namespace and not method:
        name, method = "Solution", name
    found = namespace.get(name)
    if found is None or (method and not hasattr(found, method)):
        raise MissingEntry(f"the program defines no {entry!r}")
    return getattr(found(), method) if method else found


class Candidate:
    """The candidate's end: does what the script asks for and keeps what is not plain."""

    def __init__(self, namespace: dict[str, Any], stubs: list[str]) -> None:
        self._namespace = namespace
        self._stubs = stubs
        self._objects: list[object] = []
        self._numbers: dict[int, int] = {}

    def answer(self, operation: bytes) -> bytes:
        name, args, kwargs = decode(operation, self._resolve)
        try:
            value = _OPERATIONS[name](*args, **kwargs)
        except Exception as error:  # noqa: BLE001 -- the candidate's, for the script to see
            return encode(("raise", _builtin_name(type(error)), _text(error)))
        changed = (*args[1:], *kwargs.values()) if name == "call" and value is None else None
        return encode(("value", value, changed), self._number)

    def _resolve(self, number: int) -> object:
        return self._objects[number] if number >= 0 else find_entry(self._namespace, self._stubs[-1 - number])

    def _number(self, thing: object) -> int:
        number = self._numbers.setdefault(id(thing), len(self._objects))
        if number == len(self._objects):
            self._objects.append(thing)
        return number


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "call": lambda function, *args, **kwargs: function(*args, **kwargs),
    "get": getattr,
    "set": setattr,
    "item": operator.getitem,
    "slice": lambda thing, *bounds: thing[slice(*bounds)],
    "put": operator.setitem,
    "drop": operator.delitem,
    "len": len,
    "bool": bool,
    "str": str,
    "repr": repr,
    "iter": iter,
    "next": next,
    "eq": lambda left, right: bool(left == right),
}


def _builtin_name(kind: type[BaseException]) -> str:
    return next((base.__name__ for base in kind.__mro__ if _ERRORS.get(base.__name__) is base), "RuntimeError")


def _text(error: BaseException) -> str:
    try:
        first = error.args[0] if error.args else ""
        return (first if type(first) is str else str(error))[:MAX_TEXT_CHARS]
    except Exception:  # noqa: BLE001 -- a hostile __str__
        return ""


def _takes_a_message(kind: object) -> bool:
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return False
    try:
        kind("")
    except TypeError:
        return False
    return True


_ERRORS: dict[str, type[Exception]] = {
    name: kind for name, kind in vars(builtins).items() if _takes_a_message(kind) and kind.__name__ == name
}


class CandidateLost(BaseException):
    """The candidate's child is of no more use; no `except Exception` of a script shall swallow it."""


class Judge:
    """The script's end, for one run of one script."""

    def __init__(self, sock: socket.socket, names: list[str]) -> None:
        self._sock = sock
        self._names = names
        self._remotes = {-1 - index: Remote(self, -1 - index) for index in range(len(names))}
        self.fault: dict[str, Any] = {}  # what overrules the script's own end

    def anew(self) -> "Judge":
        return Judge(self._sock, self._names)

    def stubs(self) -> dict[str, object]:
        return {name: self._remotes[-1 - index] for index, name in enumerate(self._names)}

    def ask(self, operation: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Have the candidate do `operation`; returns the value or raises what it raised, as a builtin exception."""
        if self.fault:
            raise CandidateLost
        try:
            question = encode((operation, args, kwargs), _number_of)
        except Unserialisable as error:
            if _is_stub(args[0]):
                raise self._lost("runtime_error", UNPLAIN_ARGUMENT) from error
            raise TypeError(str(error)) from None  # an object of the candidate's choosing: not the task's fault
        kind, *rest = self._exchange(operation, question)
        if kind == "raise":
            name, text = rest
            stops = operation == "next" and name == "StopIteration"
            raise (_ERRORS[name] if stops or name not in _NOT_RAISED else RuntimeError)(text)
        value, changed = rest
        if changed is not None:
            for old, new in zip((*args[1:], *kwargs.values()), changed, strict=False):
                _update(old, new)
        return value

    def _exchange(self, operation: str, question: bytes) -> tuple[Any, ...]:
        descriptor = os.memfd_create("question", os.MFD_CLOEXEC)
        try:
            write_all(descriptor, question)
            socket.send_fds(self._sock, [b"Q" + json.dumps({"fn": operation}).encode()], [descriptor])
        finally:
            os.close(descriptor)
        message, descriptors, _, _ = socket.recv_fds(self._sock, MAX_MESSAGE_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        if message[:1] != b"A":
            raise self._lost("runtime_error", "protocol")
        answer = json.loads(message[1:])
        if answer["status"] != "finished" or not descriptors:
            reason = answer["reason"] if answer["reason"] != UNPLAIN_ARGUMENT else "protocol"
            raise self._lost(answer["status"], reason)
        try:
            reply = decode(read_all(descriptors[0]), self._remote)
            if not _is_reply(reply):
                raise ValueError("not a reply")
        except ValueError as error:
            raise self._lost("runtime_error", "protocol") from error
        finally:
            os.close(descriptors[0])
        return reply  # type: ignore[no-any-return]

    def _lost(self, status: str, reason: str) -> CandidateLost:
        self.fault = {"status": status, "reason": reason, "exit_code": 1}
        return CandidateLost(reason)

    def _remote(self, number: int) -> "Remote":
        return self._remotes.setdefault(number, Remote(self, number))


def _is_reply(reply: object) -> bool:
    if type(reply) is not tuple or len(reply) != 3:
        return False
    if reply[0] == "raise":
        return type(reply[1]) is str and reply[1] in _ERRORS and type(reply[2]) is str
    return reply[0] == "value" and (reply[2] is None or type(reply[2]) is tuple)


def _update(old: Any, new: Any) -> None:
    """Make a container of the script equal to what the candidate left of it."""
    if type(old) is not type(new):
        return
    if type(old) is list:
        old[:] = new
    elif type(old) is dict or type(old) is set:
        old.clear()
        old.update(new)


class Remote:
    """What the script holds of an object in the candidate's child. Operators with the script's own values are refused:
    they would show the candidate what it is compared with."""

    __slots__ = ("__judge", "__number")

    def __init__(self, judge: Judge, number: int) -> None:
        object.__setattr__(self, "_Remote__judge", judge)
        object.__setattr__(self, "_Remote__number", number)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _ask(self, "get", name)

    def __setattr__(self, name: str, value: object) -> None:
        _ask(self, "set", name, value)

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return self.__judge.ask("call", [self, *args], kwargs)

    def __getitem__(self, key: object) -> Any:
        if type(key) is slice:
            return _ask(self, "slice", key.start, key.stop, key.step)
        return _ask(self, "item", key)

    def __setitem__(self, key: object, value: object) -> None:
        _ask(self, "put", key, value)

    def __delitem__(self, key: object) -> None:
        _ask(self, "drop", key)

    def __len__(self) -> Any:
        return _ask(self, "len")

    def __bool__(self) -> Any:
        return _ask(self, "bool")

    def __str__(self) -> Any:
        return _ask(self, "str")

    def __repr__(self) -> Any:
        return _ask(self, "repr")

    def __iter__(self) -> Any:
        return _ask(self, "iter")

    def __next__(self) -> Any:
        return _ask(self, "next")

    def __eq__(self, other: object) -> Any:
        return _ask(self, "eq", other) if type(other) is Remote else NotImplemented

    __hash__ = object.__hash__


def _ask(remote: Remote, operation: str, *args: object) -> Any:
    return object.__getattribute__(remote, "_Remote__judge").ask(operation, [remote, *args], {})


def _number_of(thing: object) -> int | None:
    return object.__getattribute__(thing, "_Remote__number") if type(thing) is Remote else None


def _is_stub(thing: object) -> bool:
    number = _number_of(thing)
    return number is not None and number < 0
