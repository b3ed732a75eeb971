"""`LocalSandbox`: the sandbox in any process, with one keeper of its own."""

import json
import socket
import subprocess
from collections.abc import Callable, Sequence
from types import TracebackType

from veriward.sandbox import frames, levels
from veriward.sandbox.backends import EMBEDDED, Backend
from veriward.sandbox.errors import ExecutionRefused, SandboxError
from veriward.sandbox.execution import Execution, Isolation, Run
from veriward.sandbox.keeper_process import start_keeper

_STOP_SECONDS = 10.0


class LocalSandbox:
    """A context manager; blocking, one execution at a time, for use by one thread.

    `command` is the interpreter to run keeper and programs with, as an argument list; by default this process's own.
    `without` leaves layers out, to show what they are worth: it takes `min_level="L0"`, and the level stamped is lower.
    `backend` says who isolates: by default this host's kernel.
    Entering raises `IsolationUnavailable` if the host does not reach `min_level`, `SandboxError` if nothing starts.
    """

    def __init__(
        self,
        min_level: str = levels.DEFAULT_MINIMUM,
        command: Sequence[str] | None = None,
        without: Sequence[str] = (),
        backend: Backend = EMBEDDED,
    ) -> None:
        self._min_level = min_level
        self._command = command
        self._without = without
        self._backend = backend
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None
        self.isolation = Isolation("L0", ())

    def __enter__(self) -> "LocalSandbox":
        self._process, self._sock, hello = start_keeper(
            self._command, minimum=self._min_level, without=self._without, backend=self._backend
        )
        report = levels.Report.unpack(hello)
        try:
            levels.require(report, self._min_level)
        except SandboxError:
            self.close()
            raise
        self.isolation = report.isolation
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the keeper and all it runs."""
        if self._sock is not None:
            self._sock.close()
        if self._process is not None:
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = self._sock = None

    def run(self, execution: Execution, stop: Callable[[Run], bool] | None = None) -> list[Run]:
        """See `Sandbox.run`. A keeper that was lost is replaced, and what it ran is run once more."""
        try:
            return self._run(execution, stop)
        except (EOFError, ConnectionError):
            self.close()
            self.__enter__()
        try:
            return self._run(execution, stop)
        except (EOFError, ConnectionError) as fault:
            raise SandboxError("the keeper was lost twice under this execution") from fault

    def languages(self) -> dict[str, str]:
        """By name, the versions of the languages that work here, the built-in Python first, whose version is ""."""
        return self._ask(b"L")

    def profiles(self) -> dict[str, str]:
        """By name, why a profile's packages are not here, "" if they are; `std` first."""
        return self._ask(b"P")

    def _ask(self, question: bytes) -> dict[str, str]:
        if self._sock is None:
            raise SandboxError("the sandbox is not open")
        frames.send(self._sock, question)
        kind, payload = frames.receive(self._sock)
        if kind != question:
            raise SandboxError(payload.decode(errors="replace"))
        found: dict[str, str] = json.loads(payload)
        return found

    def _run(self, execution: Execution, stop: Callable[[Run], bool] | None) -> list[Run]:
        if self._sock is None:
            raise SandboxError("the sandbox is not open")
        frames.send(self._sock, b"X", frames.pack_execution(execution))
        runs: list[Run] = []
        stopped = False
        while True:
            kind, payload = frames.receive(self._sock)
            if kind == b"R":
                if not stopped:
                    runs.append(frames.unpack_run(payload))
                    if stop is not None and stop(runs[-1]):
                        stopped = True
                        frames.send(self._sock, b"C")
            elif kind == b"D" or stopped:
                return runs
            elif kind == b"F":
                field, _, message = payload.decode(errors="replace").partition(" ")
                raise ExecutionRefused(field, message)
            else:
                raise SandboxError(payload.decode(errors="replace"))
