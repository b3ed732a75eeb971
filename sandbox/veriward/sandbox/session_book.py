"""What is known of sessions on the side that has them: requests under way, which live, and why the others are gone."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from veriward.sandbox import session_frames
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.session import Loss, SessionLost, SessionUnknown, said

MAX_REMEMBERED = 20_000
Answer = tuple[dict[str, Any], list[bytes]] | SandboxError
Done = Callable[[Answer], object]


@dataclass(frozen=True, slots=True)
class _Asked:
    head: session_frames.Head
    done: Done


class SessionBook:
    """`send` writes packed frames. `lost(name, reason)` is called for each session that is gone unasked."""

    def __init__(self, send: Callable[[bytes], object], lost: Callable[[str, str], object] | None = None) -> None:
        self._send = send
        self._lost = lost
        self._asked: dict[int, _Asked] = {}
        self._tickets = 0
        self._live: set[str] = set()
        self._gone: OrderedDict[str, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._live)

    def is_live(self, name: str) -> bool:
        return name in self._live

    def ask(self, head: session_frames.Head, blobs: list[bytes], done: Done) -> None:
        """`done` is called once with the answer, or with what went wrong."""
        name = head["session"]
        if head["op"] != "open" and name not in self._live:
            reason = self._gone.get(name)
            fault = SessionUnknown(f"there is no session {name[:100]!r}")
            done(fault if reason is None else SessionLost(said(reason), reason))
            return
        self._tickets += 1
        self._asked[self._tickets] = _Asked(head, done)
        try:
            self._send(session_frames.pack_request(self._tickets, head, blobs))
        except OSError:
            self.end()

    def hear(self, kind: bytes, payload: bytes) -> None:
        """A frame from the keeper."""
        head, blobs = session_frames.read(payload)
        if kind == b"N":
            self._forget(head["session"], head["reason"], unasked=True)
            return
        asked = self._asked.pop(head["ticket"], None)
        if asked is None:
            return
        name = asked.head["session"]
        if kind == b"E":
            fault = session_frames.read_fault(head)
            if isinstance(fault, SessionLost):
                self._forget(name, fault.reason)
            elif isinstance(fault, SessionUnknown) and name in self._gone:  # lost while the request was under way
                fault = SessionLost(said(self._gone[name]), self._gone[name])
            asked.done(fault)
            return
        operation = asked.head["op"]
        if operation == "open":
            self._live.add(name)
        elif operation == "fork":
            self._live.update(asked.head["ids"])
        elif operation == "close":
            self._forget(name, Loss.CLOSED)
        elif operation == "run" and head["lost"]:
            self._forget(name, head["lost"], unasked=True)
        asked.done((head, blobs))

    def begin(self, send: Callable[[bytes], object]) -> None:
        """A new keeper is there, after `end`."""
        self._send = send

    def end(self, reason: Loss = Loss.SANDBOX) -> None:
        """The keeper is gone, and all its sessions."""
        for name in list(self._live):
            self._forget(name, reason, unasked=True)
        asked, self._asked = self._asked, {}
        for one in asked.values():
            if one.head["op"] == "open":
                one.done(SandboxError("the sandbox died before the session was there"))
            else:
                one.done(SessionLost(said(reason), reason))

    def _forget(self, name: str, reason: str, *, unasked: bool = False) -> None:
        if name not in self._live:
            return
        self._live.discard(name)
        self._gone[name] = reason
        if len(self._gone) > MAX_REMEMBERED:
            self._gone.popitem(last=False)
        if unasked and self._lost is not None:
            self._lost(name, reason)
