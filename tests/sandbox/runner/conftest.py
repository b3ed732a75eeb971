"""A child without its confinement: a forked process under rlimits, and this test as its keeper."""

import json
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from veriward.sandbox import runner
from veriward.sandbox.orders import ORDER, pack_plan
from veriward.sandbox.plain import decode

SECONDS = 20
GIB = 1 << 30


@dataclass(frozen=True)
class Said:
    """A `D`, and what lies in the descriptors of its test. `status` is "gone" if the child ended instead."""

    status: str
    reason: str = ""
    exit_code: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    result: bytes = b""

    @property
    def value(self) -> Any:
        return decode(self.result)


def memfd(content: bytes = b"") -> int:
    descriptor = os.memfd_create("test")
    os.pwrite(descriptor, content, 0)
    return descriptor


def content(descriptor: int) -> bytes:
    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    os.close(descriptor)
    return data


class Child:
    def __init__(self, mode: str, code: str, entry: str = "", stubs: tuple[str, ...] = ()) -> None:
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if not self.pid:
            try:
                self.sock.close()
                resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
                resource.setrlimit(resource.RLIMIT_AS, (4 * GIB, 4 * GIB))
                resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
                runner.prepare()
                runner.serve(theirs)
            finally:
                os._exit(70)
        theirs.close()
        self.sock.settimeout(SECONDS)
        self.count = 0
        socket.send_fds(self.sock, [pack_plan(mode, entry, stubs)], [memfd(code.encode("utf-8", "surrogatepass"))])

    def say(self, kind: str, body: object, *descriptors: int) -> None:
        socket.send_fds(self.sock, [kind.encode() + json.dumps(body).encode()], descriptors)

    def order(self, index: int, fresh: bool, *descriptors: int) -> None:
        socket.send_fds(self.sock, [ORDER.pack(b"T", index, fresh)], descriptors)

    def hear(self) -> tuple[str, dict[str, Any], list[int]]:
        try:
            message, descriptors, _, _ = socket.recv_fds(self.sock, 1 << 16, 1)
        except ConnectionResetError:
            message, descriptors = b"", []
        return message[:1].decode(), json.loads(message[1:] or b"{}"), descriptors

    def run(self, given: bytes = b"", carry: Callable[[int], tuple[dict[str, Any], int]] | None = None) -> Said:
        """One test. `carry` answers a judge's question: from its descriptor to the `A` and the result's."""
        descriptors = [memfd(given), memfd(), memfd(), memfd()]
        self.count += 1
        self.order(self.count, True, *descriptors)
        os.close(descriptors.pop(0))
        kind, said, questions = self.hear()
        while kind == "Q" and carry is not None:
            answer, reply = carry(questions[0])
            self.say("A", answer, reply)
            os.close(questions[0])
            os.close(reply)
            kind, said, questions = self.hear()
        assert said.pop("index", self.count) == self.count
        stdout, stderr, result = map(content, descriptors)
        return Said(**{"status": "gone", **said}, stdout=stdout, stderr=stderr, result=result)

    def end(self) -> None:
        self.sock.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@pytest.fixture
def child() -> Iterator[Callable[..., Child]]:
    with ExitStack() as stack:

        def start(*args: Any, **kwargs: Any) -> Child:
            begun = Child(*args, **kwargs)
            stack.callback(begun.end)
            return begun

        yield start


@pytest.fixture
def judged(child: Callable[..., Child]) -> Callable[..., Said]:
    """Run a script in one child, with the program in another and this test between them."""

    def run(program: str, script: str, *stubs: str) -> Said:
        candidate = child("serve", program, stubs=stubs)
        started = False

        def carry(question: int) -> tuple[dict[str, Any], int]:
            nonlocal started
            descriptors = [question, memfd(), memfd(), memfd()]
            candidate.order(0, not started, *descriptors)
            started = True
            _, said, _ = candidate.hear()
            for descriptor in descriptors[1:3]:
                os.close(descriptor)
            said = said or {"status": "runtime_error", "reason": "early_exit"}
            return {"status": said["status"], "reason": said["reason"]}, descriptors[3]

        return child("judge", "", stubs=stubs).run(script.encode(), carry)

    return run


@dataclass
class Hostile:
    """A candidate's child that answers what it likes."""

    answers: list[bytes]
    status: str = "finished"
    reason: str = ""
    asked: list[Any] = field(default_factory=list)

    def carry(self, question: int) -> tuple[dict[str, Any], int]:
        self.asked.append(decode(os.pread(question, 1 << 16, 0), lambda number: ("reference", number)))
        return {"status": self.status, "reason": self.reason}, memfd(self.answers[len(self.asked) - 1])


@pytest.fixture
def hostile() -> type[Hostile]:
    return Hostile
