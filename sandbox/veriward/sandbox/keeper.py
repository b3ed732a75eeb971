"""The keeper: a trusted, single-threaded process that runs one execution at a time in confined children.

`python -m veriward.sandbox.keeper PARENT_PID FD [--min-level L2] [--hello] [--without LAYER]`. It speaks the frames of
`frames.py` over the inherited stream socket and ends with it, leaving nothing. With `--hello` its first frame is `H`:
what the live probe found (`levels.Report`, JSON). Exit status 78: the host cannot give `--min-level`. `--without` shows
what a layer is worth: it is refused but for `--min-level L0`, which is then the level stamped.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import sys
import time
from functools import cached_property
from typing import TYPE_CHECKING

from veriward.sandbox import bounds, canaries, frames, kernel, launch, levels
from veriward.sandbox.errors import Cancelled, ExecutionRefused, IsolationUnavailable, SandboxError
from veriward.sandbox.execution import Execution, Isolation
from veriward.sandbox.nurseries import Nurseries
from veriward.sandbox.nursery import Nursery
from veriward.sandbox.performance import Performance
from veriward.sandbox.watch import SupervisorGone, Watch
from veriward.sandbox.zygote import LAYERS

if TYPE_CHECKING:
    from veriward.sandbox.workshop import Workshop

EXIT_ISOLATION = 78
_FLUSH_BYTES = 64 << 10
_FLUSH_SECONDS = 0.005


class Keeper:
    def __init__(self, supervisor: socket.socket, nurseries: Nurseries, isolation: Isolation) -> None:
        self._supervisor = supervisor
        self._nurseries = nurseries
        self._nursery = nurseries.std
        self._isolation = isolation

    def serve(self) -> None:
        """Until the supervisor is gone (`EOFError`, `SupervisorGone`)."""
        while True:
            self._nurseries.rest(self._supervisor)
            kind, payload = frames.receive(self._supervisor)
            if kind == b"X":
                self._supervisor.sendall(self._answer(frames.unpack_execution(payload)))
                self._nurseries.renew()
            elif kind == b"L":
                self._supervisor.sendall(self._languages())
            elif kind == b"P":
                self._supervisor.sendall(frames.pack(b"P", json.dumps(self._nurseries.profiles()).encode()))

    def _performance(self, execution: Execution) -> Performance:
        if execution.language != bounds.PYTHON:
            self._workshop.require(execution.language, Watch(self._supervisor, self._nursery))
        bounds.check(execution)
        if execution.files and self._nursery.failure:
            raise ExecutionRefused("files", "without a mount namespace there is no box to put them in")
        if execution.language != bounds.PYTHON:
            return self._workshop.performance(execution, Watch(self._supervisor, self._nursery))
        nursery = self._nurseries.of(execution.profile, self._supervisor)
        return Performance(execution, nursery, Watch(self._supervisor, nursery), self._isolation)

    @cached_property
    def _workshop(self) -> "Workshop":
        from veriward.sandbox.workshop import Workshop  # what most keepers never need

        return Workshop(self._nursery, self._isolation)

    def _languages(self) -> bytes:
        try:
            found = self._workshop.found(Watch(self._supervisor, self._nursery))
        except SupervisorGone:
            raise
        except SandboxError as fault:
            return frames.pack(b"E", str(fault).encode(errors="replace"))
        return frames.pack(b"L", json.dumps(found).encode())

    def _answer(self, execution: Execution) -> bytes:
        """Perform it, telling its runs on the way; returns the frames that are still to be sent."""
        pending: list[bytes] = []
        size, flushed = 0, time.monotonic()
        try:
            for run in self._performance(execution).runs():
                pending.append(frames.pack(b"R", frames.pack_run(run)))
                size += len(pending[-1])
                now = time.monotonic()
                if size >= _FLUSH_BYTES or now - flushed >= _FLUSH_SECONDS:
                    self._supervisor.sendall(b"".join(pending))
                    pending.clear()
                    size, flushed = 0, now
            pending.append(frames.pack(b"D"))
        except ExecutionRefused as refused:
            pending.append(frames.pack(b"F", f"{refused.field} {refused.message}".encode(errors="replace")))
        except Cancelled:
            pending.append(frames.pack(b"D"))
        except SupervisorGone:
            raise
        except SandboxError as fault:
            pending.append(frames.pack(b"E", str(fault).encode(errors="replace")))
        return b"".join(pending)


def main() -> None:
    parser = argparse.ArgumentParser(prog="keeper")
    parser.add_argument("parent", type=int)
    parser.add_argument("descriptor", type=int)
    parser.add_argument("--min-level", default=levels.DEFAULT_MINIMUM, choices=levels.LEVELS)
    parser.add_argument("--hello", action="store_true")
    parser.add_argument(
        "--without", action="append", default=[], choices=sorted({*LAYERS, *levels.CGROUPS, levels.CPU})
    )
    arguments = parser.parse_args()
    if arguments.without and arguments.min_level != levels.LEVELS[0]:
        parser.error("--without weakens the sandbox: it takes --min-level L0")
    supervisor = socket.socket(fileno=arguments.descriptor)
    launch.name_process("keeper")
    _end_in_order(arguments.parent, supervisor)
    try:
        with contextlib.closing(Nursery(arguments.without)) as nursery:
            report = canaries.assess(nursery, Watch(supervisor, nursery))
            if arguments.hello:
                frames.send(supervisor, b"H", report.pack())
            levels.require(report, arguments.min_level)
            with contextlib.closing(Nurseries(nursery, report)) as nurseries:
                Keeper(supervisor, nurseries, report.isolation).serve()
    except IsolationUnavailable as refused:
        if not arguments.hello:
            print(refused, file=sys.stderr)
        sys.exit(EXIT_ISOLATION)
    except (EOFError, SupervisorGone, ConnectionError):
        pass
    except SandboxError as fault:
        with contextlib.suppress(OSError):
            frames.send(supervisor, b"E", str(fault).encode(errors="replace"))
        sys.exit(f"keeper: {fault}")


def _end_in_order(parent: int, supervisor: socket.socket) -> None:
    """When told to end, or when the parent has died, see the supervisor as gone: it ends what runs and cleans up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: supervisor.shutdown(socket.SHUT_RDWR))
    if parent:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit(0)


if __name__ == "__main__":
    main()
