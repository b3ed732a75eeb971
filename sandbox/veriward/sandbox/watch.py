"""Waits for a child without losing sight of the two others that matter: the supervisor and the zygote."""

import math
import select
import socket

from veriward.sandbox import frames
from veriward.sandbox.conversation import Child
from veriward.sandbox.errors import Cancelled, SandboxError
from veriward.sandbox.nursery import Nursery, ZygoteDied


class SupervisorGone(SandboxError):
    """Nobody waits for an answer any more: end everything."""


class Watch:
    def __init__(self, supervisor: socket.socket, nursery: Nursery) -> None:
        self._supervisor = supervisor
        self._nursery = nursery

    def wait(self, child: Child, seconds: float) -> bool:
        """Until the child has said something, has ended (then True), or `seconds` are over.

        Raises `Cancelled`, `SupervisorGone`, `ZygoteDied`.
        """
        if child.poll is None or child.is_silent:
            child.poll = self._poll(child)
        ready = [descriptor for descriptor, _ in child.poll.poll(math.ceil(max(seconds, 0) * 1000))]
        if ready == child.spoke:  # and nothing else has happened: the usual
            return False
        if self._supervisor.fileno() in ready:
            self._obey()
        if self._nursery.control.fileno() in ready:
            raise ZygoteDied("the zygote went away")
        return child.pidfd in ready

    def _poll(self, child: Child) -> select.poll:
        poll = select.poll()
        poll.register(self._supervisor, select.POLLIN)
        poll.register(self._nursery.control, select.POLLIN)
        if not child.is_silent:
            poll.register(child.sock, select.POLLIN)
        poll.register(child.pidfd, select.POLLIN)
        return poll

    def _obey(self) -> None:
        try:
            kind, _ = frames.receive(self._supervisor)
        except (EOFError, OSError):
            raise SupervisorGone("the supervisor closed the connection") from None
        if kind == b"C":
            raise Cancelled("cancelled")
        raise SupervisorGone(f"the supervisor sent {kind!r} while an execution was running")
