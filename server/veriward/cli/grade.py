"""`veriward grade`: rewards for a file of rollouts."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from veriward.cli.exits import Exit, stop
from veriward.cli.grading_session import Batch, Config, Fresh, InFlight, Patience, Server, Session
from veriward.cli.in_and_out import Output, check_paths


def grade(
    source: Annotated[
        Path,
        typer.Argument(metavar="IN", help="Rollouts, a JSON object per line; or parquet.", show_default=False),
    ],
    output: Output,
    rows: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The input holds rows of this set, in their published columns; auto: by data_source or columns.",
        ),
    ] = None,
    response_column: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Where such rows have their responses, a list or one text.  [responses]"),
    ] = None,
    server: Server = None,
    config: Config = None,
    batch: Batch = 64,
    in_flight: InFlight = 4,
    patience: Patience = 60.0,
    fresh: Fresh = False,
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

    Rows of a known data set need no conversion: name the set with `--rows`, or say `auto`, and verl's rows go by
    their `data_source`. Parquet is read as JSONL is (it needs the extra `rows`).

    ```
    veriward grade train.parquet -o graded.jsonl --rows gsm8k --response-column completions
    veriward grade rollouts.jsonl -o graded.jsonl
    veriward grade rollouts.jsonl -o graded.jsonl --server http://verifiers:8000
    veriward grade examples/rollouts.jsonl -o /tmp/graded.jsonl --fresh --strict
    ```

    Exit codes: 0 done; 1 with `--strict`, something to look at; 2 wrong usage; 69 no server; 74 a file cannot be
    read or written; 78 this host cannot isolate programs well enough; 130 interrupted.
    """
    from rich.console import Console

    from veriward.cli.grade_run import GradeRun, Read
    from veriward.cli.grade_summary import print_summary
    from veriward.cli.rollout_lines import rollout_lines

    def reader() -> Read:
        if rows is None and response_column is None:
            return rollout_lines
        from veriward.cli.row_lines import AUTO, check_set, row_lines

        return partial(row_lines, set_name=check_set(rows or AUTO), response_column=response_column or "responses")

    check_paths(source, output)
    session = Session(server, config, in_flight, patience)
    run, finished = session.grade(lambda: GradeRun(source, output, fresh=fresh, batch=batch, read=reader()), output)
    print_summary(run, Console())
    if not finished:
        stop("interrupted; give the same command again to go on", Exit.INTERRUPTED)
    if strict and run.remarkable:
        raise typer.Exit(Exit.FOUND)
