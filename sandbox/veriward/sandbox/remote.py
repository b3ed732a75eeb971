"""A trusted test script reaches the candidate in another child, by plain data alone.

The script's child holds a `Judge`, the candidate's a `Candidate`; the keeper only carries: `Q {fn} [operation]` of the
one becomes a `T` of the other, whose result goes back as `A {status, reason} [result]`. What is not plain data stays
with the candidate, and the script gets a `Remote`, known by a number; the stubs are -1, -2, … in the order of `stubs`.

What makes the script's verdict trustworthy: values that arrive are of exact builtin types, and nothing the script
compares *with* is ever sent: a `Remote` equals itself alone, or what the candidate calls equal among its own objects.
Lists, dicts and sets given to a call are changed in place as the candidate did, if the call returned None, which is how
Python marks such functions: else a candidate could empty the very list whose sum the script computes next.
"""

import json
import os
import socket
from typing import Any

from veriward.sandbox import memfds
from veriward.sandbox.candidate import ERRORS
from veriward.sandbox.execution import MAX_RESULT_BYTES
from veriward.sandbox.plain import Unserialisable, decode, encode

UNPLAIN_ARGUMENT = "unplain_argument"
"""The script gave a stub what is not plain data, a function say: this task can't be judged at arm's length."""

MAX_MESSAGE_BYTES = 64 << 10
_NOT_RAISED = ("StopIteration", "StopAsyncIteration")  # they would end a loop of the script, unseen


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
            raise (ERRORS[name] if stops or name not in _NOT_RAISED else RuntimeError)(text)
        value, changed = rest
        if operation == "call" and value is None and changed is not None:  # not the candidate's to decide
            for old, new in zip((*args[1:], *kwargs.values()), changed, strict=False):
                _update(old, new)
        return value

    def _exchange(self, operation: str, question: bytes) -> tuple[Any, ...]:
        descriptor = memfds.sealed("question", question)
        try:
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
            reply = decode(memfds.read(descriptors[0], MAX_RESULT_BYTES + 1), self._remote)
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
        return type(reply[1]) is str and reply[1] in ERRORS and type(reply[2]) is str
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
