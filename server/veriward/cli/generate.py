"""`veriward generate`: tasks of one game or a mix of them, by seed and difficulty, to a file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from veriward.cli.exits import Exit, Stop, stop

MAX_COUNT = 10_000_000


def generate(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME[=WEIGHT]]…", help="Generators, and how often each is taken.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUT", help="A file, .jsonl or .parquet.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=MAX_COUNT, help="How many tasks.")] = 1_000,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="The same seed makes the same file.")] = 0,
    difficulty: Annotated[
        str, typer.Option(metavar="D|FROM-TO", help="0 to 1, or a range that is drawn from evenly.")
    ] = "0.5",
    parameters: Annotated[
        str, typer.Option(metavar="JSON", help="Parameters of the generators' own, in place of what the dial says.")
    ] = "{}",
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="Have a server make them (key: VERIWARD_API_KEY).")
    ] = None,
    hide_answers: Annotated[
        bool, typer.Option("--hide-answers", help="The server keeps the answers; each `task` is a ref.")
    ] = False,
    processes: Annotated[
        int | None, typer.Option(min=1, max=256, help="That make tasks at once; else one per core.", show_default=False)
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Draw grid puzzles into this folder.", show_default=False)
    ] = None,
    picture_format: Annotated[Literal["svg", "png"], typer.Option(help="Of the pictures.")] = "svg",
) -> None:
    """Make tasks that can be checked, endlessly: without names, lists the generators.

    ```
    veriward generate logic.sudoku logic.countdown=3 -o tasks.jsonl --count 10000 --seed 7 --difficulty 0.2-0.8
    ```

    A line is `{"id", "source", "difficulty", "prompt", "task", "reference"}`: ask a model the `prompt`, put what it
    says into `responses`, and `veriward grade` takes the line as it is. `reference` is a right response. In parquet,
    `task` is JSON. With --pictures, a task that can be drawn has a picture of its id's name, `logic.sudoku_7_0.svg`.

    Exit codes: 0 done; 2 wrong usage; 69 no server answers; 74 the file cannot be written; 130 interrupted.
    """
    if not names:
        _list()
        return
    from veriward.cli.generate_plan import plan_of
    from veriward.cli.generate_run import GenerateRun
    from veriward.cli.picture_files import PictureFolder

    if output is None:
        stop("name a file with -o", Exit.USAGE)
    if hide_answers and server is None:
        stop("--hide-answers needs --server: somebody has to keep the answers", Exit.USAGE)
    if hide_answers and pictures is not None:
        stop("--pictures draws tasks, and with --hide-answers the server keeps them", Exit.USAGE)
    try:
        plan = plan_of(names, count, seed, difficulty, parameters, check=server is None)
        folder = None if pictures is None else PictureFolder(pictures, picture_format)
        GenerateRun(plan, output, processes, folder).run(server, hide_answers)
        typer.echo(f"{count:,} tasks in {output}" + (f", {folder.drawn:,} pictures in {pictures}" if folder else ""))
    except Stop as stopped:
        stop(str(stopped), stopped.code)
    except OSError as error:
        stop(f"{error.filename or output}: {error.strerror}", Exit.IO)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None


def _list() -> None:
    from rich.console import Console
    from rich.table import Column, Table

    from veriward.verifiers.generators import generators

    table = Table(Column("generator", no_wrap=True, overflow="ignore"), "one solution", "makes", box=None)
    for known in generators().values():
        table.add_row(known.name, "yes" if known.unique else "", known.summary)
    Console().print(table)
