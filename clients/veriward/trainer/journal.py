"""The figures of a run: a line of JSON a step, and TensorBoard's files where asked for."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

FILE = "metrics.jsonl"

Figures = dict[str, float]


class Journal:
    """Appends to `metrics.jsonl` in the run's folder. A resumed run forgets the steps that it will make again."""

    def __init__(self, folder: Path, resumed_at: int | None, tensorboard: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        if resumed_at is None:
            path.write_text("")
        else:
            kept = [line for line in read(folder) if line["step"] <= resumed_at]
            path.write_text("".join(json.dumps(line) + "\n" for line in kept))
        self._file = path.open("a", encoding="utf-8")
        self._board: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=resumed_at)

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        self._file.write(json.dumps({"step": step, **figures}) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in figures.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(folder: Path) -> list[dict[str, float]]:
    """The lines of a run, oldest first; one that was cut off by a kill is left out."""
    lines = []
    path = folder / FILE
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines
