"""`veriward check --tasks`: tries a user's own tasks with golds and probes, on a real server, and tells what fails."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from veriward.cli.exits import Exit, Stop, stop
from veriward.cli.grading import Refused, Results, batches, grade_in_order
from veriward.cli.grading_session import sending, to_the_end
from veriward.cli.progress import FileProgress
from veriward.cli.rollout_lines import BadLine, Line
from veriward.cli.server_process import server_process
from veriward.cli.trust_lines import TaskLines
from veriward.cli.trust_report import Report

if TYPE_CHECKING:
    from rich.console import Console

BATCH = 256
IN_FLIGHT = 4
PATIENCE_SECONDS = 60.0
SHOWN_FINDINGS = 50


@dataclass(frozen=True, slots=True)
class TrustRun:
    """The tasks, and where they are tried: on `server`, or on one started with the settings `config`."""

    path: Path
    lines: TaskLines
    server: str | None
    config: Path | None

    def report(self) -> Report:
        """What all trials showed. What cannot be done ends the command."""
        report = Report()
        try:
            with ExitStack() as held:
                url, key = self.server, None
                if url is None:
                    own = held.enter_context(server_process("--log-level", "warning", config=self.config))
                    url, key = own.url, own.api_key
                if not to_the_end(self._try(report, url, key)):
                    stop("interrupted", Exit.INTERRUPTED)
        except Stop as stopped:
            stop(str(stopped), stopped.code)
        except OSError as error:
            stop(f"{error.filename or self.path}: {error.strerror}", Exit.IO)
        return report

    async def _try(self, report: Report, url: str, api_key: str | None) -> None:
        with FileProgress(self.path.stat().st_size, "trying", "responses") as progress:

            def deliver(line: Line, results: Results | Refused) -> None:
                if isinstance(results, Refused):
                    report.refused(line, str(results))
                else:
                    report.add(line, results)
                progress.advance(line.end, line.rollouts)

            async with sending(url, api_key, PATIENCE_SECONDS) as send:
                await grade_in_order(batches(self._fit(report), BATCH), send, deliver, in_flight=IN_FLIGHT)

    def _fit(self, report: Report) -> Iterator[Line]:
        for line in self.lines:
            if isinstance(line, BadLine):
                report.bad(line)
            else:
                yield line


def print_report(report: Report, console: "Console") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, title="Trials", title_justify="left")
    for column in ("tried", "must", "tasks", "failed"):
        table.add_column(column, justify="left" if column in ("tried", "must") else "right")
    for kind in report.kinds():
        must = "be judged" if kind == "task" else "be paid in full" if "gold" in kind else "earn nothing"
        failed = report.failed[kind]
        table.add_row(kind, must, f"{report.tried[kind]:,}", f"{failed:,}", style="red" if failed else "")
    console.print(table)
    if report.findings:
        failing = Table(box=None, pad_edge=False, title="\nWhat fails", title_justify="left")
        for column in ("line", "task", "tried", "reward", "why", "response"):
            failing.add_column(column, overflow="fold", max_width=48)
        for each in report.findings[:SHOWN_FINDINGS]:
            reward = "null" if each.reward is None else f"{each.reward:g}"
            shown = (each.id, each.check, reward, each.reason, each.response[:120].strip().replace("\n", "⏎"))
            failing.add_row(str(each.line), *map(Text, shown))
        console.print(failing)
        if (more := sum(report.failed.values()) + report.bad_lines - SHOWN_FINDINGS) > 0:
            console.print(f"… and {more:,} more; all with --json")
    told = [f"{report.tasks:,} tasks", f"{report.proven:,} golds paid in full"]
    if report.unproven:
        told.append(f"{report.unproven:,} hold no answer to try (add `gold_response` to their lines)")
    if report.bad_lines:
        told.append(f"{report.bad_lines:,} bad lines")
    console.print(Text("; ".join(told)), soft_wrap=True)
    console.print("[green]holds[/green]" if report.holds else "[red]fails[/red]")
