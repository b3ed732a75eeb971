"""`veriward check`: is this host fit, are the settings as meant, and does every verifier keep its own promises?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from veriward.cli.exits import Exit, Stop, stop

if TYPE_CHECKING:
    from rich.console import Console

    from veriward.sandbox.levels import Report
    from veriward.server.settings import Settings

SECRET = "(hidden)"
SHOWN_FAILURES = 10  # of one verifier


def check(
    config: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="Settings.", show_default=False)] = None,
    verifier: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this verifier's cases; may be repeated.")
    ] = None,
    conformance: Annotated[
        bool, typer.Option("--conformance/--no-conformance", help="Run the cases of the verifiers.")
    ] = True,
    tasks: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Try these tasks of yours instead: JSONL or parquet.", show_default=False),
    ] = None,
    rows: Annotated[
        str | None, typer.Option(metavar="NAME", help="The tasks are published rows of this set; auto: any known.")
    ] = None,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="Try them on this server; else one is started here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --tasks: the report as JSON.")] = False,
) -> None:
    """Check settings, sandbox and verifiers; or, with --tasks, your own tasks.

    Prints every setting and where it comes from; tries, on this host, what the sandbox promises, and says what to
    change where a layer is missing; lists the languages and profiles of programs; runs every verifier's own cases,
    those of your own verifiers included (their cases stand beside their module, in `NAME.cases.toml`).

    ```
    veriward check
    veriward check --config veriward.toml --no-conformance
    veriward check --verifier my_verifier
    ```

    With `--tasks` it finds broken golds before training: every task's own answer must be paid in full, and empty,
    random and form-only responses, an echo of the prompt, and a list of every answer must earn nothing.

    ```
    veriward check --verifier math --tasks tasks.jsonl
    veriward check --rows gsm8k --tasks train.parquet --json
    ```

    Exit codes: 0 all is well; 1 a verifier fails a case, or a task a trial; 2 a setting is wrong; 69 Redis
    cannot be used; 78 the isolation is weaker than `min_isolation`.
    """
    from rich.console import Console

    if tasks is not None:
        _try_tasks(Console(highlight=False), tasks, verifier, rows, server, config, as_json)
        return
    for given, option in ((rows, "--rows"), (server, "--server"), (as_json, "--json")):
        if given:
            stop(f"{option} goes with --tasks", Exit.USAGE)
    from veriward.cli.configured import load_settings
    from veriward.sandbox.levels import LEVELS, probe
    from veriward.sandbox.local import LocalSandbox

    console = Console(highlight=False)
    settings = load_settings(config)
    _print_settings(console, settings, config)
    with Console(stderr=True).status("probing the sandbox"):
        report = probe(backend=settings.backend)
        languages: dict[str, str] = {}
        profiles: dict[str, str] = {}
        if not report.obstacle:
            with LocalSandbox(LEVELS[0], backend=settings.backend) as sandbox:
                languages, profiles = sandbox.languages(), sandbox.profiles()
    reached = settings.redis_url is None or _print_redis(console, settings)
    isolated = _print_isolation(console, report, settings.min_isolation)
    _print_languages(console, languages)
    _print_profiles(console, profiles)
    conforms = not conformance or _print_conformance(console, verifier)
    if not isolated:
        raise typer.Exit(Exit.ISOLATION)
    if not reached:
        raise typer.Exit(Exit.UNAVAILABLE)
    if not conforms:
        raise typer.Exit(Exit.FOUND)


def _try_tasks(
    console: "Console",
    path: Path,
    names: list[str] | None,
    rows: str | None,
    server: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    from veriward.cli.row_lines import check_set
    from veriward.cli.trust_lines import TaskLines
    from veriward.cli.trust_run import TrustRun, print_report

    if names and len(names) > 1:
        stop("--tasks takes one --verifier, that of tasks that name none", Exit.USAGE)
    if server is not None and config is not None:
        stop("--config is for a server started here; leave it out with --server", Exit.USAGE)
    if not path.is_file():
        stop(f"{path} is not a file", Exit.USAGE)
    try:
        set_name = None if rows is None else check_set(rows)
    except Stop as stopped:
        stop(str(stopped), stopped.code)
    lines = TaskLines(path, names[0] if names else None, rows is not None, set_name)
    report = TrustRun(path, lines, server, config).report()
    if as_json:
        import json

        typer.echo(json.dumps(report.as_json(), indent=1, ensure_ascii=False))
    else:
        print_report(report, console)
    if not report.holds:
        raise typer.Exit(Exit.FOUND)


def _print_settings(console: "Console", settings: "Settings", config: Path | None) -> None:
    import os
    import tomllib

    from rich.table import Table
    from rich.text import Text

    in_file = tomllib.loads(config.read_text("utf-8")) if config else {}
    table = Table("setting", "value", "from", box=None, pad_edge=False, title="Settings", title_justify="left")
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if name == "api_keys":
            value = f"{len(value)} {SECRET}" if value else "none"
        origin = f"VERIWARD_{name.upper()}" if f"VERIWARD_{name.upper()}" in os.environ else ""
        origin = str(config) if name in in_file else origin
        table.add_row(name, Text(str(value)), Text(origin, style="cyan"), style="" if origin else "dim")
    console.print(table)


def _print_redis(console: "Console", settings: "Settings") -> bool:
    """Whether the fleet's Redis can be used."""
    import asyncio

    from veriward.server.queue.redis.troubles import RedisTrouble
    from veriward.server.queue.redis.worker import address_of, redis_at

    console.print(f"\n[bold]Redis[/bold]  {address_of(settings)}", markup=True)
    try:
        found = asyncio.run(redis_at(settings))
    except RedisTrouble as trouble:
        console.print(f"  {trouble}", style="red", markup=False)
        return False
    console.print(f"  works: {found.product}", markup=False)
    for warning in found.warnings:
        console.print(f"  {warning}", style="yellow", markup=False)
    return True


def _print_isolation(console: "Console", report: "Report", least: str) -> bool:
    """Whether the level is at least `least`."""
    if report.obstacle:
        console.print(f"\n[bold]Sandbox[/bold]  {report.backend}: {report.obstacle}")
        return False
    console.print(f"\n[bold]Sandbox[/bold]  {report.backend}: level {report.level}, {least} or better is asked for")
    console.print(f"  works: {', '.join(report.layers) or 'nothing'}")
    if report.missing:
        console.print(f"  missing: {', '.join(report.missing)}", style="yellow")
        console.print(f"  to do: {report.remedy}", markup=False)
    return report.level >= least


def _print_languages(console: "Console", found: dict[str, str]) -> None:
    from veriward.sandbox.languages import known

    console.print("\n[bold]Languages[/bold]")
    for name, version in found.items():
        console.print(f"  {name}: {version or 'built in'}", markup=False)
    if missing := [name for name in known() if name not in found]:
        console.print(f"  not here: {', '.join(missing)}", style="dim")


def _print_profiles(console: "Console", obstacles: dict[str, str]) -> None:
    from veriward.sandbox.profiles import known

    console.print("\n[bold]Profiles[/bold]")
    for name, profile in known().items():
        obstacle = obstacles.get(name, "not here")
        told = obstacle or profile.summary or ", ".join(profile.imports)
        console.print(f"  {name}: {told}", markup=False, style="dim" if obstacle else None)


def _print_conformance(console: "Console", names: list[str] | None) -> bool:
    """Whether every case of the verifiers holds."""
    from rich.text import Text

    from veriward.cli.conformance_run import conformance_of
    from veriward.verifiers import verifiers

    known = verifiers()
    if unknown := [name for name in names or () if name not in known]:
        stop(f"no verifier is called {', '.join(unknown)}; known: {', '.join(known)}", Exit.USAGE)
    console.print("\n[bold]Verifiers[/bold]")
    chosen = [one for name, one in known.items() if not names or name in names]
    good, total = True, 0
    for verifier, held, complaints in conformance_of(chosen):
        good = good and not complaints
        total += held
        sign = "[red]fails[/red]" if complaints else "[green]holds[/green]"
        console.print(f"  {verifier.name} {verifier.version}: {sign}, {held} cases are as they say")
        for complaint in complaints[:SHOWN_FAILURES]:
            console.print(Text(f"    {complaint}"))
        if len(complaints) > SHOWN_FAILURES:
            console.print(f"    … and {len(complaints) - SHOWN_FAILURES} more")
    console.print(f"  {total:,} cases of {len(chosen)} verifiers are as they say")
    return good
