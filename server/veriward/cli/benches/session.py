"""What the rows of one run share: how long to measure, the server, figures already taken, and the progress line."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from veriward.cli.benches.cpu import machine_busy_seconds, own_cpu_seconds, tree_cpu
from veriward.cli.benches.load import load
from veriward.cli.benches.targets import BY_ROW
from veriward.cli.server_process import ServerProcess, server_process

QUICK_SECONDS, FULL_SECONDS = 0.8, 4.0  # each measurement goes on for so long
WARM_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number: `value` in the row's unit, from `units` pieces of work; `notes` say where the time went."""

    row: str
    value: float
    units: int
    notes: dict[str, Any] = field(default_factory=dict)


class Session:
    """One run. `tell` shows what is being measured."""

    def __init__(self, *, quick: bool, tell: Callable[[str], None]) -> None:
        self.quick = quick
        self.seconds = QUICK_SECONDS if quick else FULL_SECONDS
        self.tell = tell
        self._figures: dict[str, Figure] = {}
        self._resources = ExitStack()
        self._server: ServerProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    @property
    def figures(self) -> list[Figure]:
        return list(self._figures.values())

    def server(self) -> ServerProcess:
        """The server that all rows use, started by the first."""
        if self._server is None:
            self.tell("starting a server")
            self._server = self._resources.enter_context(server_process("--log-level", "warning"))
        return self._server

    def add(self, figure: Figure) -> None:
        self._figures[figure.row] = figure


def served(
    session: Session,
    row: str,
    path: str,
    bodies: Iterator[bytes],
    *,
    right: bytes,
    per_request: int,
    connections: int,
) -> None:
    """Measure a row over HTTP: each answer must hold `right` once for each of its `per_request` pieces of work.

    The figure is the CPU time of a piece in the server's whole tree, or, for a row in pieces per second, its rate.
    """
    session.tell(row)
    server = session.server()

    def check(answer: bytes) -> bool:
        return answer.count(right) == per_request

    load(server, path, bodies, check, connections=connections, seconds=WARM_SECONDS)
    before, own_before, machine_before = tree_cpu(server.pid), own_cpu_seconds(), machine_busy_seconds()
    done = load(server, path, bodies, check, connections=connections, seconds=session.seconds)
    machine, own = machine_busy_seconds() - machine_before, own_cpu_seconds() - own_before
    spent = tree_cpu(server.pid).since(before)
    units = done.requests * per_request
    notes = {
        "per_second": round(units / done.seconds, 1),
        "cpu_us": round(spent.seconds / units * 1e6, 1),
        "cores_busy": {
            "server": round(spent.seconds / done.seconds, 2),
            "generator": round(own / done.seconds, 2),
            "others": round(max(0.0, machine - spent.seconds - own) / done.seconds, 2),
        },
        "cpu_shares": spent.shares(),
        "request_ms": {"p50": round(done.percentile(0.5) * 1e3, 2), "p99": round(done.percentile(0.99) * 1e3, 2)},
    }
    rate = BY_ROW[row].unit.endswith("/s")
    session.add(Figure(row, units / done.seconds if rate else spent.seconds / units * 1e3, units, notes))
