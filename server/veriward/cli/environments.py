"""`veriward environments`: what there is to play, or all about one."""

from difflib import get_close_matches
from typing import Annotated

import typer

from veriward.cli.exits import Exit, stop


def environments(
    name: Annotated[str | None, typer.Argument(help="Tell all of this one.", show_default=False)] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="All of them, as docs/environments.md has them.")
    ] = False,
) -> None:
    """List the environments, or explain one: its task, its tools, an example.

    Exit codes: 0 done; 2 there is none of that name.
    """
    from veriward.cli.environment_pages import page, pages
    from veriward.environments import environments as known

    found = known()
    if markdown:
        typer.echo(pages(one for one in found.values() if one.module.startswith("veriward.")), nl=False)
    elif name is None:
        for one in found.values():
            typer.echo(f"{one.name:<16}{one.summary}")
    elif name in found:
        typer.echo(page(found[name]))
    else:
        close = get_close_matches(name, found, n=1)
        stop(f"no environment is named {name!r}" + (f"; did you mean {close[0]!r}?" if close else ""), Exit.USAGE)
