"""What every keeper does alike: it is given its supervisor on the command line, and ends when that is gone."""

import argparse
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable

from veriward.sandbox import frames, kernel, levels
from veriward.sandbox.errors import IsolationUnavailable, SandboxError
from veriward.sandbox.watch import SupervisorGone

EXIT_ISOLATION = 78


def arguments(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("parent", type=int)
    parser.add_argument("descriptor", type=int)
    parser.add_argument("--min-level", default=levels.DEFAULT_MINIMUM, choices=levels.LEVELS)
    parser.add_argument("--hello", action="store_true")
    return parser


def supervised(options: argparse.Namespace, keep: Callable[[socket.socket], None]) -> None:
    """Have `keep` speak with the supervisor until one of them ends, and tell why in the exit status."""
    supervisor = socket.socket(fileno=options.descriptor)
    _end_in_order(options.parent, supervisor)
    try:
        keep(supervisor)
    except IsolationUnavailable as refused:
        if not options.hello:
            print(refused, file=sys.stderr)
        sys.exit(EXIT_ISOLATION)
    except (EOFError, SupervisorGone, ConnectionError):
        pass
    except SandboxError as fault:
        with contextlib.suppress(OSError):
            frames.send(supervisor, b"E", str(fault).encode(errors="replace"))
        sys.exit(f"keeper: {fault}")


def say_hello(options: argparse.Namespace, supervisor: socket.socket, report: levels.Report) -> None:
    """Raises `IsolationUnavailable` if what was found is not what is asked for."""
    if options.hello:
        frames.send(supervisor, b"H", report.pack())
    levels.require(report, options.min_level)


def _end_in_order(parent: int, supervisor: socket.socket) -> None:
    """When told to end, or when the parent has died, see the supervisor as gone: it ends what runs and cleans up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: supervisor.shutdown(socket.SHUT_RDWR))
    if parent:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit(0)
