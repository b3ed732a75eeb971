"""A run's state on disk: written whole or not at all, so that a killed run goes on from the last one."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import torch

PREFIX = "step-"


def save(folder: Path, step: int, state: dict[str, Any], keep: int) -> Path:
    """Write `folder/step-N/state.pt`, then remove all but the newest `keep`."""
    final = folder / f"{PREFIX}{step:08d}"
    unfinished = folder / f".{final.name}.{os.getpid()}"
    unfinished.mkdir(parents=True)
    torch.save(state, unfinished / "state.pt")
    if final.exists():
        shutil.rmtree(final)
    unfinished.rename(final)
    for old in _all(folder)[:-keep]:
        shutil.rmtree(old)
    return final


def latest(folder: Path) -> Path | None:
    """The newest whole checkpoint."""
    found = _all(folder)
    return found[-1] if found else None


def load(checkpoint: Path, device: torch.device | str) -> dict[str, Any]:
    """The state that `save` was given. Only tensors and plain data are read: a file from elsewhere runs no code."""
    state: dict[str, Any] = torch.load(checkpoint / "state.pt", map_location=device, weights_only=True)
    return state


def _all(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if re.fullmatch(rf"{PREFIX}\d{{8,}}", path.name))
