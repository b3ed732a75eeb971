"""`veriward top`: a server or a fleet, live in a terminal."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from veriward.cli.exits import Exit, stop

if TYPE_CHECKING:
    from veriward.client import Client
    from veriward.wire import Overview

LEAST_SECONDS = 0.2


def top(
    server: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The server.", show_default="VERIWARD_URL, else http://127.0.0.1:8000"),
    ] = None,
    every: Annotated[float, typer.Option(metavar="SECONDS", help="How often to look.", min=LEAST_SECONDS)] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, print, and leave.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --once: all figures, as JSON.")] = False,
) -> None:
    """Watch the queue, the workers, rates and errors, and what is judged of each source. Ctrl-C ends it.

    ```
    veriward top
    veriward top --server http://gateway:8000
    veriward top --once
    veriward top --once --json | jq .queue
    ```

    The key is read from `VERIWARD_API_KEY`. A browser shows the same, and more, at the server's own address.

    Exit codes: 0 done; 2 wrong usage; 69 no server.
    """
    from veriward.client import Client, VeriwardError

    if as_json and not once:
        stop("--json is for --once", Exit.USAGE)
    try:
        with Client(server, reconnect_seconds=0.0) as client:
            if once:
                _show(client.overview(), as_json)
            else:
                _watch(client, every)
    except VeriwardError as error:
        stop(str(error), Exit.UNAVAILABLE)
    except ValueError as error:  # of the address
        stop(str(error), Exit.USAGE)


def _show(told: "Overview", as_json: bool) -> None:
    if as_json:
        typer.echo(told.model_dump_json(indent=1))
        return
    from rich.console import Console

    from veriward.cli.top_view import view

    console = Console()
    console.print(view(told, console.width))


def _watch(client: "Client", every: float) -> None:
    """Until Ctrl-C. A server that is away for a while is said to be, and looked for."""
    from rich.console import Console
    from rich.live import Live

    from veriward.cli.top_view import away, view
    from veriward.client import ConnectionFailed, DeadlineExceeded, ServerOverloaded

    console = Console()
    told = client.overview()
    try:
        with Live(view(told, console.width), console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(every)
                try:
                    told = client.overview()
                except (ConnectionFailed, DeadlineExceeded, ServerOverloaded) as error:
                    live.update(away(told, str(error), console.width), refresh=True)
                else:
                    live.update(view(told, console.width), refresh=True)
    except KeyboardInterrupt:
        pass
