"""How a command ends badly: one line that says what, which and what to do, and an exit code that scripts may test."""

from enum import IntEnum
from typing import NoReturn

import typer


class Exit(IntEnum):
    """Exit codes; those from 64 are sysexits.h's."""

    FOUND = 1  # the command did its work, and found what it was asked to look for: a disagreement, a failed check
    USAGE = 2
    UNAVAILABLE = 69  # no server answers
    IO = 74
    ISOLATION = 78  # the host cannot give the isolation asked for
    INTERRUPTED = 130


class Stop(Exception):
    """Ends the command with `message` and `code`; raised where typer may not be known (tasks, generators)."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.code = code


def stop(message: str, code: Exit) -> NoReturn:
    """Print one line to stderr and leave."""
    typer.echo(f"veriward: {message}", err=True)
    raise typer.Exit(code)
