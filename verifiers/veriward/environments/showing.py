"""How a cell of an interpreter is shown to a model."""

from veriward.environments.environment import Step
from veriward.environments.world import CellReply

_LOST = {
    "time_limit": "a cell did not end when it was interrupted",
    "memory_limit": "it was over its memory",
    "ended": "the code ended it",
    "processes": "a cell left processes behind",
}
_STOPPED = {
    "time_limit": "Stopped: it took longer than its limit.",
    "output_limit": "Stopped: it printed more than its limit.",
    "memory_limit": "Stopped: it needed more memory than its limit.",
}


def shown(cell: CellReply) -> Step:
    """Output, then the value, then what went wrong; an interpreter that is gone is said to be gone."""
    parts = [cell.stdout, cell.stderr]
    if cell.value is not None:
        parts.append(cell.value)
    if not cell.ok:
        parts += [cell.traceback, _STOPPED.get(cell.status, "") or ("" if cell.traceback else cell.error)]
    if cell.lost:
        why = _LOST.get(cell.lost, cell.lost)
        parts.append(f"The interpreter is gone with all it held: {why}. The next call begins with a new one.")
    text = "\n".join(part.rstrip("\n") for part in parts if part.strip("\n"))
    return Step(
        text or "(no output)",
        error=not cell.ok,
        images=cell.figures,
        cpu_seconds=cell.cpu_seconds,
        wall_seconds=cell.wall_seconds,
    )
