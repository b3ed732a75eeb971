"""Rows `programs` and `tests`: programs run in the sandbox, by the engine alone and over HTTP."""

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator

from veriward.cli.benches import baselines, samples
from veriward.cli.benches.cpu import tree_cpu
from veriward.cli.benches.session import Figure, Session, served

CONNECTIONS = 4  # enough to keep two cores busy
PER_REQUEST = 32
GROUP = 8
WARM_RUNS = 10

Tests = list[tuple[str, str]]


def programs(session: Session) -> None:
    """A trivial program: by the engine, one per request, and 32 per request."""
    baselines.fork(session)
    baselines.subprocess_each(session)
    _engine(session, "programs.engine", lambda number: (f"print({number})", [("", f"{number}\n")]))
    for row, per_request in (("programs.http", 1), ("programs.http32", PER_REQUEST)):
        served(
            session,
            row,
            "/v1/execute",
            _execute_bodies(per_request),
            right=b'"status":"finished"',
            per_request=per_request,
            connections=CONNECTIONS,
        )


def problems(session: Session) -> None:
    """A problem with 20 stdin tests: by the engine, and as `code` rollouts over HTTP."""
    baselines.subprocess_20_tests(session)
    tests = samples.stdin_tests(20)
    _engine(session, "tests.engine", lambda number: (f"{samples.SUM_AND_MAX}\n# {number}", tests))
    bodies = (
        json.dumps({"items": [samples.code_item(first, GROUP, tests)], "deadline_seconds": 60}).encode()
        for first in itertools.count(0, GROUP)
    )
    served(
        session,
        "tests.http",
        "/v1/grade",
        bodies,
        right=b'"outcome":"correct"',
        per_request=GROUP,
        connections=CONNECTIONS,
    )


def _execute_bodies(per_request: int) -> Iterator[bytes]:
    for first in itertools.count(0, per_request):
        runs = [{"code": f"print({number})"} for number in range(first, first + per_request)]
        yield json.dumps({"runs": runs}).encode()


def _engine(session: Session, row: str, make: Callable[[int], tuple[str, Tests]]) -> None:
    """The engine without a server: `make(number)` gives a program and its (stdin, stdout) pairs."""
    from veriward.sandbox import Execution
    from veriward.sandbox.local import LocalSandbox

    session.tell(row)
    with LocalSandbox() as sandbox:

        def run(number: int) -> None:
            code, tests = make(number)
            runs = sandbox.run(Execution(code, inputs=tuple(stdin.encode() for stdin, _ in tests)))
            assert [one.stdout.decode() for one in runs] == [stdout for _, stdout in tests], runs

        for number in range(WARM_RUNS):
            run(number)
        before, began = tree_cpu(os.getpid()), time.monotonic()
        count = 0
        while time.monotonic() - began < session.seconds:
            run(WARM_RUNS + count)
            count += 1
        spent = tree_cpu(os.getpid()).since(before)
        session.add(Figure(row, spent.seconds / count * 1e3, count, {"cpu_shares": spent.shares()}))
