"""`veriward grade`: rewards for a file of rollouts."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from veriward.cli.exits import Exit, Stop, stop
from veriward.cli.in_and_out import Output, check_paths

if TYPE_CHECKING:
    from veriward.cli.grade_run import GradeRun

REQUEST_SECONDS = 3600.0  # the longest that the server allows: a file has time, and a late verdict is still one


def grade(
    source: Annotated[
        Path, typer.Argument(metavar="IN.jsonl", help="Rollouts, one JSON object per line.", show_default=False)
    ],
    output: Output,
    server: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Grade on this server (its key: VERIWARD_API_KEY); else one is started here."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Settings of the server started here.", show_default=False)
    ] = None,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Responses per request.")] = 64,
    in_flight: Annotated[int, typer.Option(min=1, max=256, help="Requests at once.")] = 4,
    patience: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to go on trying while no server can be reached.")
    ] = 60.0,
    fresh: Annotated[
        bool, typer.Option("--fresh/--resume", help="Start over, or go on where an earlier run stopped.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit with 1 if a line is bad, a rollout not graded, or a reward unexpected."),
    ] = False,
) -> None:
    """Grade a file of rollouts.

    Each line is a task with the responses to judge by it:

    ```
    {"id": "gsm8k/17", "source": "gsm8k",
     "task": {"verifier": "math", "answer": "72"},
     "responses": ["so it is 72", "I think 7"]}
    ```

    The output has a line for each, in the same order, with `results`: status, reward, outcome, reason and more,
    one per response. Other keys of the input are kept. Where `expected` is there, a list of a reward or null per
    response, the summary tells which rewards differ from it.

    A run that was interrupted goes on when the same command is given again. Lines that cannot be graded are
    reported by number and listed in `OUT.jsonl.rejected`.

    ```
    veriward grade rollouts.jsonl -o graded.jsonl
    veriward grade rollouts.jsonl -o graded.jsonl --server http://verifiers:8000
    veriward grade examples/rollouts.jsonl -o /tmp/graded.jsonl --fresh --strict
    ```

    Exit codes: 0 done; 1 with `--strict`, something to look at; 2 wrong usage; 69 no server; 74 a file cannot be
    read or written; 78 this host cannot isolate programs well enough; 130 interrupted.
    """
    from rich.console import Console

    from veriward.cli.grade_run import GradeRun
    from veriward.cli.grade_summary import print_summary
    from veriward.cli.server_process import server_process

    check_paths(source, output)
    if server is not None and config is not None:
        stop("--config is for a server started here; leave it out with --server", Exit.USAGE)
    finished = True
    try:
        with ExitStack() as held:
            run = held.enter_context(GradeRun(source, output, fresh=fresh, batch=batch))
            if run.has_work:
                url, key = server, None
                if url is None:
                    own = held.enter_context(server_process("--log-level", "warning", config=config))
                    url, key = own.url, own.api_key
                finished = _finished(_grade(run, url, key, in_flight, patience))
    except Stop as stopped:
        stop(str(stopped), stopped.code)
    except OSError as error:
        stop(f"{error.filename or output}: {error.strerror}", Exit.IO)
    print_summary(run, Console())
    if not finished:
        stop("interrupted; give the same command again to go on", Exit.INTERRUPTED)
    if strict and run.remarkable:
        raise typer.Exit(Exit.FOUND)


async def _grade(run: "GradeRun", url: str, api_key: str | None, in_flight: int, patience: float) -> None:
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
        await run.grade(send, in_flight=in_flight)


def _finished(work: Coroutine[Any, Any, None]) -> bool:
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
