"""`veriward recipes`: published rewards that a task may ask for by name."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from veriward.cli.exits import Exit, stop

if TYPE_CHECKING:
    from veriward.verifiers.recipes import Recipe


def recipes(
    name: Annotated[str | None, typer.Argument(help="One recipe, in full.", show_default=False)] = None,
    system: Annotated[
        str | None, typer.Option(metavar="NAME", help="Those of one published system.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text.")] = False,
) -> None:
    """List the published rewards that a task may ask for; or show one: its fields, its task, an example.

    ```
    veriward recipes
    veriward recipes --system DeepSeek-R1
    veriward recipes rlcr
    veriward recipes rlcr --json
    ```
    """
    from veriward.verifiers.recipes import nearest
    from veriward.verifiers.recipes import recipes as all_recipes

    known = all_recipes()
    if name is None:
        _list([one for one in known.values() if system is None or _is_of(one, system)], system, as_json)
    elif name not in known:
        stop(f"no recipe is called {name!r}; {nearest(name)}", Exit.USAGE)
    else:
        _show(known[name], as_json)


def _is_of(recipe: "Recipe", system: str) -> bool:
    return any(system.casefold() in one.casefold() for one in recipe.systems)


def _list(listed: "list[Recipe]", system: str | None, as_json: bool) -> None:
    if not listed:
        stop(f"no recipe is of a system {system!r}; docs/systems.md lists the systems", Exit.USAGE)
    if as_json:
        rows = [
            {"name": one.name, "family": one.family, "summary": one.summary, "source": one.source} for one in listed
        ]
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in ("name", "graded by", "what it pays", "source"):
        table.add_column(column)
    for one in listed:
        table.add_row(one.name, one.verifier, Text(one.summary), Text(one.source))
    Console().print(table)


def _show(recipe: "Recipe", as_json: bool) -> None:
    from veriward.server.recipes import described

    told = described(recipe)
    if as_json:
        typer.echo(told.model_dump_json(indent=1))
        return
    typer.echo(f"{recipe.name}: {recipe.summary}\nSource: {recipe.source}\n")
    if recipe.notes:
        typer.echo(f"{recipe.notes}\n")
    if recipe.systems:
        typer.echo(f"Systems: {'; '.join(recipe.systems)}\n")
    typer.echo("Fields of a task:")
    for field in told.fields or ():
        need = "required" if field.required else "optional"
        default = "" if field.default is None else f", {json.dumps(field.default, ensure_ascii=False)} if left out"
        typer.echo(f"  {field.name} ({need}{default}): {field.about}")
    typer.echo(f"\nA task that asks for it:\n{_json(told.example)}\n\nIt stands for:\n{_json(told.task)}")
    if recipe.group_shaping:
        typer.echo(f"\nAnd of the item, unless it has its own:\n{_json({'group_shaping': told.group_shaping})}")


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
