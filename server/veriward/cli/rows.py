"""`veriward rows`: a file of a well-known set's rows, as items that `veriward grade` takes."""

from pathlib import Path
from typing import Annotated

import typer

from veriward.cli.exits import Exit, Stop, stop
from veriward.cli.in_and_out import Output, check_paths


def rows(
    source: Annotated[
        Path,
        typer.Argument(metavar="IN", help="Rows, a JSON object per line; or parquet.", show_default=False),
    ],
    output: Output,
    set_name: Annotated[
        str | None,
        typer.Option("--set", metavar="NAME", help="Whose rows they are; else known by data_source or columns."),
    ] = None,
    responses: Annotated[
        str, typer.Option(metavar="COLUMN", help="The column with the responses to grade, a list or one text.")
    ] = "responses",
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if a line is bad.")] = False,
) -> None:
    """Turn rows of a data set, in their published columns, into items to grade.

    ```
    {"question": "How much …?", "answer": "… #### 72", "responses": ["so it is 72"]}
    ```

    becomes

    ```
    {"id": "gsm8k/…", "source": "gsm8k", "task": {"verifier": "math", "answer": "72"},
     "prompt": "How much …?", "responses": ["so it is 72"]}
    ```

    Rows in verl's form (`data_source`, `reward_model`) go by their `data_source`. Without responses the items are for a
    trainer, or wait for them. Lines that no item can be made of are reported by number and listed in
    `OUT.jsonl.rejected`. A name that `--set` does not know is answered with those it knows.

    Exit codes: 0 done; 1 with `--strict`, a bad line; 2 wrong usage; 74 a file cannot be read or written.
    """
    from rich.console import Console
    from rich.text import Text

    from veriward.cli.row_lines import check_set
    from veriward.cli.rows_run import RowsRun

    try:
        chosen = None if set_name is None else check_set(set_name)
        check_paths(source, output)
        run = RowsRun(source, output, chosen, responses)
        run.convert()
    except Stop as stopped:
        stop(str(stopped), stopped.code)
    except OSError as error:
        stop(f"{error.filename or output}: {error.strerror}", Exit.IO)
    for sentence in run.sentences():
        Console().print(Text(sentence), soft_wrap=True)
    if strict and run.rejected.count:
        raise typer.Exit(Exit.FOUND)
