"""The table that `veriward bench` prints."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from veriward.cli.benches.judgement import Judged
from veriward.cli.benches.targets import Target


def table(rows: list[Judged], machine: dict[str, Any]) -> Group:
    """One line per row, then where the time went in those that missed their target."""
    grid = Table(title="what a unit of work costs here", pad_edge=False)
    grid.add_column("work")
    grid.add_column("measured", justify="right")
    grid.add_column("target", justify="right")
    grid.add_column("× baseline", justify="right")
    grid.add_column("")
    for row in rows:
        grid.add_row(
            Text(row.target.work, style="dim" if row.target.group == "baseline" else ""),
            _measured(row),
            _asked(row.target),
            _ratio(row),
            Text(_met(row), style="green" if row.met else "red"),
        )
    return Group(grid, *(Text(line) for line in _missed(rows)), Text(_about(machine)))


def markdown(rows: list[Judged], machine: dict[str, Any]) -> str:
    """The same for a README."""
    lines = ["| work | measured | target | × baseline | |", "|---|--:|--:|--:|---|"]
    for row in rows:
        cells = (row.target.work, _measured(row), _asked(row.target), _ratio(row), _met(row))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"- {line}" for line in _missed(rows)), "", _about(machine)]) + "\n"


def _missed(rows: list[Judged]) -> list[str]:
    return [f"missed: {row.target.work}. {row.limited_by}" for row in rows if row.met is False]


def _about(machine: dict[str, Any]) -> str:
    return (
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, Python {machine['python']}, "
        f"veriward {machine['veriward']}, {machine['date']}, load {machine['load_before']:.1f} before; "
        f"`{machine['command']}`"
    )


def _ratio(row: Judged) -> str:
    return "" if row.ratio is None else f"{_number(row.ratio)}×"


def _met(row: Judged) -> str:
    return {True: "met", False: "missed", None: ""}[row.met]


def _measured(row: Judged) -> str:
    """A rate depends on who else is busy, so it is shown with its cost."""
    cost = ""
    if row.target.unit.endswith("/s") and "cpu_us" in row.figure.notes:
        cost = f" ({_number(row.figure.notes['cpu_us'])} CPU µs each)"
    return f"{_number(row.figure.value)} {row.target.unit}{cost}"


def _asked(target: Target) -> str:
    asked = [
        "" if target.at_most is None else f"≤ {_number(target.at_most)}",
        "" if target.at_least is None else f"≥ {_number(target.at_least)}",
        "" if target.times is None else f"≥ {_number(target.times)}×",
    ]
    return " ".join(part for part in asked if part)


def _number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
