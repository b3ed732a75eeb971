"""The verifier `chart`: code that draws a chart, judged by the figure that it draws."""

from functools import lru_cache
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from veriward.sandbox.errors import ExecutionRefused
from veriward.sandbox.execution import MAX_LIMITS, MIB, Execution, Limits, Run, RunStatus, Sandbox
from veriward.sandbox.plain import decode, encode
from veriward.verifiers.chart.figure import Figure, figure_from
from veriward.verifiers.chart.likeness import likeness
from veriward.verifiers.code.program import NoProgram, program_of
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import InvalidTask, Unavailable, Verdict
from veriward.wire.outcomes import Outcome

PROFILE = "chart"
ENTRY = "figure_of"
MAX_PROGRAM_CHARS = 100_000
GOLDS_KEPT = 16
WHOLE = 1 - 1e-9
PARTS = ("type", "data", "labels", "colours")

Weight = Annotated[float, Field(ge=0, le=100)]


class ChartWeights(Task):
    """Of the parts; divided by their sum, over those that the gold figure has."""

    type: Weight = 1.0
    data: Weight = 1.0
    labels: Weight = 1.0
    colours: Weight = 1.0

    @model_validator(mode="after")
    def _what_is_drawn_counts(self) -> "ChartWeights":
        if not self.type + self.data > 0:
            raise ValueError("type or data must weigh something")
        return self


class ChartLimits(Task):
    """Of one run of a program, the importing of matplotlib apart."""

    cpu_seconds: float = Field(default=10.0, gt=0, le=MAX_LIMITS.cpu_seconds)
    memory_bytes: int = Field(default=1024 * MIB, gt=0, le=MAX_LIMITS.memory_bytes)

    @property
    def of_the_sandbox(self) -> Limits:
        return Limits(cpu_seconds=self.cpu_seconds, memory_bytes=self.memory_bytes)


class ChartTask(Task):
    """`gold_code`: a program that draws the right figure; or `gold`: that figure as data.

    `score`: `similarity` (default), or `all`: 1 where every part that weighs something is whole, else 0.
    """

    gold_code: Annotated[str, Field(min_length=1, max_length=MAX_PROGRAM_CHARS)] | None = None
    gold: Figure | None = None
    weights: ChartWeights = ChartWeights()
    limits: ChartLimits = ChartLimits()
    score: Literal["similarity", "all"] = "similarity"

    @model_validator(mode="after")
    def _one_gold(self) -> "ChartTask":
        if (self.gold_code is None) == (self.gold is None):
            raise ValueError("give either gold_code or gold")
        if self.gold is not None and self.gold.is_empty:
            raise ValueError("gold draws nothing")
        return self


def _golds(fields: Any) -> list[str]:
    code = fields.get("gold_code")
    return [f"```python\n{code}\n```"] if isinstance(code, str) else []


@verifier(
    "chart", version=1, task=ChartTask, cpu_seconds=10.0, wall_seconds=60.0, batch=1, runs_programs=True, golds=_golds
)
def chart(response: str, task: ChartTask, sandbox: Sandbox, /) -> Verdict:
    """Run the last Python block, which draws with matplotlib, and compare its figure with the gold one.

    Four parts, each an F1 from 0 to 1 (after ChartMimic's low-level scores, arXiv:2406.09961, section 3.3): `type` of
    what is drawn and where; `data`, point by point within 0.1 % of the gold range; `labels`: titles, axes, legend,
    notes, ticks that are words; `colours`, of the series that pair up, by their CIE76 distance. Reward: their weighted
    mean over what either figure has; 0 where neither type nor data agree in anything. Correct: every part is whole.

    What is drawn invisibly does not count, what is drawn beside the gold figure lowers every part, and a drawn text
    earns nothing by itself. A program that fails, draws nothing, or reaches a limit is wrong. The gold program, which
    never meets the response's, must draw something, or the task is invalid. Needs the profile `chart` of the sandbox
    (extra `chart`); without it every task is invalid, which says nothing of the response.
    """
    _require(sandbox)  # type: ignore[arg-type]
    gold = task.gold if task.gold is not None else _gold(task, sandbox)
    try:
        program = program_of(response)
    except NoProgram as none:
        return _nothing(Outcome.UNPARSED, str(none))
    if len(program) > MAX_PROGRAM_CHARS:
        return _nothing(Outcome.UNPARSED, f"the program is longer than {MAX_PROGRAM_CHARS:,} characters")
    run = _draw(program, task.limits.of_the_sandbox, sandbox)
    isolation = (run.isolation.level, run.isolation.layers, run.isolation.backend)
    drawn = _figure(run)
    if isinstance(drawn, str):
        return _nothing(Outcome.WRONG, drawn, program, isolation)
    found = likeness(gold, drawn)._asdict()
    parts = {name: value for name in PARTS if (value := found[name]) is not None and getattr(task.weights, name)}
    whole = all(part >= WHOLE for part in parts.values())
    reward = _weighted(parts, task.weights) if parts.get("type") or parts.get("data") else 0.0
    if task.score == "all":
        reward = float(whole)
    outcome = Outcome.CORRECT if whole else Outcome.PARTIAL if reward > 0 else Outcome.WRONG
    reason = "" if whole else f"differs in {', '.join(name for name, part in parts.items() if part < WHOLE)}"
    figures = {"series": float(sum(len(axes.series) for axes in drawn.axes)), "cpu_seconds": run.usage.cpu_seconds}
    return Verdict(outcome, 1.0 if whole else reward, parts, program, reason, figures, isolation=isolation)


@lru_cache(maxsize=1)
def _require(sandbox: Sandbox) -> None:
    """Raises `Unavailable` where the sandbox has no matplotlib: before a response is looked at, so none is judged."""
    try:
        _draw("", Limits(), sandbox)
    except ExecutionRefused as refused:
        if refused.field != "profile":
            raise
        missing = f"the sandbox has no profile {PROFILE!r} ({refused.message}); install veriward[chart]"
        raise Unavailable(missing) from None


def _weighted(parts: dict[str, float], weights: ChartWeights) -> float:
    total = sum(getattr(weights, name) for name in parts)
    return float(sum(getattr(weights, name) * part for name, part in parts.items()) / total) if total else 0.0


def _gold(task: ChartTask, sandbox: Sandbox) -> Figure:
    """Raises `InvalidTask` where the gold program draws nothing that can be compared."""
    drawn = _gold_figure(task.gold_code or "", task.limits.of_the_sandbox, sandbox)  # type: ignore[arg-type]
    if isinstance(drawn, str):
        raise InvalidTask("gold_code", drawn)
    return drawn


@lru_cache(maxsize=GOLDS_KEPT)
def _gold_figure(code: str, limits: Limits, sandbox: Sandbox) -> Figure | str:
    return _figure(_draw(code, limits, sandbox))


@lru_cache(maxsize=1)
def _drawing() -> str:
    return resources.files("veriward.verifiers.chart").joinpath("drawing.py").read_text("utf-8")


def _draw(program: str, limits: Limits, sandbox: Sandbox) -> Run:
    asked = Execution(
        _drawing(), mode="call", entry=ENTRY, inputs=(encode((program,)),), profile=PROFILE, limits=limits
    )
    (run,) = sandbox.run(asked)
    return run


def _figure(run: Run) -> Figure | str:
    """What the program drew, or why that is nothing."""
    if run.status is not RunStatus.FINISHED:
        last = run.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return f"the program does not draw: {run.status.value.replace('_', ' ')}{': ' if last else ''}{last[:200]}"
    try:
        figure = figure_from(decode(run.result or b""))
    except ValueError:
        figure = None
    if figure is None:
        return "what the program draws cannot be compared"
    return "the program draws nothing" if figure.is_empty else figure


def _nothing(
    outcome: Outcome, reason: str, program: str | None = None, isolation: tuple[str, tuple[str, ...], str] | None = None
) -> Verdict:
    return Verdict(outcome, 0.0, dict.fromkeys(("type", "data"), 0.0), program, reason, isolation=isolation)
