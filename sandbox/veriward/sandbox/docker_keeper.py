"""A keeper whose programs run in containers: to its supervisor as any other, it relays to a keeper inside.

`python -m veriward.sandbox.docker_keeper PARENT_PID FD [--min-level L2] [--hello] [--image I] [--runtime R]
[--engine E] [--per-run]`. One container stays for all executions. With `--per-run` each gets a new one, which is
started as soon as the one before has ended.

A container ends when this process does, however that comes about: its engine closes its standard input. Those that an
engine kept nevertheless, because it was killed itself, are found by their labels at the next start.
"""

import argparse
import contextlib
import json
import os
import select
import socket
import sys
from dataclasses import replace

from veriward.sandbox import canaries, cgroups, contained, frames, launch, supervised
from veriward.sandbox.backends import DEFAULT_IMAGE, Backend
from veriward.sandbox.docker_engine import DIRECTORY, Container, Engine, Lost
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.execution import MIB, Execution
from veriward.sandbox.levels import OWN_KERNEL, Report
from veriward.sandbox.profiles import STD, known

_RESERVED_BYTES = 48 * MIB  # what a container holds beside its program: keeper, zygote, spares
_PROFILE_BYTES = 128 * MIB  # and for each zygote of another profile that has been asked for
_FIRST_BYTES = canaries.MEMORY_BYTES + 32 * MIB  # too little for the canary that fills memory
_STEP_BYTES = 16 * MIB  # so that executions of about one size need no change of a container's limit
_ENDS = (b"D", b"E", b"F")  # of an execution


class Contained:
    """A container, and the keeper in it that has said hello. Raises `SandboxError` if that fails."""

    def __init__(self, engine: Engine, sources: bytes) -> None:
        command = contained.command(DIRECTORY, "keeper")
        self._profiles: set[str] = set()
        self.container: Container = engine.start(command, _FIRST_BYTES)
        try:
            self.container.send(sources)
            release, boot = json.loads(self._expect(b"K"))
            found = Report.unpack(self._expect(b"H"))
            has_own = release != engine.kernel and boot != contained.kernel()[1]
            layers = (*found.layers, OWN_KERNEL) if has_own else found.layers
            self.report = Report.of(layers, found.failure, engine.name)
        except Lost as fault:
            self.container.remove()
            raise SandboxError(
                f"{engine.name} cannot run the sandbox in image {engine.image!r}: {fault}. It takes Python 3.11 or "
                "later, and a kernel with user namespaces, subreapers and pidfds"
            ) from fault
        except BaseException:
            self.container.remove()
            raise

    def receive(self) -> tuple[bytes, bytes]:
        """A frame, from where programs run, and therefore bounded. Raises `Lost`."""
        kind, size = frames.HEADER.unpack(self.container.exactly(frames.HEADER.size))
        if size > frames.MAX_FRAME_BYTES:
            raise Lost(f"a container announced a frame of {size} bytes")
        return kind, self.container.exactly(size)

    def _expect(self, wanted: bytes) -> bytes:
        kind, payload = self.receive()
        if kind != wanted:
            raise SandboxError(payload.decode(errors="replace"))
        return payload

    def prepare(self, execution: Execution, payload_bytes: int) -> None:
        """Have the kernel bound all that the execution may use, and what its keeper holds of it, together."""
        limits = execution.limits
        self._profiles.update({execution.profile} & known().keys() - {STD})
        copies = 3 * payload_bytes + 4 * limits.output_bytes  # on their way
        held = _RESERVED_BYTES + _PROFILE_BYTES * len(self._profiles) + copies
        self.container.limit(limits.memory_bytes + -(-held // _STEP_BYTES) * _STEP_BYTES)


class Relay:
    """Between the supervisor and one container at a time."""

    def __init__(self, supervisor: socket.socket, engine: Engine, first: Contained, *, per_run: bool) -> None:
        self._supervisor = supervisor
        self._engine = engine
        self._contained = first
        self._sources = contained.sources()
        self._per_run = per_run
        self._report = first.report

    def serve(self) -> None:
        """Until the supervisor is gone (`EOFError`)."""
        while True:
            container = self._contained.container
            if not container.is_ready():
                ready, _, _ = select.select([self._supervisor.fileno(), container.fileno()], [], [])
                if self._supervisor.fileno() in ready:
                    self._down(*frames.receive(self._supervisor))
                    continue
            self._up(*self._contained.receive())

    def close(self) -> None:
        self._contained.container.remove()

    def _down(self, kind: bytes, payload: bytes) -> None:
        if kind == b"X":
            self._contained.prepare(frames.unpack_execution(payload), len(payload))
        self._contained.container.send(frames.pack(kind, payload))

    def _up(self, kind: bytes, payload: bytes) -> None:
        if kind == b"R":
            run = frames.unpack_run(payload)
            payload = frames.pack_run(replace(run, isolation=self._report.isolation))
        frames.send(self._supervisor, kind, payload)
        if self._per_run and kind in _ENDS:
            self._renew()

    def _renew(self) -> None:
        self._contained.container.remove()
        self._contained = Contained(self._engine, self._sources)
        if not set(self._report.layers) <= set(self._contained.report.layers):
            raise SandboxError("a new container isolates less than the first")


def remove_stale(engine: Engine) -> None:
    """Containers of this host whose owner is no more."""
    for identity, owner in engine.containers():
        pid, _, start_time = owner.partition(":")
        if cgroups.start_time(int(pid)) != int(start_time):
            engine.remove(identity)


def own_names() -> tuple[str, str]:
    """Who this process is, and where process numbers mean what they mean to it."""
    _, boot = contained.kernel()
    return f"{os.getpid()}:{cgroups.start_time(os.getpid())}", f"{boot}/{os.readlink('/proc/self/ns/pid')}"


def main() -> None:
    parser = supervised.arguments("docker_keeper")
    parser.add_argument("--image", default=DEFAULT_IMAGE)
    parser.add_argument("--runtime", default="")
    parser.add_argument("--engine", default="")
    parser.add_argument("--per-run", action="store_true")
    options = parser.parse_args()
    launch.name_process("docker-keeper")
    supervised.supervised(options, lambda supervisor: _keep(options, supervisor))


def _keep(options: argparse.Namespace, supervisor: socket.socket) -> None:
    backend = Backend("docker", options.image, options.runtime, options.per_run, options.engine)
    try:
        engine = Engine(backend, *own_names())
        remove_stale(engine)
        first = Contained(engine, contained.sources())
    except SandboxError as fault:
        supervised.say_hello(options, supervisor, Report.of_nothing(str(fault), backend.name))
        return
    relay = Relay(supervisor, engine, first, per_run=options.per_run)
    with contextlib.closing(relay):
        supervised.say_hello(options, supervisor, first.report)
        try:
            relay.serve()
        except Lost as fault:
            print(fault, file=sys.stderr)
            raise


if __name__ == "__main__":
    main()
