"""The task of `proposal`: what a proposed task must be, by its kind."""

from typing import Annotated, Literal

from pydantic import Field

from veriward.verifiers.kinds import TaskOfKinds
from veriward.verifiers.registry import Task

BANNED = (
    "asyncio", "calendar", "concurrent", "ctypes", "datetime", "gc", "glob", "hashlib", "importlib", "inspect", "io",
    "logging", "multiprocessing", "os", "pathlib", "pickle", "random", "secrets", "shutil", "signal", "socket",
    "subprocess", "sys", "tempfile", "threading", "time", "uuid",
)  # fmt: skip
"""What makes a program depend on more than its input, as Absolute Zero bans it."""

MAX_KNOWN = 100_000

Entry = Annotated[str, Field(pattern=r"^[^\W\d]\w*$", max_length=200)]
Known = Annotated[list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]], Field(max_length=MAX_KNOWN)]
Banned = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=200)]
Rate = Annotated[float, Field(ge=0, le=1)]


class _Proposal(Task):
    banned: Banned = Field(default_factory=lambda: list(BANNED))
    known: Known = Field(default_factory=list)
    solve_rate: Rate | None = None


class ProgramProposal(_Proposal):
    """A program with an input (Absolute Zero): `entry(input)`, run `repeats` times, must give one plain value.

    `known`: fingerprints of proposals that are there already. `solve_rate`: how often a solver was right on it.
    """

    kind: Literal["program"]
    entry: Entry = "f"
    repeats: int = Field(default=2, ge=2, le=5)


class GeneratorProposal(_Proposal):
    """A generator of problems (EFAGen): `entry(seed)` gives {"question": text, "answer": plain value}.

    Over the seeds 0 to `seeds` - 1, at least `distinct` of the questions must differ.
    """

    kind: Literal["generator"]
    entry: Entry = "sample"
    seeds: int = Field(default=8, ge=4, le=50)
    distinct: Rate = 0.5


class ProposalTask(TaskOfKinds[Annotated[ProgramProposal | GeneratorProposal, Field(discriminator="kind")]]):
    """A proposal of one of the kinds `program`, `generator`."""
