"""A run to look at: one HTML file, its plots within, that needs nothing else to be opened."""

import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from veriward.trainer.journal import read

FILE = "report.html"

PLOTS: dict[str, tuple[str, ...]] = {
    "reward": ("reward", "eval/reward", "solved"),
    "entropy (nats)": ("entropy",),
    "length (tokens)": ("length",),
    "divergence (nats)": ("kl", "mismatch_kl"),
    "share of rollouts": ("equal_groups", "truncated", "trained_on", "ratio_far"),
    "seconds in a step": ("seconds/generate", "seconds/wait", "seconds/update"),
    "gradient norm": ("gradient_norm",),
}

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 1rem }
figure { margin: 0 } svg { width: 100%; height: auto }
table { border-collapse: collapse } td, th { padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #ddd }
pre { background: #f6f6f6; padding: 1rem; overflow: auto }
"""


def write(folder: Path, settings: Mapping[str, Any]) -> Path:
    """`folder/report.html` from the run's figures and its settings. Raises ValueError where no step was made."""
    lines = read(folder)
    if not lines:
        raise ValueError(f"{folder}: no figures to report")
    plots = [_plot(title, names, lines) for title, names in PLOTS.items() if any(_has(lines, name) for name in names)]
    by_source = sorted({name for line in lines for name in line if name.startswith("reward/")})
    if by_source:
        plots.append(_plot("reward by source", by_source, lines))
    table = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{_first(lines, name):.4g}</td><td>{_last(lines, name):.4g}</td></tr>"
        for name in sorted({name for line in lines for name in line} - {"step"})
    )
    path = folder / FILE
    path.write_text(
        f"<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{html.escape(folder.name)}</title><style>{STYLE}</style>"
        f"<h1>{html.escape(folder.name)}</h1><p>{int(lines[-1]['step'])} steps.</p>"
        f"<div class=plots>{''.join(plots)}</div>"
        f"<h2>Figures</h2><table><tr><th>figure</th><th>first</th><th>last</th></tr>{table}</table>"
        f"<h2>Settings</h2><pre>{html.escape(_text(settings))}</pre>",
        encoding="utf-8",
    )
    return path


def _plot(title: str, names: Sequence[str], lines: Sequence[Mapping[str, float]]) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    for name in names:
        points = [(line["step"], line[name]) for line in lines if name in line]
        if points:
            axes.plot(*zip(*points, strict=True), label=name, marker="o" if len(points) < 20 else None, linewidth=1.5)
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel("step")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    return f"<figure>{drawn.getvalue()[drawn.getvalue().index('<svg') :]}</figure>"


def _has(lines: Sequence[Mapping[str, float]], name: str) -> bool:
    return any(name in line for line in lines)


def _first(lines: Sequence[Mapping[str, float]], name: str) -> float:
    return next(line[name] for line in lines if name in line)


def _last(lines: Sequence[Mapping[str, float]], name: str) -> float:
    return _first(lines[::-1], name)


def _text(settings: Mapping[str, Any], indent: str = "") -> str:
    return "\n".join(
        f"{indent}{name}:\n{_text(value, indent + '  ')}" if isinstance(value, Mapping) else f"{indent}{name}: {value}"
        for name, value in settings.items()
    )
