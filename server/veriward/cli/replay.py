"""`veriward replay`: stored rollouts graded again, and what changed."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from veriward.cli.exits import Exit, stop
from veriward.cli.grading_session import Batch, Config, Fresh, InFlight, Patience, Server, Session
from veriward.cli.in_and_out import Output, check_paths

if TYPE_CHECKING:
    from rich.table import Table

    from veriward.cli.changes import Changes


def replay(
    source: Annotated[
        Path, typer.Argument(metavar="STORED.jsonl", help="Results, one JSON object per line.", show_default=False)
    ],
    output: Output,
    rollouts: Annotated[
        Path | None,
        typer.Option(metavar="IN.jsonl", help="The file that was graded, for results without their tasks."),
    ] = None,
    server: Server = None,
    config: Config = None,
    batch: Batch = 64,
    in_flight: InFlight = 4,
    patience: Patience = 60.0,
    fresh: Fresh = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if a reward changed, a line is bad, or a rollout not graded.")
    ] = False,
) -> None:
    """Grade stored rollouts again with today's verifiers, and show what changed.

    Each line holds what was graded and what came of it:

    ```
    {"id": "gsm8k/17", "task": {"verifier": "math", "answer": "72"}, "responses": ["so it is 72"],
     "results": [{"status": "graded", "reward": 1.0, "verifier": "math", "version": 1}]}
    ```

    The output of `veriward grade` has results alone: name the file that it graded with `--rollouts`.

    ```
    veriward replay graded.jsonl -o again.jsonl --rollouts rollouts.jsonl
    veriward replay stored.jsonl -o again.jsonl --server http://verifiers:8000 --strict
    ```

    The output is that of `veriward grade`, with the results of then as `before`. An interrupted run goes on when the
    same command is given again. Exit codes are those of `veriward grade`.
    """
    from rich.console import Console
    from rich.text import Text

    from veriward.cli.changes import Changes
    from veriward.cli.grade_run import GradeRun
    from veriward.cli.grade_summary import print_summary
    from veriward.cli.stored_lines import Rollouts, stored_lines

    check_paths(source, output)
    if rollouts is not None:
        check_paths(rollouts, output)
    changes = Changes()

    def open_run() -> GradeRun:
        read = partial(stored_lines, rollouts=None if rollouts is None else Rollouts(rollouts))
        return GradeRun(source, output, fresh=fresh, batch=batch, read=read, tally=changes)

    run, finished = Session(server, config, in_flight, patience).grade(open_run, output)
    console = Console()
    print_summary(run, console)
    if changes.lines:
        console.print(_table(changes))
        for sentence in changes.sentences():
            console.print(Text(sentence), soft_wrap=True)
    if not finished:
        stop("interrupted; give the same command again to go on", Exit.INTERRUPTED)
    if strict and (changes.changed or run.rejected.count or changes.unsettled):
        raise typer.Exit(Exit.FOUND)


def _table(changes: "Changes") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(title="what changed", box=None, pad_edge=False)  # nine columns fit 80 characters without lines
    for column in ("source", "verifier", "version"):
        table.add_column(column, overflow="fold")
    for column in ("rollouts", "changed", "higher", "lower", "lost", "found"):
        table.add_column(column, justify="right")
    for kind, counts in sorted(changes.kinds.items()):
        version = kind.before if kind.before == kind.after else f"{kind.before} → {kind.after}"
        figures = (counts.rollouts, counts.changed, counts.higher, counts.lower, counts.lost, counts.found)
        table.add_row(Text(kind.source or "–"), Text(kind.verifier), version, *(f"{figure:,}" for figure in figures))
    return table
