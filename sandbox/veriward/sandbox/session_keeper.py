"""The session keeper: a trusted, single-threaded process that holds the sessions of one profile, many at a time.

`python -m veriward.sandbox.session_keeper PARENT_PID FD …`. It speaks the frames of `session_frames.py` over the
inherited stream socket and ends with it, leaving nothing. Executions have keepers of their own and never wait for a
session; sessions that rest cost no CPU, and of their cells no more than `--cells` run at once. Exit status 78: the host
cannot give `--min-level`, or no sessions at all.
"""

import argparse
import asyncio
import contextlib
import resource
import socket
import traceback

from veriward.sandbox import frames, launch, levels, session_frames
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.levels import Report
from veriward.sandbox.nurseries import warmup_of
from veriward.sandbox.profiles import STD
from veriward.sandbox.session_canaries import assess
from veriward.sandbox.session_nursery import SessionNursery
from veriward.sandbox.session_table import SessionTable
from veriward.sandbox.supervised import arguments, say_hello, supervised
from veriward.sandbox.zygote import LAYERS

DEFAULT_MOST = 500
_DESCRIPTORS_EACH = 14  # of a session: socket, pidfd, gate, its cgroups' files
_DESCRIPTORS_OTHER = 100


async def serve(
    supervisor: socket.socket, nursery: SessionNursery, options: argparse.Namespace, report: Report
) -> None:
    """Until the supervisor is gone."""
    supervisor.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=supervisor, limit=frames.MAX_FRAME_BYTES)
    table = SessionTable(nursery, options.profile, options.most, options.cells, report.isolation, writer.write)
    running: set[asyncio.Task[None]] = set()
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            kind, size = frames.HEADER.unpack(await reader.readexactly(frames.HEADER.size))
            if kind != b"Q" or size > frames.MAX_FRAME_BYTES:
                break
            task = asyncio.create_task(_answer(table, await reader.readexactly(size), writer))
            running.add(task)
            task.add_done_callback(running.discard)
    for task in running:
        task.cancel()
    writer.transport.abort()


async def _answer(table: SessionTable, payload: bytes, writer: asyncio.StreamWriter) -> None:
    head, blobs = session_frames.read(payload)
    try:
        told, given = await table.do(head, blobs)
    except SandboxError as fault:
        writer.write(session_frames.pack_fault(head["ticket"], fault))
    except Exception as fault:  # noqa: BLE001 -- ours: whoever waits is told that nothing is known
        traceback.print_exception(fault)
        told_fault = SandboxError(f"the session keeper failed: {type(fault).__name__}: {fault}")
        writer.write(session_frames.pack_fault(head["ticket"], told_fault))
    else:
        writer.write(session_frames.pack_answer(head["ticket"], told, given))


def main() -> None:
    options = _arguments()
    launch.name_process("session-keeper")
    most = min(2 * options.most, _raise_descriptors() // _DESCRIPTORS_EACH)

    def keep(supervisor: socket.socket) -> None:
        nursery = SessionNursery(most, options.without, warmup_of(options.profile))
        with contextlib.closing(nursery), asyncio.Runner() as runner:
            report = assess(nursery, runner.run)
            say_hello(options, supervisor, report)
            runner.run(serve(supervisor, nursery, options, report))

    supervised(options, keep)


def _arguments() -> argparse.Namespace:
    parser = arguments("session_keeper")
    parser.add_argument("--profile", default=STD)
    parser.add_argument("--most", type=int, default=DEFAULT_MOST)
    parser.add_argument("--cells", type=int, default=1)
    parser.add_argument(
        "--without", action="append", default=[], choices=sorted({*LAYERS, *levels.CGROUPS, levels.CPU})
    )
    options = parser.parse_args()
    if options.without and options.min_level != levels.LEVELS[0]:
        parser.error("--without weakens the sandbox: it takes --min-level L0")
    return options


def _raise_descriptors() -> int:
    """Have as many as may be had; how many are for sessions."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 1 << 20)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted - _DESCRIPTORS_OTHER


if __name__ == "__main__":
    main()
