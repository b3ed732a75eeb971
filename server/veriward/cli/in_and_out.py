"""The two files of a command that reads lines and writes lines."""

from pathlib import Path
from typing import Annotated

import typer

from veriward.cli.exits import Exit, stop

Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="OUT.jsonl", help="Where the results go.", show_default=False)
]


def check_paths(source: Path, output: Path) -> None:
    """Ends the command where the input is no file, or the output can't be one."""
    if not source.is_file():
        stop(f"{source} is not a file", Exit.USAGE)
    if output.is_dir():
        stop(f"{output} is a folder; name a file with -o", Exit.USAGE)
    if output.resolve() == source.resolve():
        stop(f"{output} is the input; name another output with -o", Exit.USAGE)
