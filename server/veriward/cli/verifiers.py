"""`veriward verifiers`: what can be graded, and how a task of each kind is written."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from veriward.cli.exits import Exit, stop

if TYPE_CHECKING:
    from veriward.verifiers import Verifier


def verifiers(
    name: Annotated[str | None, typer.Argument(help="One verifier, explained.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Everything about all of them, or one.")] = False,
) -> None:
    """List the verifiers, built-in and installed; or explain one: its rules, its task, an example.

    ```
    veriward verifiers
    veriward verifiers math
    veriward verifiers code --json
    veriward verifiers --markdown > verifiers.md
    ```
    """
    from veriward.verifiers import verifiers as all_verifiers

    known = all_verifiers()
    if markdown:
        from veriward.cli.verifier_pages import pages

        typer.echo(pages(one for each, one in known.items() if name in (None, each)), nl=False)
        return
    if name is None:
        _list(known, as_json)
        return
    if name not in known:
        from difflib import get_close_matches

        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        stop(f"no verifier is called {name!r}; {hint}", Exit.USAGE)
    _explain(known[name], as_json)


def _list(known: "dict[str, Verifier]", as_json: bool) -> None:
    if as_json:
        rows = [{"name": one.name, "version": one.version, "summary": one.summary} for one in known.values()]
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in ("name", "version", "what it says"):
        table.add_column(column)
    for one in known.values():
        table.add_row(one.name, str(one.version), Text(one.summary))
    Console().print(table)


def _explain(verifier: "Verifier", as_json: bool) -> None:
    schema = verifier.task.model_json_schema()
    example = _example(verifier)
    if as_json:
        fields = {
            "name": verifier.name,
            "version": verifier.version,
            "description": verifier.description,
            "task_schema": schema,
            "example": example,
        }
        typer.echo(json.dumps(fields, indent=1, ensure_ascii=False))
        return
    typer.echo(f"{verifier.name}, version {verifier.version}\n\n{verifier.description}\n")
    if example is not None:
        typer.echo(f"Example of a task:\n{json.dumps(example, indent=1, ensure_ascii=False)}\n")
    typer.echo(f"JSON Schema of its fields:\n{json.dumps(schema, indent=1, ensure_ascii=False)}")


def _example(verifier: "Verifier") -> dict[str, Any] | None:
    """A task that its own cases show; a verifier without cases has none."""
    from veriward.verifiers.conformance import BadCases, example

    try:
        return {"verifier": verifier.name, **example(verifier)}
    except BadCases:
        return None
