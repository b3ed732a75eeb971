"""Grades a file on a server, the caller's or one started for it: what `grade` and `replay` share."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from veriward.cli.exits import Exit, Stop, stop

if TYPE_CHECKING:
    from veriward.cli.grade_run import GradeRun
    from veriward.cli.grading import Send

REQUEST_SECONDS = 3600.0  # the longest that the server allows: a file has time, and a late verdict is still one

Server = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Grade on this server (its key: VERIWARD_API_KEY); else one is started here."),
]
Config = Annotated[
    Path | None, typer.Option(metavar="FILE.toml", help="Settings of the server started here.", show_default=False)
]
Batch = Annotated[int, typer.Option(min=1, max=10_000, help="Responses per request.")]
InFlight = Annotated[int, typer.Option(min=1, max=256, help="Requests at once.")]
Patience = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="How long to go on trying while no server can be reached.")
]
Fresh = Annotated[bool, typer.Option("--fresh/--resume", help="Start over, or go on where an earlier run stopped.")]


@dataclass(frozen=True, slots=True)
class Session:
    """Where to grade, and how."""

    server: str | None
    config: Path | None
    in_flight: int
    patience: float

    def __post_init__(self) -> None:
        if self.server is not None and self.config is not None:
            stop("--config is for a server started here; leave it out with --server", Exit.USAGE)

    def grade(self, open_run: "Callable[[], GradeRun]", output: Path) -> "tuple[GradeRun, bool]":
        """The run, and whether it came to its end. What cannot be done ends the command."""
        from veriward.cli.server_process import server_process

        finished = True
        try:
            with ExitStack() as held:
                run = held.enter_context(open_run())
                if run.has_work:
                    url, key = self.server, None
                    if url is None:
                        own = held.enter_context(server_process("--log-level", "warning", config=self.config))
                        url, key = own.url, own.api_key
                    finished = to_the_end(_grade(run, url, key, self.in_flight, self.patience))
        except Stop as stopped:
            stop(str(stopped), stopped.code)
        except OSError as error:
            stop(f"{error.filename or output}: {error.strerror}", Exit.IO)
        return run, finished


async def _grade(run: "GradeRun", url: str, api_key: str | None, in_flight: int, patience: float) -> None:
    async with sending(url, api_key, patience) as send:
        await run.grade(send, in_flight=in_flight)


@asynccontextmanager
async def sending(url: str, api_key: str | None, patience: float) -> AsyncIterator["Send"]:
    """What grades items on that server. Raises `Stop` where that is no use any more."""
    from veriward.cli.grading import Refused, Results
    from veriward.client import AsyncClient, RequestRefused, VeriwardError
    from veriward.wire import ErrorCode

    about_content = {ErrorCode.MALFORMED_JSON, ErrorCode.INVALID_REQUEST, ErrorCode.TOO_LARGE}

    async def send(items: list[dict[str, Any]]) -> list[Results]:
        try:
            graded = await client.grade(items, deadline_seconds=REQUEST_SECONDS)
        except RequestRefused as refused:
            if refused.problem.code in about_content:
                raise Refused(str(refused)) from None
            raise Stop(str(refused), Exit.UNAVAILABLE) from None
        except VeriwardError as error:
            raise Stop(f"{error}; then give the same command again to go on", Exit.UNAVAILABLE) from None
        return [[result.model_dump(mode="json") for result in item.results] for item in graded.items]

    try:
        client = AsyncClient(url, api_key=api_key, reconnect_seconds=patience)
    except ValueError as error:
        raise Stop(str(error), Exit.USAGE) from None
    async with client:
        yield send


def to_the_end(work: Coroutine[Any, Any, None]) -> bool:
    """Run `work` to its end; False when Ctrl-C or SIGTERM ended it early."""

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        await work

    try:
        asyncio.run(main())
    except asyncio.CancelledError:
        return False
    return True
